"""Optimizers of PyTorch and of PyPI's packages on the tasks of frames.py, at their best rates.

frames.py --rivals runs it in the benchmarks' environment (bench/requirements.txt), which has no
libteleport: a task comes as a file of arrays with the first weights of every seed, results go back
as a line of JSON a method. First weights are those of the library's runs; mini-batches are drawn
in another order.

  rivals.py TASK.npz
"""

import importlib
import importlib.metadata
import json
import math
import sys
import time
import warnings

import numpy as np

# Name: the package of its optimizer, its first rate (None: it has none), and what enters the net.
RAW, CENTRED, STANDARDIZED, NORMALIZED = "raw", "centred", "standardized", "batch norm"
RIVALS = {
    "SGD": ("torch", 0.2, (RAW, CENTRED, STANDARDIZED, NORMALIZED)),
    "Adam": ("torch", 2e-3, (RAW, CENTRED, STANDARDIZED, NORMALIZED)),
    "Schedule-Free SGD": ("schedulefree", 0.8, (RAW, CENTRED)),
    "Schedule-Free AdamW": ("schedulefree", 8e-3, (RAW, CENTRED)),
    "Prodigy": ("prodigyopt", None, (RAW, CENTRED)),
    "Muon": ("torch", 8e-3, (RAW, CENTRED)),
    "SOAP": ("pytorch_optimizer", 8e-3, (RAW, CENTRED)),
    "K-FAC": ("asdl", 0.1, (RAW, CENTRED)),
}
DISTRIBUTIONS = {"asdl": "asdfghjkl"}  # what PyPI calls a package, where that is another name


def best_power(final):
    """The power of 2 with the least final loss, by steps of one until it is inside.

    From a rate that diverges it goes down first, to one that does not.
    """
    found = {}

    def at(power):
        if power not in found:
            found[power] = final(power)
        return found[power]

    place = 0
    while not math.isfinite(at(place)) and place > -12:
        place -= 1
    while True:
        for step in (1, -1):
            if at(place + step) < at(place):
                place += step
                break
        else:
            return place


class Both:
    """Two optimizers that step together: Muon is of matrices alone."""

    def __init__(self, *parts):
        self.parts = parts

    def zero_grad(self):
        for part in self.parts:
            part.zero_grad()

    def step(self):
        for part in self.parts:
            part.step()


def optimizer_of(name, net, rate):
    """Decay is 0 for all; else the defaults of the package."""
    import torch

    def package(module):
        return importlib.import_module(module)

    every = list(net.parameters())
    if name in ("SGD", "K-FAC"):  # K-FAC: of gradients that have been preconditioned
        return torch.optim.SGD(every, lr=rate)
    if name == "Adam":
        return torch.optim.Adam(every, lr=rate)
    if name == "Schedule-Free SGD":
        return package("schedulefree").SGDScheduleFree(every, lr=rate)
    if name == "Schedule-Free AdamW":
        return package("schedulefree").AdamWScheduleFree(every, lr=rate, warmup_steps=100)
    if name == "Prodigy":
        return package("prodigyopt").Prodigy(every, lr=1.0)
    if name == "SOAP":
        return package("pytorch_optimizer").SOAP(every, lr=rate, weight_decay=0)
    matrices = [parameter for parameter in every if parameter.ndim == 2]
    others = [parameter for parameter in every if parameter.ndim != 2]
    muon = torch.optim.Muon(matrices, lr=rate, weight_decay=0, adjust_lr_fn="match_rms_adamw")
    return Both(muon, torch.optim.Adam(others, lr=rate))


def net_of(widths, weights, normalized):
    """A perceptron of LeakyReLU with the given weights, layer by layer W, then b."""
    import torch

    parts, place = [], 0
    for layer, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        linear = torch.nn.Linear(inputs, outputs)
        for tensor in (linear.weight, linear.bias):
            numbers = weights[place : place + tensor.numel()].reshape(tensor.shape)
            tensor.data = torch.tensor(numbers)
            place += tensor.numel()
        parts.append(linear)
        if layer < len(widths) - 2:
            parts += [torch.nn.BatchNorm1d(outputs)] if normalized else []
            parts.append(torch.nn.LeakyReLU(0.01))
    return torch.nn.Sequential(*parts)


class Task:
    """The arrays of a task as tensors, in what enters the net."""

    def __init__(self, file, kind):
        import torch

        self.kind = kind
        self.widths, self.batch = [int(width) for width in file["widths"]], int(file["batch"])
        self.steps = int(file["steps"])
        x, test_x = file["x"], file["test_x"]
        shift, size = 0, 1
        if kind in (CENTRED, STANDARDIZED):
            shift = x.mean(0, dtype=np.float64).astype(np.float32)
        if kind == STANDARDIZED:
            deviation = x.std(0, dtype=np.float64).astype(np.float32)
            size = np.where(deviation > 0, deviation, 1)
        self.x, self.test_x = (torch.tensor((part - shift) / size) for part in (x, test_x))
        self.classifies = file["y"].ndim == 1
        self.y, self.test_y = (torch.tensor(file[name]) for name in ("y", "test_y"))
        if self.classifies:
            self.y, self.test_y = self.y.long(), self.test_y.long()
            self.loss = torch.nn.functional.cross_entropy
        else:
            self.loss = torch.nn.functional.mse_loss

    def evaluate(self, net):
        import torch

        net.eval()
        with torch.no_grad():
            value = float(self.loss(net(self.x), self.y))
        net.train()
        return value if math.isfinite(value) else math.inf

    def accuracy(self, net):
        import torch

        net.eval()
        with torch.no_grad():
            right = net(self.test_x).argmax(1) == self.test_y
        return float(right.float().mean())


def gradient_of(name, net, task):
    """What puts gradients of a mini-batch into the parameters."""
    import torch

    if name != "K-FAC":

        def plain(x, y):
            task.loss(net(x), y).backward()

        return plain
    asdl = importlib.import_module("asdl")
    # It marks what it does for a profiler that PyTorch has on GPUs alone, and hooks in the old way.
    torch.cuda.nvtx.range_push = torch.cuda.nvtx.range_pop = lambda *_: 0
    warnings.filterwarnings("ignore", "Using a non-full backward hook", FutureWarning)
    config = asdl.PreconditioningConfig(
        data_size=task.batch,
        damping=1e-2,
        ema_decay=0.05,
        curvature_upd_interval=10,
        preconditioner_upd_interval=10,
    )
    kind = "cross_entropy" if task.classifies else "mse"
    maker = asdl.KfacGradientMaker(net, config, loss_type=kind)

    def preconditioned(x, y):
        outputs = maker.setup_model_call(net, x)
        maker.setup_loss_call(task.loss, outputs, y)
        maker.forward_and_backward()

    return preconditioned


def train(task, name, rate, seed, weights, evaluations):
    """A run, evaluated so many times; `seconds` are those of training alone."""
    import torch

    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    net = net_of(task.widths, weights, task.kind == NORMALIZED)
    optimizer = optimizer_of(name, net, rate)
    gradient = gradient_of(name, net, task)
    averages = hasattr(optimizer, "eval")
    run = {"steps": [], "loss": [], "seconds": [], "accuracy": math.nan}
    each, spent, order, place = task.steps // evaluations, 0.0, [], 0
    for step in range(1, task.steps + 1):
        if place + task.batch > len(order):
            order, place = torch.tensor(generator.permutation(len(task.x))), 0
        rows = order[place : place + task.batch]
        place += task.batch
        began = time.perf_counter()
        if averages:
            optimizer.train()
        try:
            optimizer.zero_grad()
            gradient(task.x[rows], task.y[rows])
            optimizer.step()
        except (RuntimeError, ValueError):  # K-FAC refuses to invert what has diverged
            if step == 1:
                raise
            run["steps"].append(step)
            run["loss"].append(math.inf)
            run["seconds"].append(spent)
            break
        spent += time.perf_counter() - began
        if step % each:
            continue
        if averages:
            optimizer.eval()
        run["steps"].append(step)
        run["loss"].append(task.evaluate(net))
        run["seconds"].append(spent)
        if not math.isfinite(run["loss"][-1]):
            break
    if task.classifies and math.isfinite(run["loss"][-1]):
        run["accuracy"] = task.accuracy(net)
    return run


def measure(file, name, first, kind):
    """A method at its own best rate: the rate, and a run a seed."""
    task = Task(file, kind)

    def final(power):
        runs = [
            train(task, name, first * 2.0**power, 1000 + index, weights, 1)["loss"][-1]
            for index, weights in enumerate(file["tuning"])
        ]
        return float(np.mean(runs)) if np.isfinite(runs).all() else math.inf

    rate = None if first is None else first * 2.0 ** best_power(final)
    points = int(file["points"])
    runs = [
        train(task, name, rate, seed, weights, points)
        for seed, weights in enumerate(file["starts"])
    ]
    return {"rate": rate, "runs": runs}


def main():
    (path,) = sys.argv[1:]
    import torch

    torch.set_num_threads(1)
    file = dict(np.load(path))
    task = Task(file, RAW)
    found = [task.evaluate(net_of(task.widths, weights, False)) for weights in file["starts"]]
    if not np.allclose(found, file["start_losses"], rtol=1e-4):
        sys.exit(f"rivals.py: the nets begin at {found} and not at {list(file['start_losses'])}")
    for name, (package, first, kinds) in RIVALS.items():
        for kind in kinds:
            line = {"method": name, "inputs": kind, "package": package}
            try:
                importlib.import_module(package)
                version = importlib.metadata.version(DISTRIBUTIONS.get(package, package))
                line["package"] = f"{DISTRIBUTIONS.get(package, package)} {version}"
                line |= measure(file, name, first, kind)
            except (ImportError, RuntimeError, ValueError, TypeError) as error:
                line["missing"] = f"{type(error).__name__}: {error}"
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
