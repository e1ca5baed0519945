"""What a teleport shall do (TeleportConfig) and what it came to (TeleportReport)."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
from typing import Any, Optional, Sequence, Tuple, Union

import numpy.typing as npt

from ._abi import (
    TP_LAYER_ALL,
    TP_LAYER_RANDOM,
    tp_batch,
    tp_teleport_config,
    tp_teleport_report,
)
from ._arrays import Samples, address, doubles, samples
from ._library import check, initialized, lib
from ._values import expect, int32, real, uint64
from .enums import (
    Group,
    GroupName,
    Loss,
    Objective,
    ObjectiveName,
    Sampler,
    SamplerName,
    Search,
    SearchName,
    StatePolicy,
    StatePolicyName,
    TeleportOutcome,
)
from .errors import InvalidArgumentError, Status

HeldOut = Union[
    Tuple[npt.ArrayLike, npt.ArrayLike], Tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]
]


LAYER_ALL = TP_LAYER_ALL
"""TeleportConfig.layer: every hidden layer moves."""
LAYER_RANDOM = TP_LAYER_RANDOM
"""TeleportConfig.layer: another hidden layer for each candidate of the random search."""


@dataclasses.dataclass(frozen=True)
class TeleportConfig:
    """tp_teleport_config with the library's defaults. teleport.h describes each field.

    `held_out` is (x, y) or (x, y, weights): samples that take no part in the search, as arrays like those
    of `Trainer.step`. 0 and nothing mean the library's own wherever 0 is no value of the field's own.
    """

    group: Union[GroupName, Group] = Group.SCALING
    search: Union[SearchName, Search] = Search.LOOKAHEAD
    objective: Union[ObjectiveName, Objective] = Objective.GRADIENT_NORM_MAXIMIZE
    state: Union[StatePolicyName, StatePolicy] = StatePolicy.KEEP
    # What moves, and how far.
    layer: int = LAYER_ALL
    exact: bool = False
    radius: float = 0.0
    null_tolerance: float = 1e-6
    # Of the ascent.
    steps: int = 0
    # Of the random search.
    candidates: int = 1000
    sampler: Union[SamplerName, Sampler] = Sampler.EXPONENTIAL
    seed: int = 0
    # Of the lookahead.
    rollout_steps: int = 30
    rollout_batch: int = 32
    learning_rate: float = 0.0
    # Of the objectives sharpness and curvature.
    perturbations: int = 4
    curves: int = 8
    perturbation_norms: Sequence[float] = ()
    # The guard.
    loss_tolerance: float = 1e-5
    held_out_tolerance: float = 0.05
    held_out: Optional[HeldOut] = None

    def __post_init__(self) -> None:
        """Refuses numbers that no model takes; what fits a model, `Model.check_teleport` tells."""
        native = NativeConfig(self, None)
        if native.struct.layer >= 0:
            native.struct.layer = LAYER_ALL
        status = lib.tp_model_check_teleport(_smallest_model(), native.struct)
        if status in (Status.INVALID_ARGUMENT, Status.NOT_FINITE):
            check(status)


@functools.lru_cache(maxsize=None)
def _smallest_model() -> Any:
    """A model that every group acts on. It is kept: the library checks configs with a model alone."""
    widths = (ctypes.c_int32 * 3)(1, 1, 1)
    out = ctypes.c_void_p()
    check(lib.tp_model_create_mlp(out, ctypes.addressof(widths), len(widths), None))
    return out


@dataclasses.dataclass(frozen=True)
class TeleportReport:
    """tp_teleport_report: everything that was measured. A number that a move does not have is 0 or NaN."""

    accepted: bool
    outcome: TeleportOutcome
    # What moved.
    group: Group
    search: Search
    layer: int
    rank: int
    # The search.
    steps: int
    backtracks: int
    candidates: int
    refused: int
    halves_shared: bool
    seconds: float
    radius: float
    # What it was for.
    gradient_norm2_before: float
    gradient_norm2_after: float
    objective_before: float
    objective_after: float
    score_before: float
    score_after: float
    # What the guard saw.
    loss_before: float
    loss_after: float
    held_out_before: float
    held_out_after: float
    output_change: float
    # The group's element.
    condition: float
    input_condition: float
    fit_residual: float
    # Of frames: `Trainer.frame_report` has it a layer.
    condition_before: float
    condition_after: float

    def explain(self) -> str:
        """The outcome as a sentence."""
        return str(lib.tp_teleport_outcome_string(self.outcome.code).decode())


_MEASURED = [
    field.name
    for field in dataclasses.fields(TeleportReport)
    if field.name not in ("accepted", "outcome", "group", "search", "halves_shared")
]


class NativeConfig:
    """A tp_teleport_config and the arrays that it points to."""

    def __init__(self, config: TeleportConfig, loss: Optional[Loss]) -> None:
        """Without a loss, which tells what `y` is, held-out samples are left out."""
        expect(config, TeleportConfig, "the teleport config", "TeleportConfig()")
        struct = initialized(tp_teleport_config())
        struct.group = Group.of(config.group).code
        struct.search = Search.of(config.search).code
        struct.objective = Objective.of(config.objective).code
        struct.state = StatePolicy.of(config.state).code
        struct.layer = int32(config.layer, "layer")
        struct.exact = int(config.exact)
        struct.radius = real(config.radius, "radius")
        struct.null_tolerance = real(config.null_tolerance, "null_tolerance")
        struct.steps = int32(config.steps, "steps")
        struct.candidates = int32(config.candidates, "candidates")
        struct.sampler = Sampler.of(config.sampler).code
        struct.seed = uint64(config.seed, "seed")
        struct.rollout_steps = int32(config.rollout_steps, "rollout_steps")
        struct.rollout_batch = int32(config.rollout_batch, "rollout_batch")
        struct.learning_rate = real(config.learning_rate, "learning_rate")
        struct.perturbations = int32(config.perturbations, "perturbations")
        struct.curves = int32(config.curves, "curves")
        struct.loss_tolerance = real(config.loss_tolerance, "loss_tolerance")
        struct.held_out_tolerance = real(config.held_out_tolerance, "held_out_tolerance")
        self._norms = doubles(config.perturbation_norms, "perturbation_norms").ravel()
        if self._norms.size > 0:
            struct.perturbation_norms = address(self._norms)
            struct.perturbation_norm_count = self._norms.size
        self._held_out: Optional[Samples] = None
        if config.held_out is not None:
            if not isinstance(config.held_out, (tuple, list)) or len(config.held_out) not in (2, 3):
                raise InvalidArgumentError("held_out must be (x, y) or (x, y, weights)")
            if loss is not None:
                self._held_out = samples(loss, *config.held_out)
                struct.held_out = ctypes.POINTER(tp_batch)(self._held_out)
        self.struct = struct


def report_of(struct: Any) -> TeleportReport:
    return TeleportReport(
        accepted=bool(struct.accepted),
        outcome=TeleportOutcome.of_code(struct.outcome),
        group=Group.of_code(struct.group),
        search=Search.of_code(struct.search),
        halves_shared=bool(struct.halves_shared),
        **{name: getattr(struct, name) for name in _MEASURED},
    )


def new_report() -> Any:
    return initialized(tp_teleport_report())
