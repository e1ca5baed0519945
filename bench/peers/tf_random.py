"""The random search of baubels/gradient_teleportation in TensorFlow, one thread: tf_random.py WIDTHS BATCH SAMPLES

Written for this comparison after the notebook's scheme: one forward pass on a persistent tape; for each of 1,000 g (float64,
entries U[0, 1), row sums on the diagonal, norm 1) all gradients are taken from the tape again and the chosen layer's,
times g^-1, gives the score, without moving a weight. The best is applied: g^-1 to that layer, f^-1(g f(W h)) h^+ to the
one before. Biases are rows of the weights, as there. Outside of a tf.function, as there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from worker import serve, timed  # noqa: E402

SLOPE, CANDIDATES = 0.01, 1000

widths = [int(width) for width in sys.argv[1].split(",")]
batch = int(sys.argv[2])
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.random.set_seed(0)

content = Path(sys.argv[3]).read_bytes()
count, width = np.frombuffer(content, np.int32, 2)
x = tf.constant(np.frombuffer(content, np.float32, count * width, 8).reshape(count, width)[:batch])
labels = tf.constant(np.frombuffer(content, np.int32, count, 8 + 4 * count * width)[:batch])


def first(inputs: int, outputs: int) -> tf.Tensor:
    bound = (6 / (inputs + outputs)) ** 0.5
    return tf.concat([tf.random.uniform((inputs, outputs), -bound, bound), tf.zeros((1, outputs))], 0)


weights = [tf.Variable(first(a, b)) for a, b in zip(widths, widths[1:])]
start = [tf.identity(w) for w in weights]


def with_ones(h: tf.Tensor) -> tf.Tensor:
    return tf.concat([h, tf.ones((batch, 1))], 1)


def hidden(layers: int) -> tf.Tensor:
    """The input of a layer, its column of ones included."""
    h = with_ones(x)
    for w in weights[:layers]:
        h = with_ones(tf.nn.leaky_relu(h @ w, SLOPE))
    return h


def loss() -> tf.Tensor:
    logits = hidden(len(weights) - 1) @ weights[-1]
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def draw(generator: np.random.Generator, size: int) -> tf.Tensor:
    g = generator.random((size, size))
    np.fill_diagonal(g, g.sum(1))
    return tf.convert_to_tensor(g / np.linalg.norm(g))


def search() -> None:
    generator = np.random.default_rng(0)
    for w, value in zip(weights, start):
        w.assign(value)
    with tf.GradientTape(persistent=True) as tape:
        value = loss()
    layer = int(generator.integers(1, len(weights)))  # the layer that takes g^-1
    size = widths[layer]
    candidates = [draw(generator, size) for _ in range(CANDIDATES)]
    scores = []
    for g in candidates:
        gradient = tape.gradient(value, weights)[layer][:size]
        inverse = tf.cast(tf.linalg.inv(g), tf.float32)
        scores.append(tf.linalg.norm(tf.matmul(inverse, gradient, transpose_a=True)))
    g = tf.cast(candidates[int(np.argmax(np.array(scores)))], tf.float32)
    h = hidden(layer - 1)
    moved = tf.nn.leaky_relu(h @ weights[layer - 1], SLOPE) @ tf.transpose(g)
    weights[layer - 1].assign(tf.linalg.pinv(h) @ tf.nn.leaky_relu(moved, 1 / SLOPE))
    inverse = tf.transpose(tf.linalg.inv(g))
    weights[layer].assign(tf.concat([inverse @ weights[layer][:size], weights[layer][size:]], 0))


def norm2() -> float:
    with tf.GradientTape() as tape:
        value = loss()
    return sum(float(tf.reduce_sum(g * g)) for g in tape.gradient(value, weights))


def repetition() -> dict[str, float]:
    for w, value in zip(weights, start):
        w.assign(value)
    before, norm = float(loss()), norm2()
    result = timed(search)
    return result | {"loss change": abs(float(loss()) - before) / before, "growth": (norm2() / norm) ** 0.5}


serve(repetition, version=tf.__version__)
