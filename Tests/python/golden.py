"""The golden vectors of Tests/data/vectors as models, batches and arrays."""

import json

import numpy as np

import reference
import teleport
from header import ROOT

VECTORS = ROOT / "Tests" / "data" / "vectors"


def load(file):
    return json.loads((VECTORS / file).read_text())


def name(case):
    loss = case.get("loss")
    return f"{case['activation']}-{loss}" if loss else case["activation"]


def model_of(case, **options):
    biases = case.get("b")
    options.setdefault("activation", case.get("activation", "leaky_relu"))
    options.setdefault("negative_slope", case.get("negative_slope") or 0.0)
    model = teleport.Model(case["layer_sizes"], bias=biases is not None, **options)
    for index, weights in enumerate(case["W"]):
        model.set_layer(index, weights, biases and biases[index])
    return model


def batch_of(case):
    x = np.array(case["X_columns"]).T
    y = np.array(case["Y_columns"] if "Y_columns" in case else case["Y"])
    return x, y if y.ndim == 1 else y.T


def layers_of(case):
    """Weights and biases in float64, as the reference takes them."""
    biases = case.get("b") or [None] * len(case["W"])
    return [(np.array(w), None if b is None else np.array(b)) for w, b in zip(case["W"], biases)]


def concatenated(weights, biases):
    biases = biases or [None] * len(weights)
    return reference.flat(list(zip(map(np.array, weights), biases)))
