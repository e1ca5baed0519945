"""Frames: the coordinates that a trainer steps in."""

from __future__ import annotations

import dataclasses
from typing import Union

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
    struct.rank = int64(frames.rank, "rank")
    struct.input_rank = int64(frames.input_rank, "input_rank")
    return struct
