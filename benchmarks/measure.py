"""Every peer of a cell in turn, round after round, until each has had its time.

Short calls are timed in a row, after others of the same peer (see `clock`). Slow peers get few
rounds. A peer whose time grows with the number of products is left out where its own rate, in the
cell before, foretells a long wait for a time far behind the best; the report says which and how
long it would have taken.
"""

import gc
import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

import jax

from benchmarks import clock
from benchmarks.cases import BY_KERNEL, BY_SIGNAL, Case
from benchmarks.peers import Peer, peers
from benchmarks.reference import error, exact, operands

#: Seconds.
SLOW, ONCE, PATIENCE, LONG, HOPELESS = 0.3, 1.0, 2.0, 5.0, 15.0
#: Times the best, from which a peer gets few rounds or may be left out.
FAR = 20.0
#: The same for peers that are one algorithm by other names.
KIN_SLOW, KIN_FAR = 0.1, 10.0
#: Seconds a product takes at least, on an accelerator and on a CPU, before a peer's own is known.
FASTEST = (1e-12, 1e-10)
#: Bytes of working memory past which a peer is left out.
ROOM = 8e9
RULE = (
    f"A peer is left out of a cell where its own rate in cells before foretells more than "
    f"{PATIENCE:.0f} s and more than {FAR:.0f} times the best; it counts as slower by the time "
    "foretold. Where the slowest rate that it ever showed foretells more than "
    f"{HOPELESS:.0f} s, it is left out, too, and counts nowhere. Of JAX's names for the one "
    "convolution of XLA (jnp.convolve, lax, jax.scipy.signal.convolve) the next is left out "
    f"where the one before took more than {KIN_SLOW} s and {KIN_FAR:.0f} times the best. One "
    f"that unfolds the signal into more than {ROOM / 1e9:.0f} GB is left out and counts nowhere. "
    f"A call above {SLOW} s is timed once or twice."
)
OUTPUTS = {BY_KERNEL: ("y", "dh"), BY_SIGNAL: ("dx",)}


@dataclass(slots=True)
class Timing:
    """One peer in one cell.

    Attributes:
        milliseconds: median; of a peer left out, what was foretold.
        errors: of each output, relative to its largest value.
        compile_seconds: of the first call, past a later one; ``None`` if it does not compile.
        compilations: events of tracing or compiling after the first call.
        note: why it was left out or failed; then there is no time of its own.
    """

    peer: str
    milliseconds: float
    rounds: int = 0
    errors: dict[str, float] = field(default_factory=dict)
    compile_seconds: float | None = None
    compilations: int | None = None
    yardstick: bool = False
    note: str = ""

    @property
    def ran(self) -> bool:
        return self.rounds > 0


@dataclass(slots=True)
class Cell:
    """A case with the timings of everyone who can serve it."""

    case: Case
    timings: list[Timing]

    def of(self, peer: str) -> Timing | None:
        """A peer's timing, run or foretold; ``None`` if it cannot serve or failed."""
        return next((t for t in self.timings if t.peer == peer and t.milliseconds > 0), None)

    def rivals(self, ours: str) -> list[Timing]:
        """Peers that ran, the fastest first."""
        ran = (t for t in self.timings if t.ran and not t.yardstick and t.peer != ours)
        return sorted(ran, key=lambda t: t.milliseconds)

    def as_dict(self) -> dict[str, Any]:
        return {"case": self.case.as_dict(), "timings": [asdict(t) for t in self.timings]}

    def learn(self, rates: "Rates") -> None:
        """Remembers all times that were taken."""
        for timing in self.timings:
            if timing.ran:
                rates.note(self.case, timing)


class Compilations:
    """Counts what JAX traces, lowers and compiles while it is listening."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, event: str, *_: Any, **__: Any) -> None:
        self.count += event.startswith("/jax/core/compile")

    def __enter__(self) -> "Compilations":
        jax.monitoring.register_event_duration_secs_listener(self)
        return self

    def __exit__(self, *_: object) -> None:
        jax.monitoring.unregister_event_duration_listener(self)


@dataclass(slots=True)
class _Run:
    """A peer while its cell is measured."""

    peer: Peer
    timing: Timing
    first: float = 0.0
    estimate: float = 0.0
    wanted: int = 0
    times: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Rates:
    """Seconds a product takes.

    Attributes:
        latest: by family, peer and task, from the latest cell in which it ran.
        slowest: by peer, task and whether rows share a kernel, of all cells.
    """

    latest: dict[tuple[str, str, str], float] = field(default_factory=dict)
    slowest: dict[tuple[str, str, bool], float] = field(default_factory=dict)

    def note(self, case: Case, timing: Timing) -> None:
        """Remembers a time, unless it is mere overhead, which does not grow with the products."""
        if timing.yardstick or timing.milliseconds < 1e3 * clock.CHEAP / 10:
            return
        rate = 1e-3 * timing.milliseconds / case.products
        self.latest[case.family, timing.peer, case.task] = rate
        key = timing.peer, case.task, case.is_shared
        self.slowest[key] = max(self.slowest.get(key, 0.0), rate)


def measure(case: Case, rates: Rates, budget: float = 0.25) -> Cell:
    """Times one cell; ``budget`` is what a peer may spend on its rounds, in seconds."""
    gc.collect()
    with jax.enable_x64(case.dtype == "float64"), Compilations() as compilations:
        given = operands(case)
        truth = exact(case, given)
        runs: list[_Run] = []
        for peer in peers(case, given):
            best = min((r.estimate for r in runs if r.wanted and not r.peer.yardstick), default=0.0)
            run = _Run(peer, Timing(peer.name, 0.0, yardstick=peer.yardstick))
            runs.append(run)
            if peer.unfolds > ROOM:
                run.timing.note = f"left out: {peer.unfolds / 1e9:.0f} GB of working memory"
                continue
            foretold, why = _foretold(case, peer, rates, best), "its own rate"
            if not foretold and peer.kin and peer.name not in case.must:
                kin = (r.estimate for r in runs if r.wanted and r.peer.kin == peer.kin)
                foretold, why = min(kin, default=0.0), peer.kin
                foretold = foretold if foretold > max(KIN_SLOW, KIN_FAR * best) else 0.0
            if foretold:
                run.timing.milliseconds = 1e3 * foretold / peer.repeats
                run.timing.note = f"left out: {foretold:.3g} s foretold by {why}"
                continue
            alike = {r.peer.name for r in runs if r is run or (peer.kin and r.peer.kin == peer.kin)}
            if best and (worst := _at_worst(case, peer, alike, rates)) > HOPELESS:
                run.timing.note = f"left out: {worst:.3g} s foretold by its slowest rate"
                continue
            _begin(case, run, truth, compilations)
        best = min((r.estimate for r in runs if r.wanted and not r.peer.yardstick), default=0.0)
        for run in runs:
            if run.wanted:
                run.wanted = _rounds(run, best, budget)
        _rounds_of(runs, compilations)
    for run in runs:
        _finish(run)
    cell = Cell(case, [run.timing for run in runs])
    cell.learn(rates)
    return cell


def failed(failure: Exception) -> str:
    """A note of one line."""
    first = (str(failure).splitlines() or [""])[0]
    return f"failed: {type(failure).__name__}: {first[:200]}"


def _foretold(case: Case, peer: Peer, rates: Rates, best: float) -> float:
    """The seconds of a call that is not worth waiting for, else 0."""
    if not peer.direct or peer.name in case.must:
        return 0.0
    known = [
        r for (_, name, task), r in rates.latest.items() if (name, task) == (peer.name, case.task)
    ]
    # In another family its best, or what no library reaches: rather wait once than be unfair.
    rate = min(known, default=FASTEST[jax.default_backend() == "cpu"])
    rate = rates.latest.get((case.family, peer.name, case.task), rate)
    foretold = rate * case.products * peer.repeats
    return foretold if foretold > PATIENCE and 0 < best * FAR < foretold else 0.0


def _at_worst(case: Case, peer: Peer, alike: set[str], rates: Rates) -> float:
    """The seconds of a call at the slowest rate that a peer, or one of its kin, has shown."""
    if not peer.direct or peer.name in case.must:
        return 0.0
    rate = max(rates.slowest.get((name, case.task, case.is_shared), 0.0) for name in alike)
    return rate * case.products * peer.repeats


def _begin(case: Case, run: _Run, truth: dict[str, Any], compilations: Compilations) -> None:
    """The first call, with its errors, and a second for an estimate."""
    results: list[Any] = []
    try:
        run.first = clock.once(lambda: results.append(run.peer.call()))
    except Exception as failure:  # A peer that cannot is no reason to stop.
        run.timing.note = failed(failure)
        return
    if not run.peer.yardstick:
        names = OUTPUTS.get(case.task, ("y",))
        arrays = zip(names, run.peer.fetch(results[0]), strict=True)
        run.timing.errors = {name: error(array, truth[name]) for name, array in arrays}
    results.clear()
    run.wanted = 1
    if run.first > (LONG if run.peer.compiles else ONCE):
        run.times = [run.first]
        run.estimate = run.first
        return
    before = compilations.count
    run.estimate = clock.once(run.peer.call)
    if run.peer.compiles:
        run.timing.compilations = compilations.count - before
    if run.estimate > clock.CHEAP:
        run.times = [run.estimate]
    else:
        run.estimate = min(run.estimate, clock.once(run.peer.call))


def _rounds(run: _Run, best: float, budget: float) -> int:
    """How many timed calls a peer gets."""
    estimate = run.estimate
    if estimate > SLOW:
        return 1 if estimate > FAR * best or estimate > ONCE else 2
    if estimate > max(clock.CHEAP, FAR / 4 * best):
        return 2
    most = 25 if estimate < 5e-3 else 15
    if estimate > max(FAR * best, clock.CHEAP / 10):
        most = 3
    return max(3, min(most, int(budget / estimate)))


def _rounds_of(runs: list[_Run], compilations: Compilations) -> None:
    """All peers, in turn."""
    for _ in range(max((run.wanted for run in runs), default=0)):
        for run in runs:
            if len(run.times) >= run.wanted:
                continue
            before = compilations.count
            run.times += clock.row(run.peer.call, run.estimate, run.wanted - len(run.times))
            if run.timing.compilations is not None:
                run.timing.compilations += compilations.count - before


def _finish(run: _Run) -> None:
    if not run.times:
        return
    median = statistics.median(run.times)
    timing = run.timing
    timing.milliseconds = 1e3 * median / run.peer.repeats
    timing.rounds = len(run.times)
    if run.peer.compiles and run.times != [run.first]:
        timing.compile_seconds = max(run.first - median, 0.0)
