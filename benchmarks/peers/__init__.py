"""Everyone who can serve a case, filtrax first."""

import importlib.util

from benchmarks.cases import Case
from benchmarks.peers import in_jax
from benchmarks.peers.base import JNP, LAX, OURS, SIGNAL, Peer, is_torch
from benchmarks.reference import Operands

__all__ = ["JNP", "LAX", "OURS", "SIGNAL", "Peer", "is_torch", "missing", "peers"]


def peers(case: Case, given: Operands) -> list[Peer]:
    """Calls ready to be timed; a library that is not installed has none."""
    found = in_jax.peers(case, given)
    try:
        from benchmarks.peers import in_torch
    except ImportError:
        pass
    else:
        found += in_torch.peers(case, given)
    from benchmarks.peers import in_arrays

    return found + in_arrays.peers(case, given)


def missing() -> list[str]:
    """Libraries that would be peers and are not here."""
    names = {"torch": "torch", "cv2": "OpenCV", "cupy": "CuPy"}
    absent = []
    for module, name in names.items():
        if importlib.util.find_spec(module) is None:
            absent.append(name)
    return absent
