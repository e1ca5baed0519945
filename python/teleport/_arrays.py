"""numpy arrays in and out of the library: their addresses where the layout fits, one conversion otherwise."""

from __future__ import annotations

import ctypes
from typing import Any, Optional, Tuple

import numpy as np
import numpy.typing as npt

from ._abi import tp_batch
from .enums import Loss
from .errors import InvalidArgumentError, ShapeMismatchError

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
DoubleArray = npt.NDArray[np.float64]

_float32 = np.dtype(np.float32)
_int32 = np.dtype(np.int32)
_from_buffer: Any = ctypes.c_char.from_buffer
_addressof = ctypes.addressof
_cross_entropy = Loss.CROSS_ENTROPY  # an enum's members are slow to look up


def address(array: npt.NDArray[Any]) -> int:
    """Address of the first element; the caller keeps the array. A fourth of the time of ctypes.data."""
    try:
        return _addressof(_from_buffer(array))
    except (TypeError, ValueError, BufferError):  # read-only or empty
        return int(array.ctypes.data)


def float_array(values: npt.ArrayLike, name: str) -> FloatArray:
    """`values` as C-contiguous float32: itself when it is that already, otherwise a copy."""
    if type(values) is np.ndarray and values.dtype == _float32 and values.flags.carray:
        return values
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise InvalidArgumentError(f"{name} has dtype {array.dtype}, which is not a real number")
    return np.require(array, _float32, ["C", "A"])


def matrix(values: npt.ArrayLike, name: str) -> FloatArray:
    """The same with one sample a row; further axes, as of images, are joined."""
    array = float_array(values, name)
    if array.ndim == 2:
        return array
    if array.ndim < 2:
        raise ShapeMismatchError(
            f"{name} has {array.ndim} axes, but needs at least 2: one sample a row"
        )
    return array.reshape(array.shape[0], -1) if array.size else array.reshape(array.shape[0], 0)


def int_array(values: npt.ArrayLike, name: str) -> IntArray:
    """`values` as C-contiguous int32; floats and numbers that do not fit are refused."""
    if type(values) is np.ndarray and values.dtype == _int32 and values.flags.carray:
        return values
    array = np.asarray(values)
    if array.dtype.kind not in "iub" and array.size:
        first = array.flat[0]
        if isinstance(first, str):
            raise InvalidArgumentError(
                f"{name} are text such as {str(first)!r}, but must be integers from 0: "
                f"write names, {name} = numpy.unique({name}, return_inverse=True)"
            )
        raise InvalidArgumentError(
            f"{name} has dtype {array.dtype}, but needs an integer type: "
            f"write {name}.astype(numpy.int32)"
        )
    converted = np.require(array, _int32, ["C", "A"])
    if array.dtype.itemsize >= 4 and not np.array_equal(converted, array):
        raise InvalidArgumentError(f"{name} holds numbers that do not fit in 32 bits")
    return converted


def labels_of(values: npt.ArrayLike, count: int) -> IntArray:
    labels = int_array(values, "labels")
    if labels.shape != (count,):
        raise ShapeMismatchError(f"labels have shape {labels.shape}, but x has {count} samples")
    return labels


def targets_of(values: npt.ArrayLike, count: int) -> FloatArray:
    targets = float_array(values, "targets")
    if targets.ndim == 1:
        targets = targets.reshape(-1, 1)
    if targets.ndim != 2 or targets.shape[0] != count:
        raise ShapeMismatchError(f"targets have shape {targets.shape}, but x has {count} samples")
    return targets


def result(out: Optional[npt.NDArray[Any]], shape: Tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
    """`out` when it can take the result as it is, a new array when it is None."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray) or out.dtype != dtype or out.shape != shape:
        got = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise InvalidArgumentError(f"out is {got}, but must be {np.dtype(dtype)} {shape}")
    if not out.flags.carray:
        raise InvalidArgumentError("out must be C-contiguous, aligned and writable")
    return out


def doubles(values: npt.ArrayLike, name: str) -> DoubleArray:
    """`values` as C-contiguous float64: itself when it is that already, otherwise a copy."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" and array.size:
        raise InvalidArgumentError(f"{name} has dtype {array.dtype}, which is not a real number")
    return np.require(array, np.float64, ["C", "A"])


def inputs(x: npt.ArrayLike) -> Tuple[tp_batch, FloatArray]:
    """A batch of inputs alone, and the array that it points to."""
    rows = matrix(x, "x")
    return tp_batch(x=address(rows), x_width=rows.shape[1], count=rows.shape[0]), rows


class Samples(tp_batch):
    """A tp_batch that keeps the arrays it points to. May be filled again and again, for one loss."""

    _kept: Tuple[Any, ...]

    def fill(
        self, loss: Loss, x: npt.ArrayLike, y: npt.ArrayLike, weights: Optional[npt.ArrayLike]
    ) -> None:
        """Points at x (count x width), y (labels or targets, as the loss asks) and weights."""
        rows = matrix(x, "x")
        count, width = rows.shape
        self.x = address(rows)
        self.x_width = width
        self.count = count
        if loss is _cross_entropy:
            labels = labels_of(y, count)
            kept: Tuple[Any, ...] = (rows, labels)
            self.labels = address(labels)
        else:
            targets = targets_of(y, count)
            kept = (rows, targets)
            self.targets = address(targets)
            self.target_width = targets.shape[1]
        if weights is None:
            self.weights = None
        else:
            factors = float_array(weights, "weights")
            if factors.shape != (count,):
                raise ShapeMismatchError(
                    f"weights have shape {factors.shape}, but x has {count} samples"
                )
            kept += (factors,)
            self.weights = address(factors)
        self._kept = kept

    def clear(self) -> None:
        """Lets the arrays go. The struct must be filled again before its next use."""
        self._kept = ()


def samples(
    loss: Loss, x: npt.ArrayLike, y: npt.ArrayLike, weights: Optional[npt.ArrayLike] = None
) -> Samples:
    filled = Samples()
    filled.fill(loss, x, y, weights)
    return filled
