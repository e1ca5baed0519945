"""Steps of SGD of a text's net in TensorFlow: tf_text_steps.py TEXT BATCH THREADS STEPS [xla]"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf  # noqa: E402
from texts import Line, has_bias, input_shape, lines_of  # noqa: E402
from worker import serve, timed  # noqa: E402

lines = lines_of(sys.argv[1])
batch, threads, inner = int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
tf.random.set_seed(0)
channels, height, width = input_shape(lines)
x = tf.random.uniform((batch, height, width, channels)) - 0.5
labels = tf.range(batch) % 10
parameters: dict[str, dict[str, tf.Variable]] = {}
running: dict[str, tuple[tf.Variable, tf.Variable]] = {}


def make(line: Line, x: tf.Tensor) -> None:
    own = parameters[line.name] = {}
    if line.kind == "batch_norm":
        size = x.shape[-1]
        own |= {"weight": tf.Variable(tf.ones(size)), "bias": tf.Variable(tf.zeros(size))}
        running[line.name] = (tf.Variable(tf.zeros(size)), tf.Variable(tf.ones(size)))
    if line.kind not in ("conv", "dense"):
        return
    outputs = int(line.words[0])
    inputs = x.shape[-1] if line.kind == "conv" else int(tf.size(x)) // batch
    shape = (*line.sizes, inputs, outputs) if line.kind == "conv" else (inputs, outputs)
    bound = (3 / (inputs * (line.sizes[0] * line.sizes[1] if line.kind == "conv" else 1))) ** 0.5
    own["weight"] = tf.Variable(tf.random.uniform(shape, -bound, bound))
    if has_bias(lines, line):
        own["bias"] = tf.Variable(tf.zeros(outputs))


def norm(line: Line, h: tf.Tensor) -> tf.Tensor:
    own, (mean, var) = parameters[line.name], running[line.name]
    y, batch_mean, batch_var, *_ = tf.compat.v1.nn.fused_batch_norm(
        h, own["weight"], own["bias"], epsilon=1e-5, is_training=True)  # fmt: skip
    mean.assign(0.9 * mean + 0.1 * batch_mean)
    var.assign(0.9 * var + 0.1 * batch_var)
    return y


def value(line: Line, inputs: list[tf.Tensor]) -> tf.Tensor:
    h, own = inputs[0], parameters[line.name]
    if line.kind == "conv":
        pads = [[0, 0], *([pad, pad] for pad in line.padding), [0, 0]]
        y = tf.nn.conv2d(h, own["weight"], line.stride, pads)
        return tf.nn.bias_add(y, own["bias"]) if "bias" in own else y
    if line.kind == "dense":
        return tf.nn.bias_add(tf.matmul(tf.reshape(h, (batch, -1)), own["weight"]), own["bias"])
    if line.kind == "max_pool":
        return tf.nn.max_pool2d(h, line.sizes, line.stride, "VALID")
    return {
        "global_avg_pool": lambda: tf.reduce_mean(h, (1, 2)), "relu": lambda: tf.nn.relu(h),
        "leaky_relu": lambda: tf.nn.leaky_relu(h, 0.01), "add": lambda: h + inputs[-1],
        "batch_norm": lambda: norm(line, h),
    }[line.kind]()  # fmt: skip


def forward(makes: bool = False) -> tf.Tensor:
    values = {lines[0].name: x}
    for line in lines[1:]:
        inputs = [values[source] for source in line.sources]
        if makes:
            make(line, inputs[0])
        values[line.name] = value(line, inputs)
    return values[lines[-1].name]


forward(makes=True)
learned = [variable for own in parameters.values() for variable in own.values()]


@tf.function(jit_compile="xla" in sys.argv[5:])
def step() -> tf.Tensor:
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, forward())
        value = tf.reduce_mean(losses)
    for variable, gradient in zip(learned, tape.gradient(value, learned)):
        variable.assign_sub(1e-4 * gradient)
    return value


serve(lambda: timed(lambda: step().numpy(), inner), version=tf.__version__)
