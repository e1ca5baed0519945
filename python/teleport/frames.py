"""Frames: the coordinates that a trainer steps in."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional, Union

from ._abi import tp_frame_config
from ._library import initialized
from ._values import expect, int64
from .enums import FrameInput, FrameInputName, FrameKind, FrameKindName


@dataclasses.dataclass(frozen=True)
class FrameConfig:
    """tp_frame_config with the library's defaults; for `Trainer.run` and `Trainer.set_frames`.

    Steps are taken in coordinates in which what enters each layer is nearly white, renewed every `every`
    steps; weights and outputs stay as they are. teleport.h describes the fields.
    """

    kind: Union[FrameKindName, FrameKind] = FrameKind.WHITEN
    input: Union[FrameInputName, FrameInput] = FrameInput.CENTRE
    every: int = 200
    early_every: int = 25
    early_steps: int = 200
    samples: int = 512
    damping: float = 1.0
    warmup_steps: int = 100
    outputs: bool = False
    rank: int = 64
    input_rank: int = 16


def native_frames(frames: FrameConfig) -> tp_frame_config:
    expect(frames, FrameConfig, "frames", f"FrameConfig({frames!r})")
    struct = initialized(tp_frame_config())
    struct.kind = FrameKind.of(frames.kind).code
    struct.input = FrameInput.of(frames.input).code
    struct.every = int64(frames.every, "every")
    struct.early_every = int64(frames.early_every, "early_every")
    struct.early_steps = int64(frames.early_steps, "early_steps")
    struct.samples = int64(frames.samples, "samples")
    struct.damping = frames.damping
    struct.warmup_steps = int64(frames.warmup_steps, "warmup_steps")
    struct.outputs = int(frames.outputs)
    struct.rank = int64(frames.rank, "rank")
    struct.input_rank = int64(frames.input_rank, "input_rank")
    return struct


@dataclasses.dataclass(frozen=True)
class FrameReport:
    """tp_frame_report: a layer's frame, and what the last refresh or teleport came to for it."""

    framed: bool
    renewed: bool
    size: int
    rank: int
    condition_before: float
    condition_after: float
    reason: Optional[str]  # why there is no frame, or no new one


def frame_report_of(struct: Any) -> FrameReport:
    return FrameReport(
        framed=bool(struct.framed),
        renewed=bool(struct.renewed),
        size=struct.size,
        rank=struct.rank,
        condition_before=struct.condition_before,
        condition_after=struct.condition_after,
        reason=None if struct.reason is None else struct.reason.decode(),
    )
