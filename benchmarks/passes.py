"""Single passes of the primitive, and the time that each engine takes for one: none for long.

`calibrate` fits prices to such times, `regret` asks whether the choice made of them is right. Both
keep what they have measured in a file, so that a long measurement can be done in pieces.
"""

import json
import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from benchmarks import clock
from filtrax import _native
from filtrax._choose import Plan, choose, engines_for
from filtrax._engines import Correlation, Engine, correlation_for, fold_problem
from filtrax._geometry import Axis
from filtrax._primitive import bind

#: An engine that takes, or is priced at, so many times the best is not timed again, or not at all.
FAR = 20.0
#: Nor is one that takes so many seconds, or is priced at so many while another was timed.
LONG = 0.5
#: Within so many times the best, an engine gets so many times the budget: noise must not choose.
CLOSE, LONGER = 2.0, 6
#: Bytes of temporary arrays that no engine may make.
MEMORY = 1 << 30
#: Passes after which a process forgets its programs.
PROGRAMS = 40

ROLES = {"y": "value", "x": "gradient by signal", "h": "gradient by kernel"}
Times = dict[str, float]
Sizes = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass of the primitive: sizes (G, B, C, O), the forward axes, the array sought, a dtype."""

    sizes: Sizes
    axes: tuple[Axis, ...]
    role: str
    dtype: str

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        g, b, c, o = self.sizes
        return {
            "x": (g, b, c, *(a.n for a in self.axes)),
            "h": (g, o, c, *(a.k for a in self.axes)),
            "y": (g, b, o, *(a.m for a in self.axes)),
        }

    @property
    def plain(self) -> Correlation:
        """What an engine sees."""
        return correlation_for(self.role, self.sizes, self.axes, jnp.dtype(self.dtype))

    @property
    def name(self) -> str:
        """All of it in words."""
        sizes = " ".join(f"{k}={v}" for k, v in zip("GBCO", self.sizes, strict=True))
        n = "x".join(str(a.n) for a in self.axes)
        k = "x".join("each" if a.paired else str(a.k) for a in self.axes)
        first = self.axes[0]
        mode = "same" if first.m == first.n else "valid" if first.m < first.n else "full"
        mode = f"stride {first.stride}" if first.stride > 1 else mode
        return f"{sizes} N={n} K={k} {mode} {self.dtype}, {ROLES[self.role]}"

    @property
    def kind(self) -> tuple[str, ...]:
        """What passes have in common for which prices are wrong alike."""
        seen = fold_problem(self.plain)
        many = (size > 1 for size in (seen.g, seen.c, seen.o, len(seen.axes)))
        return self.role, self.dtype, *map(str, many)

    def operands(self) -> list[jax.Array]:
        """Random operands of the role."""
        rng = np.random.default_rng(0)
        arrays = []
        for name in {"y": "xh", "x": "yh", "h": "xy"}[self.role]:
            drawn = rng.standard_normal(self.shapes[name])
            if self.dtype.startswith("complex"):
                drawn = drawn + 1j * rng.standard_normal(drawn.shape)
            arrays.append(jnp.asarray(drawn, self.dtype))
        return arrays

    def chosen(self, platform: str, method: str = "auto") -> Plan:
        """The plan that the prices give."""
        return choose(self.plain, method, platform, compiled=_has_kernels(platform))

    def engines(self, platform: str) -> dict[str, Engine]:
        """The engines that serve it, by name."""
        return engines_for(self.plain, _has_kernels(platform))


def _has_kernels(platform: str) -> bool:
    return platform == "cpu" and _native.available()


def platform_of_plans() -> str:
    """The platform as plans call it."""
    return "cuda" if jax.default_backend() == "gpu" else str(jax.default_backend())


class Meter:
    """Times the engines of passes, and remembers how wrong prices were for passes of a kind.

    An engine is left out that is priced far over the best so far, or would take too much memory;
    one that turns out to be far over it, or takes long, is called once.
    """

    def __init__(self, platform: str, budget: float):
        self.platform, self.budget = platform, budget
        self.wrong: dict[tuple[str, ...], float] = {}

    def prices(self, work: Pass) -> dict[str, float]:
        """Seconds to expect of each engine worth a trial, the cheapest first."""
        cost = work.chosen(self.platform).cost
        worth = {
            name: 1e-9 * price * self.wrong.get((name, *work.kind), 1.0)
            for name, price in cost.items()
            if math.isfinite(price) and work.chosen(self.platform, name).memory <= MEMORY
        }
        return dict(sorted(worth.items(), key=lambda item: item[1]))

    def learn(self, work: Pass, times: Times) -> None:
        """Compares times with prices."""
        cost = work.chosen(self.platform).cost
        for name, time_taken in times.items():
            if math.isfinite(cost[name]):
                self.wrong[name, *work.kind] = 1e9 * time_taken / cost[name]

    def __call__(self, work: Pass) -> Times:
        """The median seconds of each engine, in rounds of a few calls each."""
        with jax.enable_x64(work.dtype in ("float64", "complex128")):
            arrays = work.operands()

            def ready(name: str) -> clock.Call | None:
                call = jax.jit(partial(bind, role=work.role, axes=work.axes, method=name))
                compiled = call.lower(*arrays).compile()
                needed = compiled.memory_analysis()
                if needed is not None and needed.temp_size_in_bytes > MEMORY:
                    return None
                return lambda: jax.block_until_ready(compiled(*arrays))

            times = rounds(self.prices(work), ready, self.budget)
        self.learn(work, times)
        return times


def rounds(
    priced: dict[str, float], ready: Callable[[str], clock.Call | None], budget: float
) -> Times:
    """The median seconds of calls, which take turns; ``ready`` compiles one, or says no.

    Args:
        priced: for each name the seconds to expect, the cheapest first.
        budget: seconds for all rounds of one name that is not `CLOSE` to the best, `LONGER` for
            the others; there are at least three rounds and at most 25.
    """
    once: Times = {}
    calls: dict[str, clock.Call] = {}
    for name, price in priced.items():
        best = min(once.values(), default=math.inf)
        if price > min(FAR * best, LONG) and once:
            continue
        call = ready(name)
        if call is None:
            continue
        once[name] = clock.once(call)
        if once[name] <= min(FAR * min(best, once[name]), LONG):
            # The first call may have met cold memory: it counts only where it is the only one.
            calls[name] = call
    times: dict[str, list[float]] = {name: [] for name in calls}
    medians = dict(once)
    for _ in range(25):
        best = min(medians.values())
        for name, call in calls.items():
            most = budget * (LONGER if medians[name] <= CLOSE * best else 1)
            if len(times[name]) < 3 or sum(times[name]) < most:
                times[name] += clock.row(call, once[name])
        medians.update({name: statistics.median(each) for name, each in times.items()})
    return medians


class Kept:
    """Times by the names of passes, in a file that grows by a line with each, if one is given."""

    def __init__(self, path: Path | None = None):
        self.path = path
        self.times: dict[str, Times] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self.times.update(json.loads(line))

    def add(self, name: str, times: Times) -> None:
        self.times[name] = times
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({name: times}) + "\n")

    def measure(self, passes: Iterable[Pass], meter: Meter, limit: float = math.inf) -> bool:
        """Measures what is not there yet, until the limit in seconds; whether all is there now."""
        begun = time.perf_counter()
        missing = []
        for each in passes:
            if each.name in self.times:
                meter.learn(each, self.times[each.name])
            else:
                missing.append(each)
        for done, each in enumerate(tqdm(missing, unit="pass")):
            if time.perf_counter() - begun > limit:
                return False
            self.add(each.name, meter(each))
            if done % PROGRAMS == PROGRAMS - 1:
                jax.clear_caches()
        return True
