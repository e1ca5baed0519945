"""Training steps of TensorFlow, a loop compiled by XLA: tf_steps.py WIDTHS BATCH OPTIMIZER THREADS

Measured and slower, or no faster: without XLA, XLA for each step alone, the loop unrolled, fused optimizer kernels.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf  # noqa: E402
from worker import rounds, serve, timed  # noqa: E402

widths = [int(width) for width in sys.argv[1].split(",")]
batch, optimizer_name, threads = int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
tf.random.set_seed(0)
inner = rounds(widths, batch)
rate, beta1, beta2, epsilon = 1e-4, 0.9, 0.999, 1e-8

parameters: list[tf.Variable] = []  # weights and biases in turn
for inputs, outputs in zip(widths, widths[1:]):
    bound = (6 / (inputs + outputs)) ** 0.5
    parameters += [tf.Variable(tf.random.uniform((inputs, outputs), -bound, bound)), tf.Variable(tf.zeros(outputs))]
moments = [] if optimizer_name == "sgd" else [tf.Variable(tf.zeros_like(p)) for p in parameters]
squares = [] if optimizer_name == "sgd" else [tf.Variable(tf.zeros_like(p)) for p in parameters]
count = tf.Variable(0.0)
x = tf.random.uniform((batch, widths[0])) - 0.5
labels = tf.range(batch) % widths[-1]


def loss(x: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    h = x
    for w, b in zip(parameters[:-2:2], parameters[1:-2:2]):
        h = tf.nn.leaky_relu(tf.matmul(h, w) + b, 0.01)
    logits = tf.matmul(h, parameters[-2]) + parameters[-1]
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def update(gradients: list[tf.Tensor]) -> None:
    if optimizer_name == "sgd":
        for p, g in zip(parameters, gradients):
            p.assign_sub(rate * g)
        return
    count.assign_add(1.0)
    scale, root = rate / (1 - beta1**count), 1 / tf.sqrt(1 - beta2**count)
    for p, m, s, g in zip(parameters, moments, squares, gradients):
        m.assign(beta1 * m + (1 - beta1) * g)
        s.assign(beta2 * s + (1 - beta2) * g * g)
        p.assign_sub(scale * m / (tf.sqrt(s) * root + epsilon))


@tf.function(jit_compile=True)
def run(x: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    value = tf.constant(0.0)
    for _ in tf.range(inner):
        with tf.GradientTape() as tape:
            value = loss(x, labels)
        update(tape.gradient(value, parameters))
    return value


def repetition() -> dict[str, float]:
    result = timed(lambda: run(x, labels).numpy())  # .numpy() waits for the result
    return {"seconds": result["seconds"] / inner}


serve(repetition, version=tf.__version__)
