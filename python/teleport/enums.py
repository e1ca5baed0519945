"""The enums of teleport.h. A member is a str with the header's name in lower case, and knows its code.

Wherever one is expected, its name serves as well: `Model([4, 8, 3], activation="tanh")`. The names of each
enum are a Literal type at the end of this file, so that a type checker finds a misspelt one.
"""

from __future__ import annotations

import difflib
import enum
from typing import Literal, Type, TypeVar, Union

from .errors import InvalidArgumentError, TeleportError

_E = TypeVar("_E", bound="HeaderEnum")


class HeaderEnum(str, enum.Enum):
    """Base: members are written `NAME = "name", code`."""

    code: int

    def __new__(cls, value: str, code: int) -> HeaderEnum:
        member = str.__new__(cls, value)
        member._value_ = value
        member.code = code
        return member

    __str__ = str.__str__

    @classmethod
    def of(cls: Type[_E], value: Union[str, _E]) -> _E:
        """The member, from itself or its name."""
        if isinstance(value, cls):
            return value
        names = [member.value for member in cls]
        if isinstance(value, str):
            for member in cls:
                if member.value == value:
                    return member
            likely = value.lower().replace("-", "_").replace(" ", "_")
            begun = [name for name in names if likely and name.startswith(likely)]
            close = begun or difflib.get_close_matches(likely, names, 1)
        else:
            close = []
        article = "an" if cls.__name__[0] in "AEIOU" else "a"
        advice = f"write {close[0]!r}; " if close else ""
        raise InvalidArgumentError(
            f"{value!r} is not {article} {cls.__name__}: {advice}it is one of "
            + ", ".join(map(repr, names))
        )

    @classmethod
    def of_code(cls: Type[_E], code: int) -> _E:
        for member in cls:
            if member.code == code:
                return member
        raise TeleportError(f"the library gave {cls.__name__} {code}, newer than this package")


class Activation(HeaderEnum):
    """f, elementwise, after every layer but the last."""

    IDENTITY = "identity", 0
    LEAKY_RELU = "leaky_relu", 1
    RELU = "relu", 2
    SIGMOID = "sigmoid", 3
    TANH = "tanh", 4


class Initialization(HeaderEnum):
    """Distribution of the first weights, layer by layer."""

    GLOROT_UNIFORM = "glorot_uniform", 0
    HE_UNIFORM = "he_uniform", 1
    TORCH_LINEAR = "torch_linear", 2
    UNIFORM_01 = "uniform_01", 3


class Output(HeaderEnum):
    """What `Model.predict` gives: the last layer's values, or their softmax."""

    RAW = "raw", 0
    PROBABILITIES = "probabilities", 1


class Loss(HeaderEnum):
    """CROSS_ENTROPY takes labels, the others take targets."""

    CROSS_ENTROPY = "cross_entropy", 0
    MEAN_SQUARED_ERROR = "mean_squared_error", 1
    HALF_SQUARED_ERROR = "half_squared_error", 2


class BadImage(HeaderEnum):
    """What becomes of a file that cannot be decoded."""

    FAIL = "fail", 0
    SKIP = "skip", 1


class Resampling(HeaderEnum):
    """How an image gets another size. AREA takes the mean that a pixel covers; for shrinking."""

    BILINEAR = "bilinear", 0
    AREA = "area", 1


class Group(HeaderEnum):
    """Which symmetry moves the weights."""

    SCALING = "scaling", 0
    LINEAR = "linear", 1
    NULL_SPACE = "null_space", 2
    LEVEL_SET = "level_set", 3
    FRAME = "frame", 4


class Search(HeaderEnum):
    """How a teleport finds the group element."""

    LOOKAHEAD = "lookahead", 0
    ASCENT = "ascent", 1
    RANDOM = "random", 2


class Sampler(HeaderEnum):
    """How the random search draws elements of the linear group."""

    EXPONENTIAL = "exponential", 0
    DIAGONALLY_DOMINANT = "diagonally_dominant", 1


class Objective(HeaderEnum):
    """What the element is chosen for."""

    GRADIENT_NORM_MAXIMIZE = "gradient_norm_maximize", 0
    GRADIENT_NORM_MINIMIZE = "gradient_norm_minimize", 1
    SHARPNESS_MAXIMIZE = "sharpness_maximize", 2
    SHARPNESS_MINIMIZE = "sharpness_minimize", 3
    CURVATURE_MAXIMIZE = "curvature_maximize", 4
    CURVATURE_MINIMIZE = "curvature_minimize", 5
    LOOKAHEAD = "lookahead", 6


class StatePolicy(HeaderEnum):
    """What becomes of the optimizer's state across a teleport."""

    KEEP = "keep", 0
    RESET = "reset", 1
    TRANSFORM = "transform", 2


class TeleportOutcome(HeaderEnum):
    """What a teleport came to. Unless ACCEPTED, nothing moved by one bit."""

    NONE = "none", 0
    ACCEPTED = "accepted", 1
    STAYED = "stayed", 2
    LOSS_CHANGED = "loss_changed", 3
    HELD_OUT_CHANGED = "held_out_changed", 4
    NOT_FINITE = "not_finite", 5
    UNDONE = "undone", 6
    INEXACT = "inexact", 7
    NO_ROOM = "no_room", 8


class OptimizerKind(HeaderEnum):
    """How a trainer changes weights with a gradient."""

    SGD = "sgd", 0
    MOMENTUM = "momentum", 1
    NESTEROV = "nesterov", 2
    ADAGRAD = "adagrad", 3
    RMSPROP = "rmsprop", 4
    ADAM = "adam", 5
    ADAMW = "adamw", 6
    DOG = "dog", 7


class Average(HeaderEnum):
    """An average of the weights, which `Trainer.averaged_model` gives."""

    DEFAULT = "default", 0
    NONE = "none", 1
    POLYNOMIAL = "polynomial", 2
    SCHEDULE_FREE = "schedule_free", 3


class FrameKind(HeaderEnum):
    """What a layer's frame is made of."""

    WHITEN = "whiten", 0
    ROTATE = "rotate", 1
    CENTRE = "centre", 2


class FrameInput(HeaderEnum):
    """The frame of layers that read the samples."""

    CENTRE = "centre", 0
    NONE = "none", 1


class Finish(HeaderEnum):
    """The weights that a run ends with."""

    DEFAULT = "default", 0
    LAST = "last", 1
    AVERAGE = "average", 2
    BEST = "best", 3


class ScheduleKind(HeaderEnum):
    """How the learning rate goes over a trainer's steps."""

    CONSTANT = "constant", 0
    STEP = "step", 1
    COSINE = "cosine", 2
    CALLBACK = "callback", 3


class EventKind(HeaderEnum):
    """STEP: every progress_interval steps; EPOCH: after each; TELEPORT: after each, and when undone."""

    STEP = "step", 0
    EPOCH = "epoch", 1
    TELEPORT = "teleport", 2


ActivationName = Literal["identity", "leaky_relu", "relu", "sigmoid", "tanh"]
InitializationName = Literal["glorot_uniform", "he_uniform", "torch_linear", "uniform_01"]
OutputName = Literal["raw", "probabilities"]
LossName = Literal["cross_entropy", "mean_squared_error", "half_squared_error"]
BadImageName = Literal["fail", "skip"]
ResamplingName = Literal["bilinear", "area"]
GroupName = Literal["scaling", "linear", "null_space", "level_set", "frame"]
SearchName = Literal["lookahead", "ascent", "random"]
SamplerName = Literal["exponential", "diagonally_dominant"]
ObjectiveName = Literal[
    "gradient_norm_maximize",
    "gradient_norm_minimize",
    "sharpness_maximize",
    "sharpness_minimize",
    "curvature_maximize",
    "curvature_minimize",
    "lookahead",
]
StatePolicyName = Literal["keep", "reset", "transform"]
OptimizerName = Literal[
    "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "dog"
]
AverageName = Literal["default", "none", "polynomial", "schedule_free"]
FrameKindName = Literal["whiten", "rotate", "centre"]
FrameInputName = Literal["centre", "none"]
FinishName = Literal["default", "last", "average", "best"]
ScheduleName = Literal["constant", "step", "cosine", "callback"]
