"""Steps of SGD of a text's net in JAX, a jitted call each: jax_text_steps.py TEXT BATCH THREADS STEPS

Parameters are donated; images are NHWC, which XLA's convolutions take as they are. XLA takes as many threads as the
process may use processors.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from texts import Line, has_bias, input_shape, lines_of  # noqa: E402
from worker import serve, timed  # noqa: E402

lines = lines_of(sys.argv[1])
batch, inner = int(sys.argv[2]), int(sys.argv[4])
channels, height, width = input_shape(lines)
random = iter(jax.random.split(jax.random.key(0), len(lines) + 1))
x = jax.random.uniform(next(random), (batch, height, width, channels)) - 0.5
labels = jnp.arange(batch) % 10


def parameters_of(line: Line, x: jax.Array) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Of a layer that reads x: what is learned, and running statistics."""
    if line.kind == "batch_norm":
        size = x.shape[-1]
        return {"weight": jnp.ones(size), "bias": jnp.zeros(size)}, {"mean": jnp.zeros(size), "var": jnp.ones(size)}
    if line.kind not in ("conv", "dense"):
        return {}, {}
    outputs = int(line.words[0])
    inputs = x.shape[-1] if line.kind == "conv" else x[0].size
    shape = (*line.sizes, inputs, outputs) if line.kind == "conv" else (inputs, outputs)
    bound = (3 / (inputs * (line.sizes[0] * line.sizes[1] if line.kind == "conv" else 1))) ** 0.5
    made = {"weight": jax.random.uniform(next(random), shape, minval=-bound, maxval=bound)}
    return (made | {"bias": jnp.zeros(outputs)} if has_bias(lines, line) else made), {}


def pool(x: jax.Array, line: Line, start: float, combine: Any) -> jax.Array:
    pads = ((0, 0), *((pad, pad) for pad in line.padding), (0, 0))
    return jax.lax.reduce_window(x, start, combine, (1, *line.sizes, 1), (1, *line.stride, 1), pads)


def norm(line: Line, x: jax.Array, own: Any, running: Any) -> tuple[jax.Array, Any]:
    axes = tuple(range(x.ndim - 1))
    mean, var = jnp.mean(x, axes), jnp.var(x, axes)
    y = (x - mean) * (own["weight"] * jax.lax.rsqrt(var + 1e-5)) + own["bias"]
    return y, {"mean": 0.9 * running["mean"] + 0.1 * mean, "var": 0.9 * running["var"] + 0.1 * var}


def value(line: Line, inputs: list[jax.Array], own: Any) -> jax.Array:
    h = inputs[0]
    if line.kind == "conv":
        pads = [(pad, pad) for pad in line.padding]
        y = jax.lax.conv_general_dilated(
            h, own["weight"], line.stride, pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))  # fmt: skip
        return y + own["bias"] if "bias" in own else y
    if line.kind == "dense":
        return h.reshape(batch, -1) @ own["weight"] + own["bias"]
    if line.kind == "max_pool":
        return pool(h, line, -jnp.inf, jax.lax.max)
    return {
        "global_avg_pool": lambda: jnp.mean(h, (1, 2)), "relu": lambda: jax.nn.relu(h),
        "leaky_relu": lambda: jax.nn.leaky_relu(h, 0.01), "add": lambda: h + inputs[-1],
    }[line.kind]()  # fmt: skip


def forward(parameters: Any, statistics: Any, x: jax.Array) -> tuple[jax.Array, Any]:
    values, after = {lines[0].name: x}, {}
    for line in lines[1:]:
        inputs = [values[source] for source in line.sources]
        own = parameters[line.name]
        if line.kind == "batch_norm":
            values[line.name], after[line.name] = norm(line, inputs[0], own, statistics[line.name])
        else:
            values[line.name], after[line.name] = value(line, inputs, own), {}
    return values[lines[-1].name], after


def made() -> tuple[Any, Any]:
    values: dict[str, jax.Array] = {lines[0].name: x}
    parameters, statistics = {}, {}
    for line in lines[1:]:
        inputs = [values[source] for source in line.sources]
        own, running = parameters_of(line, inputs[0])
        parameters[line.name], statistics[line.name] = own, running
        is_norm = line.kind == "batch_norm"
        values[line.name] = norm(line, inputs[0], own, running)[0] if is_norm else value(line, inputs, own)
    return parameters, statistics


def loss(parameters: Any, statistics: Any) -> tuple[jax.Array, Any]:
    outputs, after = forward(parameters, statistics, x)
    logits = jax.nn.log_softmax(outputs)
    return -jnp.mean(jnp.take_along_axis(logits, labels[:, None], axis=1)), after


@partial(jax.jit, donate_argnums=(0, 1))
def step(parameters: Any, statistics: Any) -> tuple[Any, Any, jax.Array]:
    (value, after), gradient = jax.value_and_grad(loss, has_aux=True)(parameters, statistics)
    return jax.tree.map(lambda w, g: w - 1e-4 * g, parameters, gradient), after, value


state = made()


def repetition() -> dict[str, float]:
    def work() -> None:
        global state
        for _ in range(inner):
            *after, _ = step(*state)
            state = (after[0], after[1])
        jax.block_until_ready(state)

    return {"seconds": timed(work)["seconds"] / inner}


serve(repetition, version=jax.__version__)
