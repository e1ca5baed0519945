"""Training steps of JAX, a jitted scan with donated parameters: jax_steps.py WIDTHS BATCH METHOD THREADS

XLA takes as many threads as the process may use processors: the driver pins the process.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from worker import rounds, serve, timed  # noqa: E402

widths = [int(width) for width in sys.argv[1].split(",")]
batch = int(sys.argv[2])
optimizer_name, *words = sys.argv[3].split(":")
inner = rounds(widths, batch)
rate, beta1, beta2, epsilon = 1e-4, 0.9, 0.999, 1e-8

keys = jax.random.split(jax.random.key(0), len(widths))
parameters = [
    (jax.random.uniform(key, (a, b), minval=-1, maxval=1) * (6 / (a + b)) ** 0.5, jnp.zeros(b))
    for key, a, b in zip(keys, widths, widths[1:])
]
x = jax.random.uniform(keys[-1], (batch, widths[0])) - 0.5
labels = jnp.arange(batch) % widths[-1]
targets = jax.random.uniform(keys[0], (batch, widths[-1])) - 0.5


def activation(z: jax.Array) -> jax.Array:
    if "tanh" in words:
        return jnp.tanh(z)
    return jax.nn.sigmoid(z) if "sigmoid" in words else jax.nn.leaky_relu(z, 0.01)


def loss(p: Any, x: jax.Array, labels: jax.Array) -> jax.Array:
    h = x
    for w, b in p[:-1]:
        h = activation(h @ w + b)
    if "mse" in words:
        return jnp.mean((h @ p[-1][0] + p[-1][1] - targets) ** 2)
    logits = jax.nn.log_softmax(h @ p[-1][0] + p[-1][1])
    return -jnp.mean(jnp.take_along_axis(logits, labels[:, None], axis=1))


def update(state: Any, gradient: Any) -> Any:
    p, m, s, t = state
    each = jax.tree.map
    if optimizer_name == "sgd":
        return each(lambda w, g: w - rate * g, p, gradient), m, s, t
    if optimizer_name == "momentum":
        m = each(lambda a, g: beta1 * a + g, m, gradient)
        return each(lambda w, a: w - rate * a, p, m), m, s, t
    t = t + 1
    m = each(lambda a, g: beta1 * a + (1 - beta1) * g, m, gradient)
    s = each(lambda a, g: beta2 * a + (1 - beta2) * g * g, s, gradient)
    scale, root = rate / (1 - beta1**t), 1 / jnp.sqrt(1 - beta2**t)
    kept = 1 - rate * 0.01 if optimizer_name == "adamw" else 1.0
    return each(lambda w, a, b: kept * w - scale * a / (jnp.sqrt(b) * root + epsilon), p, m, s), m, s, t


@partial(jax.jit, donate_argnums=0)
def run(state: Any, x: jax.Array, labels: jax.Array) -> Any:
    def step(state: Any, _: None) -> tuple[Any, jax.Array]:
        value, gradient = jax.value_and_grad(loss)(state[0], x, labels)
        return update(state, gradient), value

    return jax.lax.scan(step, state, None, length=inner)


zeros = [] if optimizer_name == "sgd" else jax.tree.map(jnp.zeros_like, parameters)
state = (parameters, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros(()))


def repetition() -> dict[str, float]:
    def work() -> None:
        global state
        state, values = run(state, x, labels)
        values.block_until_ready()
        jax.block_until_ready(state)

    result = timed(work)
    return {"seconds": result["seconds"] / inner}


serve(repetition, version=jax.__version__)
