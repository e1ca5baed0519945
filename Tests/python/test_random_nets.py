"""A hundred random architectures against a reference in float64."""

import numpy as np
import pytest

import nets
import reference
import teleport

CLASSES = 4


class Draw:
    """A net of convolutions of all sorts, norms, sums, poolings, dropout and dense layers."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.layers, self.here = [], "input"
        self.channels = int(self.rng.integers(1, 4))
        self.size = [int(self.rng.integers(6, 11)), int(self.rng.integers(6, 11))]
        self.shape = (self.channels, *self.size)
        for _ in range(self.rng.integers(2, 5)):
            self.pick(self.convolution, self.convolution, self.convolution, self.sum, self.sum, self.pooling)()
            if self.one_in(6):
                self.add("dropout 0.3")
        if self.one_in(2):
            self.add("global_avg_pool")
        if self.one_in(2):
            self.add("dense 7 " + self.pick("bias", "nobias"))
            self.activation()
        self.add(f"dense {CLASSES} bias")

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def one_in(self, many):
        return self.rng.integers(many) == 0

    def add(self, words, *sources):
        name = f"L{len(self.layers)}"
        self.layers.append((name, words.split(), sources or (self.here,)))
        self.here = name

    def activation(self):
        self.add(self.pick("relu", "leaky_relu 0.1", "leaky_relu 0.5", "tanh", "sigmoid"))

    def convolution(self, outputs=None):
        keeps = outputs is not None
        outputs = outputs or self.pick(4, 6, 8)
        kernel, stride, pad = self.pick((1, 1), (3, 3), (5, 5)), 1, "same"
        if not keeps and min(self.size) >= 4 and self.one_in(2):
            kernel, stride, pad = self.pick((3, 2), (2, 3), (3, 3), (4, 4)), self.pick(1, 2), self.pick(0, 1)
            self.size = [(s + 2 * pad - k) // stride + 1 for s, k in zip(self.size, kernel)]
        groups = [g for g in (1, 2, self.channels) if self.channels % g == 0 and outputs % g == 0]
        self.add(
            f"conv {outputs} {kernel[0]}x{kernel[1]} stride {stride} pad {pad} groups {self.pick(*groups)} "
            + self.pick("bias", "nobias")
        )
        self.channels = outputs
        if self.one_in(2):
            self.add("batch_norm")
        if not self.one_in(6):
            self.activation()

    def pooling(self):
        if min(self.size) < 4:
            return
        words, size, stride, pad = self.pick(
            ("max_pool 2", 2, 2, 0),
            ("avg_pool 2", 2, 2, 0),
            ("max_pool 3 stride 2 pad 1", 3, 2, 1),
            ("avg_pool 3 stride 1 pad 1", 3, 1, 1),
        )
        self.add(words)
        self.size = [(s + 2 * pad - size) // stride + 1 for s in self.size]

    def sum(self):
        self.convolution()
        stream = self.here
        for _ in range(self.rng.integers(1, 3)):
            self.convolution(self.channels)
        self.add("add", self.here, stream)
        if not self.one_in(4):
            self.activation()


def drawn(seed):
    net = Draw(seed)
    model = teleport.Model(nets.text(net.shape, net.layers), seed=seed)
    for name in model.tensors:
        value = model.tensor(name)
        if name.endswith("running_var"):
            value = net.rng.uniform(0.5, 2, value.shape)
        elif name.endswith(("running_mean", "bias")):
            value = 0.3 * net.rng.normal(size=value.shape)
        elif value.ndim == 1:
            value = net.rng.uniform(0.5, 1.5, value.shape) * net.rng.choice([-1, 1], value.shape)
        elif not name.endswith("num_batches_tracked"):
            value = 1.5 * value
        model.set_tensor(name, value)
    tensors = {name: model.tensor(name).astype(np.float64) for name in model.tensors}
    x = net.rng.normal(size=(7, *net.shape)).astype(np.float32)
    return model, net, tensors, x, net.rng.integers(0, CLASSES, 7)


@pytest.mark.parametrize("seed", range(100))
def test_a_random_net(seed):
    model, net, tensors, x, y = drawn(seed)
    flat, x = x.reshape(len(x), -1), x.astype(np.float64)
    parameters = [name for name in model.tensors if "running" not in name and "tracked" not in name]
    expected = nets.outputs(net.layers, tensors, x)
    assert np.abs(model.predict(flat) - expected).max() < 1e-5 * max(np.ptp(expected), 1)

    loss, arrays = nets.loss_and_gradient(net.layers, tensors, x, y)
    gradient, value = model.gradient(flat, y)
    assert value == pytest.approx(loss, rel=1e-5)

    def joined(arrays):
        return np.concatenate([arrays[name].ravel() for name in parameters])

    assert reference.relative(gradient, joined(arrays)) < 1e-4

    # Hessian-vector products against differences of the reference's gradients; where a unit is next to a kink, the
    # smallest of the steps does not cross it.
    v = net.rng.normal(size=model.parameter_count).astype(np.float32)
    product = model.hessian_vector_product(flat, y, v)

    def moved(step):
        result, place = dict(tensors), 0
        for name in parameters:
            part = v[place : place + tensors[name].size].astype(np.float64)
            result[name] = tensors[name] + step * part.reshape(tensors[name].shape)
            place += part.size
        return joined(nets.loss_and_gradient(net.layers, result, x, y)[1])

    errors = [reference.relative(product, (moved(h) - moved(-h)) / (2 * h)) for h in (1e-5, 1e-6, 1e-7)]
    assert min(errors) < 1e-3


def test_the_reference_agrees_with_itself():
    """Its gradients are the slopes of its losses."""
    for seed in range(5):
        _, net, tensors, x, y = drawn(seed)
        x = x.astype(np.float64)
        _, gradient = nets.loss_and_gradient(net.layers, tensors, x, y)
        slope, direction = 0.0, {}
        for name, array in gradient.items():
            direction[name] = net.rng.normal(size=tensors[name].shape)
            slope += (array.reshape(direction[name].shape) * direction[name]).sum()

        def loss(step):
            moved = {n: t + step * direction[n] if n in direction else t for n, t in tensors.items()}
            return nets.loss_and_gradient(net.layers, moved, x, y)[0]

        assert (loss(1e-6) - loss(-1e-6)) / 2e-6 == pytest.approx(slope, rel=1e-6, abs=1e-8)
