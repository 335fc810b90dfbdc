"""A convention in words and formulas."""

from filtrax.conventions._table import Convention, Mode, lookup

# In a correlation the window's start appears as lo = K - 1 - start, which reads better reduced.
_LO = {
    "0": "(K-1)",
    "(K-1)//2": "K//2",
    "K//2": "(K-1)//2",
    "K-1": "",
    "min(N,K)-1": "max(K-N, 0)",
    "(K-1)//2 if K <= N else N//2": "(K//2 if K <= N else K-1-N//2)",
}

_OUTSIDE = {
    "zero": "zero",
    "edge": "the nearest sample",
    "reflect": "x mirrored about its end samples",
    "symmetric": "x mirrored about its edges, the end samples repeated",
    "wrap": "x repeated periodically",
}


def index_formula(convention: Convention, mode: Mode) -> str:
    """The output as a sum over the taps, the indices written out, and its length."""
    tap = "conj(h[m])" if convention.conjugate else "h[m]"
    start = mode.start_formula
    if convention.operation == "convolve":
        index = "i - m" if start == "0" else f"i + {_grouped(start)} - m"
    else:
        lo = _LO.get(start, f"(K-1) + {_grouped(start)}")
        index = f"i + m - {lo}" if lo else "i + m"
    return f"y[i] = sum_m {tap} * x[{index}], {mode.length_formula} samples"


def _grouped(formula: str) -> str:
    return f"({formula})" if " if " in formula or formula == "K-1" else formula


def describe(name: str) -> str:
    """Says in plain words what a library's function computes, with the formula of each mode.

    Args:
        name: a key of ``CONVENTIONS``.

    Returns:
        A sentence, then a line for each mode, where N is the signal's length, K the number of
        taps, and x is taken beyond its ends as the line says.

    Raises:
        ValueError: the name is unknown.
        TypeError: the name is not a string.

    Example:
        >>> from filtrax import conventions
        >>> print(conventions.describe("tensorflow.nn.conv1d").splitlines()[0])
        tensorflow.nn.conv1d correlates: it slides the kernel over the signal without reversing it.
    """
    convention = lookup(name)
    if convention.operation == "convolve":
        sentence = f"{name} convolves: it reverses the kernel and slides it over the signal."
    else:
        sentence = f"{name} correlates: it slides the kernel over the signal without reversing it."
    if convention.conjugate:
        sentence += "\nA complex kernel is conjugated."
    lines = [sentence]
    for spelled, mode in convention.modes.items():
        default = " (default)" if spelled == convention.default else ""
        outside = _OUTSIDE[mode.boundary]
        lines.append(
            f"  {spelled!r}{default}: {index_formula(convention, mode)}; outside: {outside}"
        )
    if convention.note:
        lines.append(convention.note)
    return "\n".join(lines)
