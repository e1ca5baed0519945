"""How a trainer's learning rate goes over its steps."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Callable, Optional, Union

from ._abi import tp_rate_callback, tp_schedule_config
from ._library import initialized
from ._values import expect, int64
from .enums import ScheduleKind, ScheduleName
from .errors import InvalidArgumentError

Rate = Callable[[int, float], float]


@dataclasses.dataclass(frozen=True)
class Schedule:
    """tp_schedule_config with the library's defaults; for `Trainer.set_schedule`.

    `rate(step, base_rate)` gives the rate of step `step`, from 0, and goes with "callback". It runs
    on the thread that trains, and when the rate is asked for. An exception in it fails the step and
    is raised from the call that asked. Inside it the trainer and its model may be read, but not
    changed: BadStateError.
    """

    schedule: Union[ScheduleName, ScheduleKind] = ScheduleKind.CONSTANT
    warmup_steps: int = 0
    interval: int = 1000
    factor: float = 0.1
    floor: float = 0.0
    rate: Optional[Rate] = None


class NativeSchedule:
    """A tp_schedule_config, and what its callback needs as long as a trainer uses it."""

    def __init__(self, schedule: Schedule) -> None:
        expect(schedule, Schedule, "schedule", f"Schedule({schedule!r})")
        kind = ScheduleKind.of(schedule.schedule)
        if (schedule.rate is not None) != (kind is ScheduleKind.CALLBACK):
            missing = "needs a rate" if schedule.rate is None else "takes no rate"
            raise InvalidArgumentError(f"the schedule {kind.value!r} {missing}")
        struct = initialized(tp_schedule_config())
        struct.schedule = kind.code
        struct.warmup_steps = int64(schedule.warmup_steps, "warmup_steps")
        struct.interval = int64(schedule.interval, "interval")
        struct.factor = schedule.factor
        struct.floor = schedule.floor
        self._error: Optional[BaseException] = None
        rate = schedule.rate
        if rate is not None:
            given = rate

            def native_rate(step: int, base_rate: float, user_data: Any) -> float:
                try:
                    return float(given(step, base_rate))
                except BaseException as error:
                    self._error = self._error or error
                    return math.nan  # which the library refuses

            struct.rate = tp_rate_callback(native_rate)
        self.struct = struct

    def take_error(self) -> Optional[BaseException]:
        """The first exception of the callback since the last call."""
        error, self._error = self._error, None
        return error
