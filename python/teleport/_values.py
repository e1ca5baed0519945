"""Integers and text into C: ctypes would cut off what does not fit, or follows a zero, without a word."""

from __future__ import annotations

import operator
import os
from typing import Any, SupportsFloat, SupportsIndex, Type, Union

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


def real(value: SupportsFloat, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InvalidArgumentError(f"{name} is {shown(value)}, but must be a number") from None


def shown(value: Any) -> str:
    """A value in a message: itself where it is short, and otherwise what it is."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    return f"a {type(value).__name__}"


def expect(value: Any, kind: Type[Any], name: str, written: str) -> None:
    """Refuses what is not of a class, with what to write instead."""
    if not isinstance(value, kind):
        raise InvalidArgumentError(
            f"{name} is {shown(value)}, but must be a {kind.__name__}: write {written}"
        )


def path_bytes(path: Path) -> bytes:
    """A path or class name as the system has it."""
    return _without_zero(os.fsencode(path))


def text_bytes(text: str) -> bytes:
    return _without_zero(text.encode("utf-8"))


def _without_zero(data: bytes) -> bytes:
    if b"\0" in data:
        raise InvalidArgumentError(f"{data!r} holds a zero byte, where C text ends")
    return data
