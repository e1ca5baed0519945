"""A float64 MLP in numpy, written from the header's formulas and not from the library's code.

Rows are samples. `layers` is a list of (W, b) with W outputs x inputs and b None without biases.
"""

import numpy as np


def _activation(name, slope):
    """f and f' of z."""
    if name == "identity":
        return (lambda z: z), np.ones_like
    if name == "relu":
        name, slope = "leaky_relu", 0.0
    if name == "leaky_relu":
        return (
            lambda z: np.where(z > 0, z, slope * z),
            lambda z: np.where(z > 0, 1.0, slope),
        )
    if name == "sigmoid":
        f = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
        return f, lambda z: f(z) * (1 - f(z))
    assert name == "tanh"
    return np.tanh, lambda z: 1 - np.tanh(z) ** 2


def layers_of(model):
    found = []
    for index in range(model.layer_count):
        weights, bias = model.get_layer(index)
        found.append(
            (weights.astype(np.float64), None if bias is None else bias.astype(np.float64))
        )
    return found


def flat(layers):
    parts = []
    for weights, bias in layers:
        parts.append(np.ravel(weights))
        if bias is not None:
            parts.append(np.ravel(bias))
    return np.concatenate(parts)


def outputs(layers, x, activation="leaky_relu", slope=0.01):
    f, _ = _activation(activation, slope)
    h = np.asarray(x, np.float64)
    for index, (weights, bias) in enumerate(layers):
        z = h @ weights.T + (0 if bias is None else bias)
        h = f(z) if index < len(layers) - 1 else z
    return h


def softmax(o):
    e = np.exp(o - o.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def loss_and_error(o, y, loss, weights=None):
    """The loss and its derivative in the outputs."""
    count, width = o.shape
    a = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if loss == "cross_entropy":
        p = softmax(o)
        error = p.copy()
        error[np.arange(count), y] -= 1
        return -(a * np.log(p[np.arange(count), y])).sum() / a.sum(), error * a[:, None] / a.sum()
    difference = o - np.asarray(y, np.float64)
    squares = (a * (difference**2).sum(axis=1)).sum()
    if loss == "mean_squared_error":
        return squares / (a.sum() * width), 2 * difference * a[:, None] / (a.sum() * width)
    assert loss == "half_squared_error"
    return squares / 2, difference * a[:, None]


def loss_and_gradient(
    layers, x, y, loss="cross_entropy", weights=None, activation="leaky_relu", slope=0.01
):
    """The loss and [(dL/dW, dL/db)]."""
    f, derivative = _activation(activation, slope)
    h = [np.asarray(x, np.float64)]
    z = []
    for index, (w, b) in enumerate(layers):
        z.append(h[-1] @ w.T + (0 if b is None else b))
        h.append(f(z[-1]) if index < len(layers) - 1 else z[-1])
    value, error = loss_and_error(h[-1], y, loss, weights)
    gradient = []
    for index in reversed(range(len(layers))):
        w, b = layers[index]
        gradient.append((error.T @ h[index], None if b is None else error.sum(axis=0)))
        if index > 0:
            error = (error @ w) * derivative(z[index - 1])
    return value, gradient[::-1]


def scaled(layers, log_scale):
    """The layers after exp(s) on every hidden unit; log_scale is one array a hidden layer."""
    moved = [(w.copy(), None if b is None else b.copy()) for w, b in layers]
    for index, s in enumerate(log_scale):
        w, b = moved[index]
        moved[index] = (w * np.exp(s)[:, None], None if b is None else b * np.exp(s))
        w, b = moved[index + 1]
        moved[index + 1] = (w * np.exp(-s), b)
    return moved


def exponential(t):
    """exp(t) of a matrix: a Taylor series after scaling, then squarings."""
    doublings = max(0, int(np.ceil(np.log2(max(np.linalg.norm(t), 1e-300)))) + 4)
    scaled_t = np.asarray(t, np.float64) / 2**doublings
    result = term = np.eye(len(scaled_t))
    for order in range(1, 16):
        term = term @ scaled_t / order
        result = result + term
    for _ in range(doublings):
        result = result @ result
    return result


def _inverse(name, slope):
    """f^-1."""
    return {
        "identity": lambda y: y,
        "leaky_relu": lambda y: np.where(y > 0, y, y / (slope or np.nan)),
        "sigmoid": lambda y: np.log(y) - np.log1p(-y),
        "tanh": np.arctanh,
    }[name]


def inputs_of_layers(layers, x, activation="leaky_relu", slope=0.01):
    """h of every layer: n x inputs."""
    f, _ = _activation(activation, slope)
    h = [np.asarray(x, np.float64)]
    for w, b in layers[:-1]:
        h.append(f(h[-1] @ w.T + (0 if b is None else b)))
    return h


def acted(layers, index, g, x, activation="leaky_relu", slope=0.01):
    """The layers after g acted on hidden layer `index` through the inputs x (anchored form)."""
    f, _ = _activation(activation, slope)
    h = inputs_of_layers(layers, x, activation, slope)[index]
    moved = list(layers)
    w, b = layers[index]
    z = h @ w.T + (0 if b is None else b)
    change = _inverse(activation, slope)(f(z) @ g.T) - z
    moved[index] = (w + (np.linalg.pinv(h) @ change).T, b)
    above, above_bias = layers[index + 1]
    moved[index + 1] = (above @ np.linalg.inv(g), above_bias)
    return moved


def unflat(parameters, like):
    """The inverse of `flat`, in the shapes of `like`."""
    layers, rest = [], np.asarray(parameters)
    for w, b in like:
        weights, rest = rest[: w.size].reshape(w.shape), rest[w.size :]
        bias = None
        if b is not None:
            bias, rest = rest[: b.size], rest[b.size :]
        layers.append((weights, bias))
    return layers


def hessian_vector_product(layers, v, *batch_and_loss, **options):
    """Central differences of the float64 gradient: right to about 1e-9."""
    start, step = flat(layers), 1e-5 / np.linalg.norm(v)

    def gradient(parameters):
        moved = unflat(parameters, layers)
        return flat(loss_and_gradient(moved, *batch_and_loss, **options)[1])

    return (gradient(start + step * v) - gradient(start - step * v)) / (2 * step)


def relative(got, expected):
    """Largest difference, relative to the largest expected number."""
    expected = np.asarray(expected, np.float64)
    return np.abs(np.asarray(got, np.float64) - expected).max() / np.abs(expected).max()
