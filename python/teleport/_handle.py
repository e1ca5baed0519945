"""The part that Model, Dataset and Trainer share: one pointer, freed once."""

from __future__ import annotations

from types import TracebackType
from typing import Any, ClassVar, NoReturn, Optional, Type, TypeVar

from .errors import BadStateError

_H = TypeVar("_H", bound="Handle")


class Handle:
    """Owns a pointer of the library. `close()`, leaving a `with` block or the last reference frees it.

    Do not close an object while another thread uses it. Objects keep what they use: a trainer works on
    after its model was closed.
    """

    __slots__ = ("_pointer_or_none", "__weakref__")

    _free: ClassVar[Any]  # the tp_*_free function
    _pointer_or_none: Optional[int]

    @classmethod
    def _adopt(cls: Type[_H], pointer: Any) -> _H:
        """An object for a new pointer, without __init__."""
        self = cls.__new__(cls)
        self._pointer_or_none = pointer.value
        return self

    @property
    def _pointer(self) -> int:
        pointer = self._pointer_or_none
        if pointer is None:
            raise BadStateError(f"the {type(self).__name__} is closed")
        return pointer

    @property
    def closed(self) -> bool:
        return self._pointer_or_none is None

    def close(self) -> None:
        """Frees the object. Closing it again does nothing."""
        pointer, self._pointer_or_none = self._pointer_or_none, None
        if pointer is not None:
            self._free(pointer)

    def __enter__(self: _H) -> _H:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_pointer_or_none", None) is not None:
            self.close()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled: it lives in native memory")
