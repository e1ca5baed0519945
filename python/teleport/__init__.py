"""Train neural networks and teleport them: the Python package of libteleport.

    import numpy as np
    import teleport

    model = teleport.Model([2, 8, 2], seed=1)
    trainer = teleport.Trainer(model, learning_rate=0.1)
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    labels = np.array([0, 1, 1, 0], np.int32)
    for _ in range(500):
        loss = trainer.step(x, labels)

`include/teleport.h` is the manual; names here are the header's without `tp_`, and enum values its names in
lower case. A call that fails raises a subclass of TeleportError with the library's sentence.

Threads: one object, one thread at a time, except that methods that only read a Model or a Dataset may run
on many threads at once. Every call lets other Python threads run.
"""

from . import plane
from ._abi import VERSION as _VERSION
from ._interrupt import StopFlag
from ._library import lib as _lib
from ._library import check as _check
from ._values import int32 as _int32
from .augment import AugmentConfig
from .dataset import Dataset, ImageConfig, SkippedFile, load_image
from .enums import (
    Activation,
    Average,
    BadImage,
    Centring,
    EventKind,
    Finish,
    FrameInput,
    FrameKind,
    Group,
    Initialization,
    Keep,
    Loss,
    Objective,
    OptimizerKind,
    Output,
    Resampling,
    Sampler,
    ScheduleKind,
    Search,
    StatePolicy,
    TeleportOutcome,
)
from .errors import (
    BadStateError,
    BufferTooSmallError,
    FileError,
    FormatError,
    InvalidArgumentError,
    LinearAlgebraError,
    NotFiniteError,
    NotFoundError,
    OutOfMemoryError,
    ShapeMismatchError,
    Status,
    StoppedError,
    TeleportError,
    UnsupportedError,
    VersionError,
)
from .frames import FrameConfig, FrameReport
from .model import ClassMetrics, Layer, Metadata, Metrics, Model, architecture
from .schedule import Schedule
from .teleports import LAYER_ALL, LAYER_RANDOM, TeleportConfig, TeleportReport
from .trainer import Event, RunResult, Trainer

__version__ = _VERSION


def library_version() -> str:
    """Version of the library that runs, "major.minor.patch"."""
    return str(_lib.tp_version_string().decode())


def build_info() -> str:
    """One line about the library's build: version, BLAS and the processor kernels it chose."""
    return str(_lib.tp_build_info().decode())


def set_thread_count(count: int) -> None:
    """Threads for large steps, evaluation and decoding, for the whole process; 0: all processors."""
    _check(_lib.tp_set_thread_count(_int32(count, "count")))


def thread_count() -> int:
    """Threads in use, at least 1."""
    return int(_lib.tp_thread_count())


__all__ = [
    "Activation",
    "AugmentConfig",
    "Average",
    "BadImage",
    "BadStateError",
    "BufferTooSmallError",
    "ClassMetrics",
    "Dataset",
    "Event",
    "EventKind",
    "FileError",
    "FormatError",
    "Group",
    "ImageConfig",
    "Initialization",
    "InvalidArgumentError",
    "Keep",
    "LAYER_ALL",
    "LAYER_RANDOM",
    "Layer",
    "LinearAlgebraError",
    "Loss",
    "Metadata",
    "Metrics",
    "Model",
    "NotFiniteError",
    "NotFoundError",
    "Objective",
    "OptimizerKind",
    "OutOfMemoryError",
    "Output",
    "Resampling",
    "RunResult",
    "Sampler",
    "Schedule",
    "ScheduleKind",
    "Search",
    "ShapeMismatchError",
    "SkippedFile",
    "StatePolicy",
    "Status",
    "StopFlag",
    "StoppedError",
    "TeleportConfig",
    "TeleportError",
    "TeleportOutcome",
    "TeleportReport",
    "Trainer",
    "UnsupportedError",
    "VersionError",
    "architecture",
    "build_info",
    "library_version",
    "load_image",
    "plane",
    "set_thread_count",
    "thread_count",
]
