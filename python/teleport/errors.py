"""Exceptions: one class for each tp_status that is a failure, each also a natural builtin."""

from __future__ import annotations

import enum

from . import _abi


class Status(enum.IntEnum):
    """tp_status."""

    OK = _abi.TP_OK
    STOPPED = _abi.TP_STOPPED
    ERROR = _abi.TP_ERROR
    INVALID_ARGUMENT = _abi.TP_ERROR_INVALID_ARGUMENT
    OUT_OF_MEMORY = _abi.TP_ERROR_OUT_OF_MEMORY
    BUFFER_TOO_SMALL = _abi.TP_ERROR_BUFFER_TOO_SMALL
    SHAPE_MISMATCH = _abi.TP_ERROR_SHAPE_MISMATCH
    BAD_STATE = _abi.TP_ERROR_BAD_STATE
    UNSUPPORTED = _abi.TP_ERROR_UNSUPPORTED
    NOT_FINITE = _abi.TP_ERROR_NOT_FINITE
    LINEAR_ALGEBRA = _abi.TP_ERROR_LINEAR_ALGEBRA
    NOT_FOUND = _abi.TP_ERROR_NOT_FOUND
    IO = _abi.TP_ERROR_IO
    FORMAT = _abi.TP_ERROR_FORMAT
    VERSION = _abi.TP_ERROR_VERSION


class TeleportError(Exception):
    """Base of all errors of the library. `status` is the tp_status, the text its error message."""

    status: int = Status.ERROR


class StoppedError(TeleportError):
    """A callback ended a call that has no partial result, such as reading a folder."""

    status = Status.STOPPED


class InvalidArgumentError(TeleportError, ValueError):
    """A value out of range, an unknown name, a bad config."""

    status = Status.INVALID_ARGUMENT


class OutOfMemoryError(TeleportError, MemoryError):
    """No memory for a block whose size the caller or a file decides."""

    status = Status.OUT_OF_MEMORY


class BufferTooSmallError(TeleportError, ValueError):
    """A buffer with too few elements for the result."""

    status = Status.BUFFER_TOO_SMALL


class ShapeMismatchError(TeleportError, ValueError):
    """Widths of model, batch or data set that do not fit together."""

    status = Status.SHAPE_MISMATCH


class BadStateError(TeleportError, RuntimeError):
    """The right call at the wrong moment: a trainer inside its own callback, a closed object."""

    status = Status.BAD_STATE


class UnsupportedError(TeleportError, ValueError):
    """A combination that has no meaning; the message says why."""

    status = Status.UNSUPPORTED


class NotFiniteError(TeleportError, ArithmeticError):
    """NaN or infinity where a number is needed."""

    status = Status.NOT_FINITE


class LinearAlgebraError(TeleportError, ArithmeticError):
    """A factorization failed."""

    status = Status.LINEAR_ALGEBRA


class NotFoundError(TeleportError, FileNotFoundError):
    """No such file, folder, key or class."""

    status = Status.NOT_FOUND


class FileError(TeleportError, OSError):
    """The system could not read or write."""

    status = Status.IO


class FormatError(TeleportError, ValueError):
    """A file that is not what it should be."""

    status = Status.FORMAT


class VersionError(TeleportError, ValueError):
    """A file of a newer format."""

    status = Status.VERSION


_CLASSES = {
    int(cls.status): cls
    for cls in (
        StoppedError,
        InvalidArgumentError,
        OutOfMemoryError,
        BufferTooSmallError,
        ShapeMismatchError,
        BadStateError,
        UnsupportedError,
        NotFiniteError,
        LinearAlgebraError,
        NotFoundError,
        FileError,
        FormatError,
        VersionError,
    )
}


def error_for(status: int, message: str) -> TeleportError:
    """The exception for a status; codes without a class of their own become TeleportError."""
    error = _CLASSES.get(status, TeleportError)(message)
    error.status = status
    return error
