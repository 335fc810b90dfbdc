"""The clock: seconds of calls that are made in a row, once the machine has settled to them."""

import time
from collections.abc import Callable
from typing import Any

#: Seconds of calls that go before a timed one: so long it takes until the threads that another
#: library has left behind are asleep, and the caller's own are on every core.
SETTLED = 0.016
#: A call that takes longer needs no other before it.
CHEAP = 0.05
#: Timed calls in a row: at most so many, and for about so many seconds.
ROW, ROW_SECONDS = 5, 0.02

Call = Callable[[], Any]


def once(call: Call) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def row(call: Call, expected: float, most: int = ROW) -> list[float]:
    """Seconds of a few calls in a row, after untimed ones."""
    if expected < CHEAP:
        spent = 0.0
        while spent < SETTLED:
            spent += once(call)
    count = int(ROW_SECONDS / expected) if expected > 0 else ROW
    return [once(call) for _ in range(max(1, min(most, ROW, count)))]
