"""Gradient descent and teleports in the plane, on functions that rotations of (u, v) keep.

    from teleport import plane

    config = plane.PlaneConfig(steps=1000, teleport_steps=range(99, 1000, 100))
    descent = plane.descend(plane.rosenbrock(), (-1, -1), config)
    print(descent.values[-1])

All in double. Points are pairs (x, y).
"""

from __future__ import annotations

import ctypes
import dataclasses
import math
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from . import _abi
from ._abi import tp_plane_config, tp_plane_function, tp_plane_report
from ._arrays import DoubleArray, address, doubles
from ._interrupt import interruptible
from ._library import check, initialized, lib
from ._values import int32, uint64
from .enums import TeleportOutcome
from .errors import ShapeMismatchError

Value = Callable[[DoubleArray], float]
Map = Callable[[DoubleArray], npt.ArrayLike]


class PlaneFunction:
    """A function of the plane whose value depends on u^2 + v^2 alone, (u, v) = to_uv(xy).

    value             xy -> number
    gradient          xy -> 2 numbers
    to_uv, from_uv    xy -> uv and back
    hessian           xy -> 2 x 2; without it, or without from_uv_jacobian, the ascent of theta
                      takes central differences
    from_uv_jacobian  uv -> 2 x 2, d (x, y) / d (u, v)

    Each gets an array of two. An exception in one of them is raised from `descend` or `teleport`.
    """

    def __init__(
        self,
        value: Value,
        gradient: Map,
        to_uv: Map,
        from_uv: Map,
        *,
        hessian: Optional[Map] = None,
        from_uv_jacobian: Optional[Map] = None,
    ) -> None:
        self._error: Optional[BaseException] = None
        self._struct = initialized(tp_plane_function())
        self._struct.value = _abi.tp_plane_function_value(self._native_value(value))
        self._struct.gradient = _abi.tp_plane_function_gradient(self._native_map(gradient, 2))
        self._struct.to_uv = _abi.tp_plane_function_to_uv(self._native_map(to_uv, 2))
        self._struct.from_uv = _abi.tp_plane_function_from_uv(self._native_map(from_uv, 2))
        if hessian is not None:
            self._struct.hessian = _abi.tp_plane_function_hessian(self._native_map(hessian, 4))
        if from_uv_jacobian is not None:
            self._struct.from_uv_jacobian = _abi.tp_plane_function_from_uv_jacobian(
                self._native_map(from_uv_jacobian, 4)
            )

    @classmethod
    def _built_in(cls, fill: Any) -> PlaneFunction:
        self = cls.__new__(cls)
        self._error = None
        self._struct = initialized(tp_plane_function())
        check(fill(self._struct))
        return self

    def value(self, xy: npt.ArrayLike) -> float:
        point = _pair(xy, "xy")
        result = float(self._struct.value(address(point), self._struct.user_data))
        self._raise_kept()
        return result

    def gradient(self, xy: npt.ArrayLike) -> DoubleArray:
        point = _pair(xy, "xy")
        result = np.empty(2)
        self._struct.gradient(address(point), address(result), self._struct.user_data)
        self._raise_kept()
        return result

    def _native_value(self, function: Value) -> Any:
        def native(point: int, user_data: Any) -> float:
            if self._error is None:
                try:
                    return float(function(_at(point)))
                except BaseException as error:
                    self._error = error
            return math.nan

        return native

    def _native_map(self, function: Map, count: int) -> Any:
        def native(point: int, out: int, user_data: Any) -> None:
            result = np.full(count, math.nan)
            if self._error is None:
                try:
                    numbers = doubles(function(_at(point)), "the result")
                    if numbers.size != count:
                        raise ShapeMismatchError(
                            f"a callback gave {numbers.size} numbers, but must give {count}"
                        )
                    result = numbers
                except BaseException as error:
                    self._error = error
            ctypes.memmove(out, address(result), result.nbytes)

        return native

    def _raise_kept(self) -> None:
        """Raises what a callback raised. From then to here the callbacks are not called again."""
        error, self._error = self._error, None
        if error is not None:
            raise error


def rosenbrock() -> PlaneFunction:
    """100 (x^2 - y)^2 + (x - 1)^2 with u = 10 (x^2 - y), v = x - 1; the minimum is at (1, 1)."""
    return PlaneFunction._built_in(lib.tp_plane_rosenbrock)


def booth() -> PlaneFunction:
    """(x + 2 y - 7)^2 + (2 x + y - 5)^2 with u and v the brackets; the minimum is at (1, 3)."""
    return PlaneFunction._built_in(lib.tp_plane_booth)


@dataclasses.dataclass(frozen=True)
class PlaneConfig:
    """tp_plane_config with the library's defaults. teleport.h describes each field."""

    steps: int = 1000
    theta_steps: int = 10
    learning_rate: float = 1e-3
    theta_learning_rate: float = 0.1
    loss_tolerance: float = 1e-9
    teleport_steps: Sequence[int] = ()
    theta_starts: Sequence[float] = ()
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class PlaneReport:
    """tp_plane_report: what a teleport in the plane came to."""

    accepted: bool
    outcome: TeleportOutcome
    theta: float
    value_before: float
    value_after: float
    gradient_norm2_before: float
    gradient_norm2_after: float


class Descent(NamedTuple):
    """The points (steps + 1, 2) and their values (steps + 1).

    A step's point is the one after its teleport and before its descent; the last one is the end.
    """

    points: DoubleArray
    values: DoubleArray


def teleport(
    function: PlaneFunction,
    xy: npt.ArrayLike,
    theta: float,
    config: PlaneConfig = PlaneConfig(),
) -> Tuple[DoubleArray, PlaneReport]:
    """The point after a rotation by the theta that ascent on |grad|^2 reaches, and a report."""
    point = _pair(xy, "xy").copy()
    report = initialized(tp_plane_report())
    native, kept = _native(config)
    status = lib.tp_plane_teleport(function._struct, address(point), theta, native, report)
    function._raise_kept()
    check(status)
    del kept
    names = [field.name for field in dataclasses.fields(PlaneReport)][2:]
    return point, PlaneReport(
        bool(report.accepted),
        TeleportOutcome.of_code(report.outcome),
        **{name: getattr(report, name) for name in names},
    )


def descend(
    function: PlaneFunction, start: npt.ArrayLike, config: PlaneConfig = PlaneConfig()
) -> Descent:
    """Gradient descent from `start`, with a teleport before each of config.teleport_steps."""
    point = _pair(start, "start")
    native, kept = _native(config)
    count = max(config.steps or PlaneConfig.steps, 0) + 1
    points, values = np.empty((count, 2)), np.empty(count)
    try:
        interruptible(
            None,
            lib.tp_plane_descend,
            function._struct,
            address(point),
            native,
            address(points),
            points.size,
            address(values),
            values.size,
        )
    finally:
        function._raise_kept()
    del kept
    return Descent(points, values)


def _native(config: PlaneConfig) -> Tuple[Any, List[Any]]:
    """A tp_plane_config and the arrays that it points to."""
    struct = initialized(tp_plane_config())
    struct.steps = int32(config.steps, "steps")
    struct.theta_steps = int32(config.theta_steps, "theta_steps")
    struct.learning_rate = config.learning_rate
    struct.theta_learning_rate = config.theta_learning_rate
    struct.loss_tolerance = config.loss_tolerance
    struct.seed = uint64(config.seed, "seed")
    steps = np.array([int32(step, "a teleport step") for step in config.teleport_steps], np.int32)
    starts = doubles(list(config.theta_starts), "theta_starts")
    if steps.size > 0:
        struct.teleport_steps = address(steps)
        struct.teleport_step_count = steps.size
    if starts.size > 0:
        struct.theta_starts = address(starts)
        struct.theta_start_count = starts.size
    return struct, [steps, starts]


def _pair(values: npt.ArrayLike, name: str) -> DoubleArray:
    pair = doubles(values, name)
    if pair.shape != (2,):
        raise ShapeMismatchError(f"{name} has shape {pair.shape}, but must be a pair")
    return pair


def _at(address_: int) -> DoubleArray:
    """A copy of the pair at an address."""
    return np.array((ctypes.c_double * 2).from_address(address_))
