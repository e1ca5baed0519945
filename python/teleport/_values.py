"""Integers and text into C: ctypes would cut off what does not fit, or follows a zero, without a word."""

from __future__ import annotations

import operator
import os
from typing import SupportsIndex, Union

from .errors import InvalidArgumentError

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


def _checked(value: SupportsIndex, name: str, low: int, high: int) -> int:
    number = operator.index(value)
    if not low <= number <= high:
        raise InvalidArgumentError(f"{name} is {number}, but must be {low} to {high}")
    return number


def int32(value: SupportsIndex, name: str) -> int:
    return _checked(value, name, -(2**31), 2**31 - 1)


def int64(value: SupportsIndex, name: str) -> int:
    return _checked(value, name, -(2**63), 2**63 - 1)


def uint64(value: SupportsIndex, name: str) -> int:
    return _checked(value, name, 0, 2**64 - 1)


def path_bytes(path: Path) -> bytes:
    """A path or class name as the system has it."""
    return _without_zero(os.fsencode(path))


def text_bytes(text: str) -> bytes:
    return _without_zero(text.encode("utf-8"))


def _without_zero(data: bytes) -> bytes:
    if b"\0" in data:
        raise InvalidArgumentError(f"{data!r} holds a zero byte, where C text ends")
    return data
