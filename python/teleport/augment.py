"""Augmentation: how images are changed as mini-batches are gathered."""

from __future__ import annotations

import dataclasses

from ._abi import tp_augment_config
from ._library import initialized
from ._values import expect, int32, int64, uint64


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """tp_augment_config with the library's defaults, which change nothing; for `Trainer.run` and `Dataset.gather`.

    flip, flip_vertical  probability of a mirror image, left to right and top to bottom
    crop                 smallest part of the area that is cut out and resized to the whole
    stretch              sides of that part differ from the image's ratio by a factor of up to this
    shift                longest move along each axis in pixels; black comes in

    What becomes of a sample is a function of seed, epoch and sample alone.
    """

    flip: float = 0.0
    flip_vertical: float = 0.0
    crop: float = 1.0
    stretch: float = 1.0
    shift: int = 0


def native_augment(augment: AugmentConfig, seed: int = 0, epoch: int = 0) -> tp_augment_config:
    expect(augment, AugmentConfig, "augment", f"AugmentConfig({augment!r})")
    struct = initialized(tp_augment_config())
    struct.flip = augment.flip
    struct.flip_vertical = augment.flip_vertical
    struct.crop = augment.crop
    struct.stretch = augment.stretch
    struct.shift = int32(augment.shift, "shift")
    struct.seed = uint64(seed, "seed")
    struct.epoch = int64(epoch, "epoch")
    return struct
