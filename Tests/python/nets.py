"""Nets of any shape in float64 with numpy, written from the header's formulas and not from the library's code.

A net is a list of layers (name, words of the kind, names of what it reads); the last gives the outputs. Values are
count x channels x height x width, vectors those of height and width 1.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def text(shape, layers):
    lines = [f"{name} = {' '.join(words)} of {' '.join(sources)}" for name, words, sources in layers]
    return "\n".join(["input " + "x".join(map(str, shape)), *lines])


def _option(words, key, usual):
    return int(words[words.index(key) + 1]) if key in words else usual


class _Windows:
    """All windows of padded images: count x channels x rows x columns x height x width."""

    def __init__(self, x, size, stride, pad, fill=0.0):
        self.shape, self.size, self.stride, self.pad = x.shape, size, stride, pad
        self.padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=fill)
        self.values = sliding_window_view(self.padded, size, (2, 3))[:, :, ::stride, ::stride]

    def back(self, part):
        """The sum of part(i, j), count x channels x rows x columns, at the places of the windows' tap i, j."""
        rows, columns = self.values.shape[2:4]
        total = np.zeros(self.padded.shape)
        for i in range(self.size[0]):
            for j in range(self.size[1]):
                down = slice(i, i + self.stride * rows, self.stride)
                total[:, :, down, j : j + self.stride * columns : self.stride] += part(i, j)
        height, width = self.shape[2:]
        return total[:, :, self.pad : self.pad + height, self.pad : self.pad + width]


def _kernel(words):
    sizes = [int(size) for size in words.split("x")]
    return sizes * 2 if len(sizes) == 1 else sizes


def _conv(t, name, words, x):
    kernel = _kernel(words[2])
    same = "same" in words
    groups = _option(words, "groups", 1)
    pad = kernel[0] // 2 if same else _option(words, "pad", 0)
    windows = _Windows(x, kernel, _option(words, "stride", 1), pad)
    count, channels, rows, columns = windows.values.shape[:4]
    grouped = windows.values.reshape(count, groups, channels // groups, rows, columns, *kernel)
    w = t[name + ".weight"]
    outputs = w.shape[0]
    w = w.reshape(groups, outputs // groups, channels // groups, *kernel)
    y = np.einsum("ngchwij,gocij->ngohw", grouped, w, optimize=True)
    y = y.reshape(count, outputs, rows, columns)
    if "bias" in words:
        y = y + t[name + ".bias"][:, None, None]

    def back(dy):
        d = dy.reshape(count, groups, outputs // groups, rows, columns)
        found = {name + ".weight": np.einsum("ngchwij,ngohw->gocij", grouped, d, optimize=True)}
        if "bias" in words:
            found[name + ".bias"] = dy.sum((0, 2, 3))

        def part(i, j):
            return np.einsum("ngohw,goc->ngchw", d, w[..., i, j]).reshape(count, channels, rows, columns)

        return [windows.back(part)], found

    return y, back


def _dense(t, name, words, x):
    h, w = x.reshape(len(x), -1), t[name + ".weight"]
    y = h @ w.T + (t[name + ".bias"] if "bias" in words else 0)

    def back(dy):
        d = dy[:, :, 0, 0]
        found = {name + ".weight": d.T @ h}
        if "bias" in words:
            found[name + ".bias"] = d.sum(0)
        return [(d @ w).reshape(x.shape)], found

    return y[:, :, None, None], back


def _norm(t, name, words, x, batch):
    axes = (0, 2, 3)
    keep = (slice(None), None, None)
    if batch:
        mean, variance = x.mean(axes), x.var(axes)
    else:
        mean, variance = t[name + ".running_mean"], t[name + ".running_var"]
    sigma = np.sqrt(variance + 1e-5)[keep]
    n = (x - mean[keep]) / sigma
    gamma = t[name + ".weight"][keep]

    def back(dy):
        found = {name + ".weight": (dy * n).sum(axes), name + ".bias": dy.sum(axes)}
        means = dy.mean(axes)[keep], (dy * n).mean(axes)[keep]
        return [gamma / sigma * (dy - means[0] - n * means[1])], found

    return gamma * n + t[name + ".bias"][keep], back


def _pool(kind, words, x):
    size = _kernel(words[1])
    stride, pad = _option(words, "stride", size[0]), _option(words, "pad", 0)
    windows = _Windows(x, size, stride, pad, -np.inf if kind == "max_pool" else 0.0)
    if kind == "avg_pool":
        return windows.values.mean((4, 5)), lambda dy: ([windows.back(lambda i, j: dy / (size[0] * size[1]))], {})
    flat = windows.values.reshape(*windows.values.shape[:4], -1)
    place = flat.argmax(-1)
    return flat.max(-1), lambda dy: ([windows.back(lambda i, j: dy * (place == i * size[1] + j))], {})


def _activation(words, x):
    kind = words[0]
    if kind in ("relu", "leaky_relu"):
        slope = float(words[1]) if kind == "leaky_relu" else 0.0
        return np.where(x > 0, x, slope * x), lambda dy: ([np.where(x > 0, dy, slope * dy)], {})
    y = np.tanh(x) if kind == "tanh" else 1 / (1 + np.exp(-x))
    return y, lambda dy: ([dy * (1 - y**2 if kind == "tanh" else y * (1 - y))], {})


def _layer(t, name, words, inputs, batch):
    kind, x = words[0], inputs[0]
    if kind == "conv":
        return _conv(t, name, words, x)
    if kind == "dense":
        return _dense(t, name, words, x)
    if kind == "batch_norm":
        return _norm(t, name, words, x, batch)
    if kind in ("max_pool", "avg_pool"):
        return _pool(kind, words, x)
    if kind == "global_avg_pool":
        area = x.shape[2] * x.shape[3]
        return x.mean((2, 3), keepdims=True), lambda dy: ([np.broadcast_to(dy / area, x.shape)], {})
    if kind == "add":
        return x + inputs[1], lambda dy: ([dy, dy], {})
    if kind == "dropout":
        return x, lambda dy: ([dy], {})
    return _activation(words, x)


def outputs(layers, tensors, x, *, batch=False):
    """With the running statistics or, where `batch`, with those of x."""
    return _forward(layers, tensors, x, batch)[0]


def _forward(layers, tensors, x, batch):
    values, backs = {"input": x}, {}
    for name, words, sources in layers:
        values[name], backs[name] = _layer(tensors, name, words, [values[s] for s in sources], batch)
    last = layers[-1][0]
    return values[last].reshape(len(x), -1), backs


def loss_and_gradient(layers, tensors, x, labels):
    """Mean cross-entropy with the batch's statistics, and its gradient by the name of each array."""
    logits, backs = _forward(layers, tensors, x, True)
    shifted = logits - logits.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    rows = np.arange(len(x))
    delta = np.exp(logs)
    delta[rows, labels] -= 1
    deltas = {layers[-1][0]: (delta / len(x))[:, :, None, None]}
    gradient = {}
    for name, _, sources in reversed(layers):
        if name not in deltas:
            continue
        below, found = backs[name](deltas.pop(name))
        gradient.update(found)
        for source, d in zip(sources, below):
            deltas[source] = deltas[source] + d if source in deltas else d
    return -logs[rows, labels].mean(), gradient
