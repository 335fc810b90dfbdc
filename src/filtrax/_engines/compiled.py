"""Engines by kernels compiled for CPUs, in place of XLA's where one device runs the program.

XLA cannot divide a call between devices, nor write it into an export: there, and where no compiler
was found when the library was installed, its own operations serve.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from filtrax import _native
from filtrax._engines import fft, loops, tap_counts, tiles
from filtrax._engines.base import (
    Correlation,
    Engine,
    Run,
    RunAs,
    calls_of,
    correlation_of,
    in_order,
    rounding_of_sums,
)
from filtrax._engines.parts import run_in_parts, scratch_in_parts
from filtrax._geometry import Axis

#: Complex samples in the shortest transform.
_SHORTEST = 64
#: Bytes of spectra that are kept at once at most, and of some terms' that are met before others, as
#: in ``frames.h``.
_KEPT, _NEAR = 1 << 28, 1 << 21
#: Kernels of a bank at least, products of spectra for each transform, and bytes of a signal, as
#: there; what a product takes of the time that it takes elsewhere; bytes of a bank's spectra at
#: once, and the fewest rows.
_FEWEST_KERNELS, _FEWEST_PRODUCTS, _MOST_OF_PAIR = 3, 4, 1 << 25
_OF_BANK, _BANK_NEAR, _FEWEST_ROWS = 0.45, 1 << 23, 8


def _run_taps(problem: Correlation, a: jax.Array, b: jax.Array) -> jax.Array:
    if tap_counts.served(problem) is not problem:
        return run_in_parts(_run_taps, problem, a, b)
    found = tap_counts.rows_of(problem)
    assert found is not None
    algorithm, rows = found
    out = _native.call(algorithm, rows.numbers, a, b, problem.shape)
    # Vectors of outputs are written forwards.
    return in_order(out, problem.axes, "output") if algorithm == _native.TAPS else out


def _refuses_taps(problem: Correlation, platform: str) -> str | None:
    found = tap_counts.rows_of(tap_counts.served(problem))
    return None if found else "no kernels are compiled for it"


def _scratch_taps(problem: Correlation) -> float:
    return 0.0 if tap_counts.served(problem) is problem else scratch_in_parts(problem)


def _error_taps(problem: Correlation) -> float:
    """Of sums one after the other; of few outputs in stretches, which are added in float64."""
    problem = tap_counts.served(problem)
    found = tap_counts.rows_of(problem)
    if found and found[0] == _native.DOTS:
        return rounding_of_sums(problem, run=256, joined=1 << 30)
    return rounding_of_sums(problem, run=0, joined=1)


def _frames(problem: Correlation) -> loops.Rows | None:
    if not jnp.issubdtype(problem.dtype, jnp.inexact) or not loops.dtype_is_served(problem.dtype):
        return None
    return loops.for_frames(problem)


def _parts(problem: Correlation) -> int:
    """Real samples to a complex one of the transform."""
    return 1 if problem.is_complex else 2


@lru_cache(maxsize=4096)
def _length(short: int, long: int, parts: int) -> int:
    """Complex samples in a transform, for the least work on a row."""
    lengths = [odd * _SHORTEST << level for odd in (1, 3, 5) for level in range(20)]

    def total(length: int) -> float:
        frame = parts * length
        hop = frame - short + 1
        # Past the second cache every sample costs more.
        strain = 1.0 + 0.15 * max(math.log2(length / 16384), 0.0)
        return -(-long // hop) * frame * (math.log2(frame) + 3) * strain

    return min((n for n in lengths if parts * n >= short), key=total)


def _block(problem: Correlation) -> tuple[int, int]:
    """Complex samples in a transform, and how many frames a row has."""
    rows = _frames(problem)
    assert rows is not None
    short, long = sorted((rows.inner.k, rows.inner.m))
    parts = _parts(problem)
    length = _length(short, long, parts)
    return length, -(-long // (parts * length - short + 1))


def _run_frames(problem: Correlation, a: jax.Array, b: jax.Array) -> jax.Array:
    rows = _frames(problem)
    assert rows is not None
    length, _ = _block(problem)
    return _native.call(_native.FRAMES, rows.numbers, a, b, problem.shape, length)


def _refuses_frames(problem: Correlation, platform: str) -> str | None:
    if why := fft.refuses(problem, platform):
        return why
    if _frames(problem) is None:
        return "no kernels are compiled for it"
    if _scratch_frames(problem) * problem.dtype.itemsize > _KEPT:
        return "its spectra would take too much memory"
    return None


class _Spectra(NamedTuple):
    """Rows that are transformed, each as often as there are frames or once, and what is multiplied.

    Attributes:
        signals: rows of signals.
        kernels: rows of taps.
        results: rows of outputs.
        products: products of spectra, over all frames.
        frames: of a row.
        size: real samples of a frame.
        short: whether frames are summed, as there are fewer outputs than taps.
        bank: whether so many kernels meet so many signals that products are those of matrices.
        waits: whether spectra of all of some terms' rows are there at once, and sums wait for the
            next terms: of few outputs in several rows, or where cells share signals and kernels.
    """

    signals: int
    kernels: int
    results: int
    products: int
    frames: int
    size: int
    short: bool
    bank: bool
    waits: bool

    @property
    def transforms(self) -> int:
        if self.short:
            return (self.signals + self.kernels) * self.frames + self.results
        return (self.signals + self.results) * self.frames + self.kernels


class _Bank(NamedTuple):
    """A set of signals and kernels that all meet: how many, of how many terms, rows and taps.

    Attributes:
        outputs: rows of results of a signal and a kernel.
        met: rows of a signal, with those of zeros around it.
    """

    signals: int
    kernels: int
    terms: int
    taps: int
    outputs: int
    met: int

    def of_pair(self, short: bool) -> int:
        """Spectra for each signal, with its results, or for each term where outputs are few."""
        if short:
            return self.signals * self.met + self.kernels * self.taps
        return self.terms * self.met + self.kernels * self.outputs


def _bank_of(rows: loops.Rows) -> _Bank:
    return _Bank(
        signals=math.prod(cell.size for cell in rows.cells if cell.lhs and not cell.rhs),
        kernels=math.prod(cell.size for cell in rows.cells if cell.rhs and not cell.lhs),
        terms=math.prod(each.size for each in rows.sums),
        taps=math.prod(axis.k for axis in rows.outer),
        outputs=math.prod(axis.m for axis in rows.outer),
        met=math.prod(
            (axis.m - 1) * axis.stride + (axis.k - 1) * axis.dilation + 1 for axis in rows.outer
        ),
    )


def spectra_of(problem: Correlation) -> _Spectra:
    """Those of a problem that frames serve."""
    rows = _frames(problem)
    assert rows is not None
    length, frames = _block(problem)
    outer, inner = rows.outer, rows.inner
    cells = math.prod(cell.size for cell in rows.cells)
    left = math.prod(cell.size for cell in rows.cells if cell.lhs)
    right = math.prod(cell.size for cell in rows.cells if cell.rhs)
    bank = _bank_of(rows)
    terms, taps, results = bank.terms, bank.taps, cells * bank.outputs
    short = inner.k > inner.m
    lines = bank.signals * bank.outputs * (1 if short else frames)
    size = length * _parts(problem)
    is_bank = (
        inner.lhs == 1 and lines > 1 and bank.kernels >= _FEWEST_KERNELS
        and terms * taps * bank.kernels >= _FEWEST_PRODUCTS * (terms + bank.kernels)
        and bank.of_pair(short) * size * problem.dtype.itemsize <= _MOST_OF_PAIR
    )  # fmt: skip
    return _Spectra(
        signals=left * terms * math.prod(axis.n for axis in outer),
        kernels=right * terms * taps,
        results=results,
        products=results * terms * taps * frames,
        frames=frames,
        size=size,
        short=short,
        bank=is_bank,
        waits=not is_bank and short and (bool(outer) or cells != max(left, right)),
    )


def _work_frames(problem: Correlation) -> tuple[float, ...]:
    """Butterflies, samples transformed, spectra's products where they are summed, samples gathered.

    The last stand between those of other rows.
    """
    rows = _frames(problem)
    assert rows is not None
    spectra = spectra_of(problem)
    size = spectra.size
    strain = 1.0 + 0.15 * max(math.log2(size / 32768), 0.0)
    samples = float(spectra.transforms * size)
    # Spectra that several others meet are written and read again.
    moved = 2 * samples if spectra.waits else samples
    summed = rows.outer or rows.sums or spectra.short
    products = float(spectra.products * size) if summed else 0.0
    products *= _OF_BANK if spectra.bank else 1.0
    apart = float(problem.inputs + problem.outputs) if rows.inner.lhs > 1 else 0.0
    return (calls_of(problem), samples * math.log2(size) * strain, moved, products, apart)


def _scratch_frames(problem: Correlation) -> float:
    """Spectra: of each thread's frame or, where sums are taken of them, of a frame of all rows."""
    rows = _frames(problem)
    assert rows is not None
    spectra = spectra_of(problem)
    if spectra.bank:
        kept = _kept_of_bank(rows, spectra, problem.dtype.itemsize)
    elif spectra.waits:
        terms = math.prod(each.size for each in rows.sums)
        of_term = (spectra.signals + spectra.kernels) // terms
        near = int(_NEAR // (of_term * spectra.size * problem.dtype.itemsize))
        kept = of_term * max(1, min(terms, near)) + spectra.results
    elif not spectra.short and (rows.outer or rows.sums):
        kept = spectra.signals + spectra.kernels
    else:
        # A frame for each thread that has one: a single row of one frame is shared by all.
        cells = math.prod(cell.size for cell in rows.cells)
        kept = min(64, cells * spectra.frames) + (0 if spectra.short else spectra.kernels)
    return float(kept) * spectra.size


def _kept_of_bank(rows: loops.Rows, spectra: _Spectra, itemsize: int) -> int:
    """Spectra of some signals, or terms, of a set with all that they meet, and of results."""
    bank, short = _bank_of(rows), spectra.short
    kept = bank.kernels * (bank.signals * bank.outputs if short else bank.terms * bank.taps)
    near = _BANK_NEAR // (bank.of_pair(short) * spectra.size * itemsize)
    pairs = spectra.frames * (bank.terms if short else bank.signals)
    return kept + bank.of_pair(short) * min(pairs, max(-(-_FEWEST_ROWS // bank.outputs), near))


def _spread_frames(problem: Correlation) -> tuple[int, ...]:
    """Along the last axis that is slid along, the outputs of the frames that hold a sample."""
    rows = _frames(problem)
    assert rows is not None
    length, _ = _block(problem)
    inner = rows.inner
    hop = length * _parts(problem) - min(inner.k, inner.m) + 1
    held = inner.m if inner.k > inner.m else min(inner.m, hop * (1 + -(-(inner.k - 1) // hop)))
    slid = [number for number, axis in enumerate(problem.axes) if _slides(axis)]
    return tuple(
        held
        if number == slid[-1]
        else 1
        if axis.paired
        else min(axis.m, -(-axis.span // axis.stride))
        for number, axis in enumerate(problem.axes)
    )


def _slides(axis: Axis) -> bool:
    return isinstance(loops.loop_of(axis, 1, 1, 1), loops.Slide)


def _in_order(run_as: RunAs) -> Run:
    """The same of a plain correlation's own operands."""

    def run(
        axes: tuple[Axis, ...],
        lhs: jax.Array,
        rhs: jax.Array,
        precision: lax.Precision,
        platform: str,
    ) -> jax.Array:
        return run_as(correlation_of(axes, lhs, rhs), lhs, rhs)

    return run


#: Overlap-save, by transforms of long blocks and by combinations of short ones.
_FRAMES = Engine(
    "overlap", _in_order(_run_frames), _refuses_frames,
    lambda problem: (*_work_frames(problem), *(0.0,) * 5),
    block=lambda problem: _block(problem)[0] * _parts(problem), scratch=_scratch_frames,
    error=lambda problem: fft.rounding_of_transforms(spectra_of(problem).size),
    spread=_spread_frames, run_as=_run_frames,
)  # fmt: skip
_TILES = Engine(
    "overlap", _in_order(tiles.run), lambda *_: None,
    lambda problem: (calls_of(problem), *(0.0,) * 4, *tiles.work(problem)),
    block=lambda _: tiles.POINTS, scratch=tiles.scratch, error=tiles.error, spread=tiles.spread,
    run_as=tiles.run,
)  # fmt: skip


def _overlap(problem: Correlation) -> Engine:
    return _FRAMES if tiles.rows_of(problem) is None else _TILES


def _run_overlap(problem: Correlation, a: jax.Array, b: jax.Array) -> jax.Array:
    run = _overlap(problem).run_as
    assert run is not None
    return run(problem, a, b)


#: By the names of the engines whose place they take.
COMPILED: dict[str, Engine] = {
    "shift": Engine(
        "shift", _in_order(_run_taps), _refuses_taps, tap_counts.work,
        scratch=_scratch_taps, error=_error_taps, multiplies=lambda _: False, in_place=True,
        run_as=_run_taps,
    ),
    "overlap": Engine(
        "overlap", _in_order(_run_overlap),
        lambda problem, platform: _overlap(problem).refuses(problem, platform),
        lambda problem: _overlap(problem).work(problem),
        block=lambda problem: _overlap(problem).block(problem),
        scratch=lambda problem: _overlap(problem).scratch(problem),
        error=lambda problem: _overlap(problem).error(problem),
        spread=lambda problem: _overlap(problem).spread(problem), scale=lambda _: "block",
        multiplies=lambda _: False, in_place=True, run_as=_run_overlap,
    ),
}  # fmt: skip


def serving(engines: dict[str, Engine], problem: Correlation) -> dict[str, Engine]:
    """The engines, with compiled ones in the place of those whose problem they serve."""
    return {
        name: COMPILED[name]
        if name in COMPILED and COMPILED[name].refuses(problem, "cpu") is None
        else engine
        for name, engine in engines.items()
    }


def is_compiled(engine: Engine) -> bool:
    """Whether an engine is one of these."""
    return COMPILED.get(engine.name) is engine
