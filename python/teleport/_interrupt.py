"""Ctrl-C and exceptions during a long native call.

A native call lets other threads run but not Python's signal handlers: those wait for the next bytecode of
the main thread. And ctypes prints and drops an exception that is raised in a callback, which is where a
signal handler would raise. Hence, while such a call runs on the main thread:

- Every Python signal handler is replaced by one that calls it and keeps what it raises.
- Python's C-level handler writes a signal's number to a pipe at once (signal.set_wakeup_fd). A helper
  thread reads it and, for Ctrl-C, raises the stop flag that the native code polls: no callback is needed.
- The native code calls back now and then (tp_set_stop), so that handlers of other signals run too, and stops
  when one has raised.
- Afterwards both are as before, and what was kept is raised.

On other threads nothing is replaced: Python runs signal handlers on the main thread alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Callable, Dict, List, Optional, Type

from ._abi import tp_stop_callback
from ._library import check, lib
from .errors import Status, StoppedError

_Handler = Callable[[int, Optional[FrameType]], Any]


class StopFlag:
    """Stops the call that it was given to from another thread: `flag.set()`.

    A run ends after the step that it is in, or within a teleport, and returns with `stopped` true; other calls
    raise StoppedError. The flag stays set until `clear()`.
    """

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = ctypes.c_int32(0)

    def set(self) -> None:
        self._value.value = 1

    def clear(self) -> None:
        self._value.value = 0

    def is_set(self) -> bool:
        return self._value.value != 0

    @property
    def address(self) -> int:
        """Of the int32 that the library polls; valid as long as this object."""
        return ctypes.addressof(self._value)


class Interruptible:
    """`with Interruptible(flag) as guard:` around one long native call.

    Callbacks put an exception aside with `guard.keep` and stop while `guard.stopping`; it is raised when the
    block ends.
    """

    def __init__(self, flag: StopFlag) -> None:
        self._flag = flag
        self._error: Optional[BaseException] = None
        self._called: Dict[int, _Handler] = {}
        self._restored: Dict[int, _Handler] = {}
        self._watch: Optional[_WakeupWatch] = None
        self._asked: Any = tp_stop_callback()  # NULL: on other threads no signal handler runs

    def keep(self, error: BaseException) -> None:
        """Keeps the first exception; from then on the call is to stop."""
        if self._error is None:
            self._error = error

    @property
    def stopping(self) -> bool:
        return self._error is not None or self._flag.is_set()

    def __enter__(self) -> Interruptible:
        if threading.current_thread() is threading.main_thread():
            try:
                self._replace_handlers()
            except BaseException:
                self._restore_handlers()
                raise
            self._asked = tp_stop_callback(lambda user_data: int(self.stopping))
        _guards().append(self)
        self._ask()
        return self

    def _ask(self) -> None:
        """Lets the native calls of this thread be stopped by this guard."""
        check(lib.tp_set_stop(self._flag.address, self._asked, None))

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        outer = _guards()
        outer.pop()
        if outer:  # this was a call in a callback of another
            outer[-1]._ask()
        else:
            check(lib.tp_set_stop(None, tp_stop_callback(), None))
        if self._watch is not None:
            self._watch.close()
        self._restore_handlers()
        if self._error is not None:
            raise self._error

    def _replace_handlers(self) -> None:
        # SIGINT comes first here and so last when restored: until then nothing can raise on the way.
        for number in sorted(signal.valid_signals(), key=lambda number: number != signal.SIGINT):
            handler = signal.getsignal(number)
            if not callable(handler):  # the system's default, ignored, or not set by Python
                continue
            # Inside a callback of another run the handlers are that run's. Calling those that it replaced
            # raises the exception here, in the call that it interrupts.
            called = handler.called if isinstance(handler, _KeepingHandler) else handler
            self._restored[number] = handler
            self._called[number] = called
            try:
                signal.signal(number, _KeepingHandler(self, called))
            except ValueError:  # not the main interpreter
                del self._restored[number]
        if self._called.get(signal.SIGINT) is signal.default_int_handler:
            self._watch = _WakeupWatch(self._flag)

    def _restore_handlers(self) -> None:
        while self._restored:
            number, handler = self._restored.popitem()
            try:
                signal.signal(number, handler)
            except BaseException as error:  # of another signal, which waited until now
                self.keep(error)
                signal.signal(number, handler)


_local = threading.local()


def _guards() -> List[Interruptible]:
    """Those of this thread, the innermost last."""
    if not hasattr(_local, "guards"):
        _local.guards = []
    guards: List[Interruptible] = _local.guards
    return guards


def interruptible(stop: Optional[StopFlag], call: Callable[..., int], *arguments: Any) -> None:
    """A native call that has no partial result: Ctrl-C is raised, and the flag raises StoppedError."""
    with Interruptible(StopFlag() if stop is None else stop):
        status = call(*arguments)
    check(status)
    if status == Status.STOPPED:
        raise StoppedError("the call was stopped")


class _KeepingHandler:
    """Calls a signal handler and keeps what it raises."""

    def __init__(self, guard: Interruptible, called: _Handler) -> None:
        self._guard = guard
        self.called = called

    def __call__(self, number: int, frame: Optional[FrameType]) -> None:
        try:
            self.called(number, frame)
        except BaseException as error:
            self._guard.keep(error)


class _WakeupWatch:
    """Raises a flag as soon as SIGINT arrives, whatever the main thread does."""

    _END = b"\0"  # no signal has this number

    def __init__(self, flag: StopFlag) -> None:
        self._flag = flag
        self._raised = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        # An event loop may have one: it gets its signals all the same.
        self._previous = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._run, name="teleport-ctrl-c", daemon=True)
        self._thread.start()

    def close(self) -> None:
        signal.set_wakeup_fd(self._previous)
        os.write(self._write, self._END)
        self._thread.join()
        os.close(self._read)
        os.close(self._write)
        if self._raised:  # the caller's flag is the caller's
            self._flag.clear()

    def _run(self) -> None:
        ended = False
        while not ended:
            numbers = os.read(self._read, 256)
            ended = self._END in numbers
            numbers = numbers.replace(self._END, b"")
            if signal.SIGINT in numbers:
                self._raised = not self._flag.is_set()
                self._flag.set()
            if numbers and self._previous != -1:
                try:
                    os.write(self._previous, numbers)
                except OSError:  # full, or closed meanwhile
                    pass
