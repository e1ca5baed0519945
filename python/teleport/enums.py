"""The enums of teleport.h. A member is a str with the header's name in lower case, and knows its code.

Wherever one is expected, its name serves as well: `Model([4, 8, 3], activation="tanh")`. The names of each
enum are a Literal type at the end of this file, so that a type checker finds a misspelt one.
"""

from __future__ import annotations

import difflib
import enum
from typing import Literal, Type, TypeVar, Union

from . import _abi
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

    IDENTITY = "identity", _abi.TP_ACTIVATION_IDENTITY
    LEAKY_RELU = "leaky_relu", _abi.TP_ACTIVATION_LEAKY_RELU
    RELU = "relu", _abi.TP_ACTIVATION_RELU
    SIGMOID = "sigmoid", _abi.TP_ACTIVATION_SIGMOID
    TANH = "tanh", _abi.TP_ACTIVATION_TANH


class Initialization(HeaderEnum):
    """Distribution of the first weights, layer by layer."""

    GLOROT_UNIFORM = "glorot_uniform", _abi.TP_INITIALIZATION_GLOROT_UNIFORM
    HE_UNIFORM = "he_uniform", _abi.TP_INITIALIZATION_HE_UNIFORM
    TORCH_LINEAR = "torch_linear", _abi.TP_INITIALIZATION_TORCH_LINEAR
    UNIFORM_01 = "uniform_01", _abi.TP_INITIALIZATION_UNIFORM_01


class Output(HeaderEnum):
    """What `Model.predict` gives: the last layer's values, or their softmax."""

    RAW = "raw", _abi.TP_OUTPUT_RAW
    PROBABILITIES = "probabilities", _abi.TP_OUTPUT_PROBABILITIES


class Loss(HeaderEnum):
    """CROSS_ENTROPY takes labels, the others take targets."""

    CROSS_ENTROPY = "cross_entropy", _abi.TP_LOSS_CROSS_ENTROPY
    MEAN_SQUARED_ERROR = "mean_squared_error", _abi.TP_LOSS_MEAN_SQUARED_ERROR
    HALF_SQUARED_ERROR = "half_squared_error", _abi.TP_LOSS_HALF_SQUARED_ERROR


class BadImage(HeaderEnum):
    """What becomes of a file that cannot be decoded."""

    FAIL = "fail", _abi.TP_BAD_IMAGE_FAIL
    SKIP = "skip", _abi.TP_BAD_IMAGE_SKIP


class Keep(HeaderEnum):
    """What of a folder's images stays in memory; PATHS reads an image whenever it is drawn."""

    PIXELS = "pixels", _abi.TP_KEEP_PIXELS
    PATHS = "paths", _abi.TP_KEEP_PATHS


class Resampling(HeaderEnum):
    """How an image gets another size. AREA takes the mean that a pixel covers; for shrinking."""

    BILINEAR = "bilinear", _abi.TP_RESAMPLING_BILINEAR
    AREA = "area", _abi.TP_RESAMPLING_AREA


class Group(HeaderEnum):
    """Which symmetry moves the weights."""

    SCALING = "scaling", _abi.TP_GROUP_SCALING
    LINEAR = "linear", _abi.TP_GROUP_LINEAR
    NULL_SPACE = "null_space", _abi.TP_GROUP_NULL_SPACE
    LEVEL_SET = "level_set", _abi.TP_GROUP_LEVEL_SET
    FRAME = "frame", _abi.TP_GROUP_FRAME


class Search(HeaderEnum):
    """How a teleport finds the group element."""

    LOOKAHEAD = "lookahead", _abi.TP_SEARCH_LOOKAHEAD
    ASCENT = "ascent", _abi.TP_SEARCH_ASCENT
    RANDOM = "random", _abi.TP_SEARCH_RANDOM


class Sampler(HeaderEnum):
    """How the random search draws elements of the linear group."""

    EXPONENTIAL = "exponential", _abi.TP_SAMPLER_EXPONENTIAL
    DIAGONALLY_DOMINANT = "diagonally_dominant", _abi.TP_SAMPLER_DIAGONALLY_DOMINANT


class Objective(HeaderEnum):
    """What the element is chosen for."""

    GRADIENT_NORM_MAXIMIZE = "gradient_norm_maximize", _abi.TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE
    GRADIENT_NORM_MINIMIZE = "gradient_norm_minimize", _abi.TP_OBJECTIVE_GRADIENT_NORM_MINIMIZE
    SHARPNESS_MAXIMIZE = "sharpness_maximize", _abi.TP_OBJECTIVE_SHARPNESS_MAXIMIZE
    SHARPNESS_MINIMIZE = "sharpness_minimize", _abi.TP_OBJECTIVE_SHARPNESS_MINIMIZE
    CURVATURE_MAXIMIZE = "curvature_maximize", _abi.TP_OBJECTIVE_CURVATURE_MAXIMIZE
    CURVATURE_MINIMIZE = "curvature_minimize", _abi.TP_OBJECTIVE_CURVATURE_MINIMIZE
    LOOKAHEAD = "lookahead", _abi.TP_OBJECTIVE_LOOKAHEAD
    PATH_CONDITIONING = "path_conditioning", _abi.TP_OBJECTIVE_PATH_CONDITIONING
    EQUAL_NORMS = "equal_norms", _abi.TP_OBJECTIVE_EQUAL_NORMS


class StatePolicy(HeaderEnum):
    """What becomes of the optimizer's state across a teleport."""

    KEEP = "keep", _abi.TP_STATE_KEEP
    RESET = "reset", _abi.TP_STATE_RESET
    TRANSFORM = "transform", _abi.TP_STATE_TRANSFORM


class TeleportOutcome(HeaderEnum):
    """What a teleport came to. Unless ACCEPTED, nothing moved by one bit."""

    NONE = "none", _abi.TP_TELEPORT_NONE
    ACCEPTED = "accepted", _abi.TP_TELEPORT_ACCEPTED
    STAYED = "stayed", _abi.TP_TELEPORT_STAYED
    LOSS_CHANGED = "loss_changed", _abi.TP_TELEPORT_LOSS_CHANGED
    HELD_OUT_CHANGED = "held_out_changed", _abi.TP_TELEPORT_HELD_OUT_CHANGED
    NOT_FINITE = "not_finite", _abi.TP_TELEPORT_NOT_FINITE
    UNDONE = "undone", _abi.TP_TELEPORT_UNDONE
    INEXACT = "inexact", _abi.TP_TELEPORT_INEXACT
    NO_ROOM = "no_room", _abi.TP_TELEPORT_NO_ROOM


class OptimizerKind(HeaderEnum):
    """How a trainer changes weights with a gradient."""

    SGD = "sgd", _abi.TP_OPTIMIZER_SGD
    MOMENTUM = "momentum", _abi.TP_OPTIMIZER_MOMENTUM
    NESTEROV = "nesterov", _abi.TP_OPTIMIZER_NESTEROV
    ADAGRAD = "adagrad", _abi.TP_OPTIMIZER_ADAGRAD
    RMSPROP = "rmsprop", _abi.TP_OPTIMIZER_RMSPROP
    ADAM = "adam", _abi.TP_OPTIMIZER_ADAM
    ADAMW = "adamw", _abi.TP_OPTIMIZER_ADAMW
    DOG = "dog", _abi.TP_OPTIMIZER_DOG


class Average(HeaderEnum):
    """An average of the weights, which `Trainer.averaged_model` gives."""

    DEFAULT = "default", _abi.TP_AVERAGE_DEFAULT
    NONE = "none", _abi.TP_AVERAGE_NONE
    POLYNOMIAL = "polynomial", _abi.TP_AVERAGE_POLYNOMIAL
    SCHEDULE_FREE = "schedule_free", _abi.TP_AVERAGE_SCHEDULE_FREE


class FrameKind(HeaderEnum):
    """What a layer's frame is made of."""

    WHITEN = "whiten", _abi.TP_FRAME_WHITEN
    ROTATE = "rotate", _abi.TP_FRAME_ROTATE
    CENTRE = "centre", _abi.TP_FRAME_CENTRE


class FrameInput(HeaderEnum):
    """The frame of layers that read the samples."""

    CENTRE = "centre", _abi.TP_FRAME_INPUT_CENTRE
    NONE = "none", _abi.TP_FRAME_INPUT_NONE
    RANK = "rank", _abi.TP_FRAME_INPUT_RANK


class Centring(HeaderEnum):
    """Whether a run without frames subtracts the mean of its inputs."""

    DEFAULT = "default", _abi.TP_CENTRING_DEFAULT
    ON = "on", _abi.TP_CENTRING_ON
    OFF = "off", _abi.TP_CENTRING_OFF


class Finish(HeaderEnum):
    """The weights that a run ends with."""

    DEFAULT = "default", _abi.TP_FINISH_DEFAULT
    LAST = "last", _abi.TP_FINISH_LAST
    AVERAGE = "average", _abi.TP_FINISH_AVERAGE
    BEST = "best", _abi.TP_FINISH_BEST


class ScheduleKind(HeaderEnum):
    """How the learning rate goes over a trainer's steps."""

    CONSTANT = "constant", _abi.TP_SCHEDULE_CONSTANT
    STEP = "step", _abi.TP_SCHEDULE_STEP
    COSINE = "cosine", _abi.TP_SCHEDULE_COSINE
    CALLBACK = "callback", _abi.TP_SCHEDULE_CALLBACK


class EventKind(HeaderEnum):
    """STEP: every progress_interval steps; EPOCH: after each; TELEPORT: after each, and when undone; EARLY_STOP: once,
    when patience is used up."""

    STEP = "step", _abi.TP_EVENT_STEP
    EPOCH = "epoch", _abi.TP_EVENT_EPOCH
    TELEPORT = "teleport", _abi.TP_EVENT_TELEPORT
    EARLY_STOP = "early_stop", _abi.TP_EVENT_EARLY_STOP


ActivationName = Literal["identity", "leaky_relu", "relu", "sigmoid", "tanh"]
InitializationName = Literal["glorot_uniform", "he_uniform", "torch_linear", "uniform_01"]
OutputName = Literal["raw", "probabilities"]
LossName = Literal["cross_entropy", "mean_squared_error", "half_squared_error"]
BadImageName = Literal["fail", "skip"]
KeepName = Literal["pixels", "paths"]
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
    "path_conditioning",
    "equal_norms",
]
StatePolicyName = Literal["keep", "reset", "transform"]
OptimizerName = Literal[
    "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "dog"
]
AverageName = Literal["default", "none", "polynomial", "schedule_free"]
FrameKindName = Literal["whiten", "rotate", "centre"]
FrameInputName = Literal["centre", "none", "rank"]
CentringName = Literal["default", "on", "off"]
FinishName = Literal["default", "last", "average", "best"]
ScheduleName = Literal["constant", "step", "cosine", "callback"]
