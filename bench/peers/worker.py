"""The worker's side of the driver's protocol: "ready", then one line of JSON for every line that arrives."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any


def serve(repetition: Callable[[], dict[str, Any]], **facts: Any) -> None:
    """Warms up once, then answers. `facts` (versions, say) go with every answer."""
    repetition()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(repetition() | facts), flush=True)


def timed(work: Callable[[], Any], inner: int = 1) -> dict[str, float]:
    """Seconds that one of `inner` rounds of `work` takes."""
    start = time.perf_counter()
    for _ in range(inner):
        work()
    return {"seconds": (time.perf_counter() - start) / inner}


def rounds(widths: list[int], batch: int) -> int:
    """Steps a repetition, as in steps.c."""
    pairs = list(zip(widths, widths[1:]))
    flop = sum((6 if layer else 4) * batch * a * b for layer, (a, b) in enumerate(pairs))
    return 1 if flop > 2e9 else 3 if flop > 5e8 else 10 if flop > 5e7 else 60
