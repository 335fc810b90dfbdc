"""What a peer is to the clock."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

OURS = "filtrax"
JNP = "jax.numpy.convolve"
SIGNAL = "jax.scipy.signal.convolve"
LAX = "jax.lax.conv"
STREAM = "x * c"
OUTSIDE = "filtrax, outside the loop"


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to compute a case.

    Attributes:
        name: as the tables call it.
        call: computes it and waits for the result.
        fetch: a result as NumPy arrays, in the order of the case's outputs.
        direct: whether its time grows with the number of products, so that it can be foreseen.
        compiles: whether its first call compiles.
        yardstick: timed beside the peers, but none of them.
        repeats: calls in one, by which the time is divided.
        kin: what it shares with other peers that are the same algorithm by other names.
        unfolds: bytes of the matrix into which it unfolds one row or image, if it does.
    """

    name: str
    call: Callable[[], Any]
    fetch: Callable[[Any], tuple[np.ndarray, ...]]
    direct: bool = False
    compiles: bool = False
    yardstick: bool = False
    repeats: int = 1
    kin: str = ""
    unfolds: float = 0.0


def is_torch(name: str) -> bool:
    """Whether a peer is one of torch's ways."""
    return name.startswith("torch")
