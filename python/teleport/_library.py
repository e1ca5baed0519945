"""Finds libteleport, loads it, and gives every function of teleport.h its prototype."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any, List

from ._abi import PROTOTYPES, TP_VERSION_MAJOR
from .errors import error_for

SONAME = f"libteleport.so.{TP_VERSION_MAJOR}"


def _places() -> List[str]:
    """Where the library may be, most explicit first. TELEPORT_LIBRARY admits nothing else."""
    chosen = os.environ.get("TELEPORT_LIBRARY")
    if chosen:
        return [chosen]
    package = Path(__file__).resolve().parent
    folders = (package, package.parent.parent / "build" / "lib")
    files = [str(folder / name) for folder in folders for name in (SONAME, "libteleport.so")]
    return [file for file in files if os.path.exists(file)] + [SONAME]


def _load() -> Any:
    failures = []
    for place in _places():
        try:
            # CDLL, not PyDLL: calls let go of the interpreter's lock, so that other threads run.
            library = ctypes.CDLL(place)
        except OSError as failure:
            failures.append(str(failure))
            continue
        for name, (result, arguments) in PROTOTYPES.items():
            try:
                function = getattr(library, name)
            except AttributeError:
                raise ImportError(
                    f"{place} has no function {name}: it is older than this package"
                ) from None
            function.restype = result
            function.argtypes = arguments
        return library
    raise ImportError(
        "libteleport was not found. Run `make lib` in the checkout, or set TELEPORT_LIBRARY to the "
        "path of libteleport.so. Tried: " + "; ".join(failures)
    )


lib = _load()


def check(status: int) -> None:
    """Raises the exception of a negative status, with the message of this thread's last failure."""
    if status < 0:
        raise error_for(status, lib.tp_error_message().decode("utf-8", "replace"))


def initialized(struct: Any) -> Any:
    """Fills a config or an output struct with the library's defaults, and returns it."""
    name = type(struct).__name__
    check(getattr(lib, name + "_init")(struct, ctypes.sizeof(struct)))
    return struct
