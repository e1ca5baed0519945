"""Overhead of a call through the ctypes package, in seconds, for a 1-1 net and one sample."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))

import numpy as np  # noqa: E402
import teleport  # noqa: E402
from worker import serve, timed  # noqa: E402

model = teleport.Model([1, 1])
trainer = teleport.Trainer(model, learning_rate=1e-4)
x, labels = np.full((1, 1), 0.5, np.float32), np.zeros(1, np.int32)
calls: dict[str, Callable[[], Any]] = {
    "trainer step": lambda: trainer.step(x, labels),
    "predict": lambda: model.predict(x),
    "loss": lambda: model.loss(x, labels),
    "step count": lambda: trainer.step_count,
}

serve(lambda: {name: timed(call, 2000)["seconds"] for name, call in calls.items()})
