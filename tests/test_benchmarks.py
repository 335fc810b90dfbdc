"""The benchmarks' machinery: its reference, its peers and its verdicts. No time is asserted."""

import itertools
import json
import math
from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from benchmarks import __main__ as command
from benchmarks import calibrate, fitting, memory, passes, regret
from benchmarks.cases import BY_KERNEL, BY_SIGNAL, TASKS, VALUE, Case, grid
from benchmarks.demands import Judged, allowed, demands
from benchmarks.drawn import FAMILIES, drawn
from benchmarks.measure import Cell, Compilations, Rates, Timing, measure
from benchmarks.peers import JNP, OURS
from benchmarks.reference import FEW, Operands, error, exact, operands
from benchmarks.report import markdown

from filtrax._choose import counts_of
from filtrax._costs import MEASURED, prices_for, table_of
from filtrax._engines.compiled import is_compiled
from filtrax._geometry import Axis

TINY = Case("rows", (3, 40), (5,), (1,))
SETTING = {"platform": "cpu", "cpu": "a processor", "cores": 2, "jax": "0", "python": "3"}


@pytest.fixture
def steady(monkeypatch):
    """A clock by which every call takes as long: no verdict here hangs on a busy machine."""
    ticks = itertools.count(0.0, 1e-3)
    monkeypatch.setattr("benchmarks.clock.time", SimpleNamespace(perf_counter=ticks.__next__))


def by_loops(case: Case, given: Operands) -> dict[str, np.ndarray]:
    """The value by NumPy's own convolution and the gradients by its definition, row by row."""
    (start, length) = case.windows[0]
    n, k = case.lengths[0], case.kernel[0]
    y, dx, dh = (np.zeros(shape) for shape in (case.y, case.x, (case.x[0], k)))
    for r in range(case.x[0]):
        h = given.h if case.is_shared else given.h[r]
        y[r] = np.convolve(given.x[r], h)[start : start + length]
        for i in range(length):
            for m in range(k):
                if 0 <= i + start - m < n:
                    dx[r, i + start - m] += given.ct[r, i] * h[m]
                    dh[r, m] += given.ct[r, i] * given.x[r, i + start - m]
    return {"y": y, "dx": dx, "dh": dh.sum(0) if case.is_shared else dh}


@pytest.mark.parametrize("per_row", [False, True])
@pytest.mark.parametrize("k", [4, 9, 12])
@pytest.mark.parametrize("mode", ["full", "same", "causal", "valid"])
def test_the_reference_is_the_definition(mode, k, per_row):
    assert FEW in range(4, 12)  # Both of its ways are taken.
    case = Case("", (3, 20), (3, k) if per_row else (k,), (1,), "float64", mode, BY_KERNEL)
    given = operands(case)
    expected = by_loops(case, given)
    for task in TASKS:
        found = exact(replace(case, task=task), given)
        assert set(found) == {VALUE: {"y"}, BY_KERNEL: {"y", "dh"}, BY_SIGNAL: {"dx"}}[task]
        for name, array in found.items():
            assert array.shape == expected[name].shape
            np.testing.assert_allclose(array.astype(float), expected[name], rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [3, 6])
def test_the_reference_of_an_image(k):
    case = Case("", (2, 12, 13), (k, k), (1, 2), "float64", boundary="reflect")
    given = operands(case)
    lo, hi = k - 1 - (k - 1) // 2, (k - 1) // 2
    padded = np.pad(given.x, ((0, 0), (lo, hi), (lo, hi)), mode="reflect")
    expected = [scipy.signal.convolve2d(image, given.h, "valid") for image in padded]
    np.testing.assert_allclose(exact(case, given)["y"].astype(float), expected, atol=1e-12)


def test_an_error_of_the_wrong_shape_is_infinite():
    truth = np.array([1.0, -4.0])
    assert error(np.array([1.0, -3.0]), truth) == 0.25
    assert error(np.ones((2, 1)), truth) == math.inf


@pytest.mark.usefixtures("steady")
@pytest.mark.parametrize("task", TASKS)
def test_every_peer_of_a_tiny_cell_is_right(task):
    case = replace(TINY, task=task)
    cell = measure(case, Rates(), budget=1e-4)
    names = {timing.peer for timing in cell.timings}
    assert {OURS, JNP} < names
    assert ("numpy.convolve" in names) == (task == VALUE)
    for timing in cell.timings:
        assert timing.note == ""
        assert timing.rounds >= 3
        assert timing.yardstick or max(timing.errors.values()) < 1e-6
        assert not timing.compilations


@pytest.mark.usefixtures("steady")
def test_a_peer_that_would_take_long_is_left_out_and_named():
    rates = Rates({("rows", JNP, VALUE): 1.0, ("rows", "numpy.convolve", VALUE): 1e-12})
    cell = measure(TINY, rates, budget=1e-4)
    left_out = cell.of(JNP)
    assert left_out is not None
    assert not left_out.ran
    assert left_out.milliseconds == 1e3 * TINY.products
    assert [t.peer for t in cell.timings if t.note] == [JNP]
    assert f"{TINY.name}: {JNP} left out: 600 s foretold by its own rate" in markdown(
        [cell], SETTING, []
    )
    for rates in (Rates({("rows", JNP, VALUE): 1.0}), Rates({}, {(JNP, VALUE, True): 1.0})):
        kept = measure(replace(TINY, must=(JNP,)), rates, budget=1e-4).of(JNP)
        assert kept is not None
        assert kept.ran


@pytest.mark.usefixtures("steady")
def test_a_peer_that_was_slow_elsewhere_is_not_waited_for():
    cell = measure(TINY, Rates({}, {(JNP, VALUE, True): 1.0}), budget=1e-4)
    notes = {t.peer: t.note for t in cell.timings if t.note}
    # Nor are its other names.
    assert set(notes) == {JNP, "jax.lax.conv", "jax.scipy.signal.convolve"}
    assert set(notes.values()) == {"left out: 600 s foretold by its slowest rate"}
    assert not any(cell.of(name) for name in notes)
    elsewhere = Rates({}, {(JNP, VALUE, False): 1.0, (JNP, BY_KERNEL, True): 1.0})
    assert not [t for t in measure(TINY, elsewhere, budget=1e-4).timings if t.note]


@pytest.mark.usefixtures("steady")
def test_a_run_goes_on_where_one_ended(tmp_path):
    file, cases = tmp_path / "cells", [replace(TINY, task=task) for task in TASKS]
    before = command.run(cases[:2], 0, quick=True, keep=file)
    whole = command.run(cases, 0, quick=True, keep=file)
    assert whole[:2] == before
    assert [cell.case for cell in whole] == cases
    assert all(cell.timings[0].ran for cell in whole)
    assert command.kept(file, cases) == whole


def test_compilations_are_counted():
    function = jax.jit(lambda x: x * 2 + 1)
    with Compilations() as compilations:
        function(jnp.ones(3)).block_until_ready()
        first = compilations.count
        function(jnp.ones(3)).block_until_ready()
        assert first > 0
        assert compilations.count == first
        function(jnp.ones(4)).block_until_ready()
        assert compilations.count > first


def test_verdicts():
    def timed(case, ours, **others):
        timings = [Timing(OURS, ours, 3, {"y": 1e-7}, 0.1, 0)]
        return Cell(case, timings + [Timing(name, ms, 3) for name, ms in others.items()])

    large = Case("rows", (256, 4096), (9,), (1,))
    slow = Timing(JNP, 5.0, 3)
    cells = [timed(large, 1.0, numpy=0.5), timed(replace(large, h=(31,)), 1.0, numpy=4.0)]
    cells[0].timings.append(slow)
    cells.append(timed(replace(large, task=BY_SIGNAL), 2.0))
    cells.append(timed(replace(large, task=BY_KERNEL), 4.0))
    per_row = replace(large, family="kernel per row", h=(256, 9))
    cells.append(timed(per_row, 3.0))
    found = {demand.text: demand for demand in demands(cells)}

    def failing(start):
        (demand,) = (each for text, each in found.items() if text.startswith(start))
        return [j.value for j in demand.failing], len(demand.judged)

    assert failing("forward, >= 1e5 outputs: not slower") == ([0.5], 2)
    assert failing("forward, >= 1e5 outputs, K <= 129") == ([5.0], 1)
    assert failing("forward, geometric mean over the grid: at least 2x") == (
        [pytest.approx(2**0.5)],
        1,
    )
    assert failing("gradient by signal: at most 3x") == ([], 1)
    assert failing("value and gradient by kernel: at most 3x") == ([4.0], 1)
    assert failing("one kernel per row, >= 1e5") == ([3.0], 1)
    assert Judged("", 0.99, 1).shortfall == 1 / 0.99


def test_the_largest_error_allowed_follows_the_engine():
    eps = float(np.finfo(np.float32).eps)
    few = Case("rows", (256, 4096), (9,), (1,))
    assert allowed(few, "y") == 4 * eps * 3
    many = replace(few, h=(2000,))
    assert allowed(many, "y") == pytest.approx(8 * eps * 12)


def test_the_grid_is_what_was_asked():
    names = [case.name for case in grid()]
    assert len(set(names)) == len(names)
    for family in ("rows", "kernel per row", "images", "long", "depthwise", "small", "loop"):
        assert any(name.startswith(f"{family}:") for name in names)
    for issue in (5227, 12868, 13800, 25461):
        assert any(name.startswith(f"jax#{issue}:") for name in names)
    for shape in ((1, 999_937), (64, 65_536)):
        taps = {c.taps for c in grid() if c.x == shape and c.family == "rows"}
        assert taps == {3, 9, 31, 64, 129, 511, 1025, 20_000}
    assert len(grid(quick=True)) < 30


def test_the_command_writes_its_numbers_and_picture(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "grid", lambda quick: [TINY])
    picture, numbers = tmp_path / "ratios.png", tmp_path / "results.json"
    command.main(["--quick", "--json", str(numbers), "--picture", str(picture)])
    printed = capsys.readouterr().out
    assert "| (3, 40), axis -1, float32 | 5 | value |" in printed
    assert picture.stat().st_size > 10_000
    written = json.loads(numbers.read_text())
    assert written["cells"][0]["case"]["name"] == TINY.name
    assert any(timing["peer"] == OURS for timing in written["cells"][0]["timings"])


def small_passes() -> list[passes.Pass]:
    source = regret.draw(3)
    drawn = (source() for _ in range(300))
    return sorted(
        drawn, key=lambda p: math.prod(p.shapes["x"]) * math.prod(p.shapes["h"]) + len(p.dtype)
    )


def test_the_regret_of_a_small_problem():
    problems = small_passes()
    assert regret.draw(3)().name in {p.name for p in problems}
    assert {p.role for p in problems} == {"y", "x", "h"}
    times = passes.Meter("cpu", 1e-4)(problems[0])
    row = regret.judged(problems[0], times, "cpu")
    assert row["chosen"] in row["milliseconds"]
    assert row["regret"] == row["milliseconds"][row["chosen"]] / row["milliseconds"][row["best"]]
    assert row["regret"] >= 1
    summary = regret.summary([row])
    assert summary["worst"] == row["regret"]
    assert row["name"] in regret.markdown(summary)


def test_an_engine_far_behind_is_called_once_or_not_at_all(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("benchmarks.clock.time", SimpleNamespace(perf_counter=lambda: now[0]))
    takes = {"good": 0.01, "bad": 0.3, "close": 0.02, "slow": 0.6, "huge": 0.01, "priced": 0.01}
    calls: dict[str, int] = dict.fromkeys(takes, 0)

    def ready(name):
        def call():
            calls[name] += 1
            now[0] += takes[name]

        return None if name == "huge" else call

    priced = {"good": 0.01, "bad": 0.01, "close": 0.02, "slow": 0.02, "huge": 0.03, "priced": 0.21}
    times = passes.rounds(priced, ready, budget=0.05)
    assert times == pytest.approx({name: takes[name] for name in ("good", "bad", "close", "slow")})
    # Once by the first call, then in rounds until 0.3 s are spent, six times the budget: both are
    # close. To settle, "good" takes two calls and "close" one, and as many are timed.
    assert calls == {"good": 1 + 16 * 4, "bad": 1, "close": 1 + 15 * 2, "slow": 1, "huge": 0,
                     "priced": 0}  # fmt: skip
    # The only engine is timed whatever it takes, but once if it takes long.
    calls["slow"] = 0
    assert set(passes.rounds({"slow": 9.0}, ready, budget=0.05)) == {"slow"}
    assert calls["slow"] == 1


def test_a_meter_learns_where_prices_are_wrong():
    meter = passes.Meter("cpu", 1e-4)
    near, far = (
        passes.Pass((1, rows, 1, 1), (Axis(4096, 9, 4096, 4),), "y", "float64") for rows in (8, 16)
    )
    before = meter.prices(far)
    meter.learn(near, {"direct": 3e9 * near.chosen("cpu").cost["direct"] * 1e-9})
    after = meter.prices(far)
    assert after.pop("direct") == pytest.approx(3e9 * before.pop("direct"))
    assert after == before
    # Kernels of their own are another kind.
    assert meter.wrong.keys() == {("direct", *near.kind)}
    assert replace(near, sizes=(8, 1, 1, 1)).kind != near.kind


def test_a_meter_leaves_out_what_would_fill_the_memory():
    meter = passes.Meter("cpu", 1e-4)
    many = passes.Pass((60_000, 1, 1, 1), (Axis(2048, 255, 2048, 127),), "y", "float64")
    assert many.chosen("cpu", "toeplitz").memory > passes.MEMORY
    assert "toeplitz" in many.chosen("cpu").cost
    assert "toeplitz" not in meter.prices(many)


def test_measuring_goes_on_where_it_ended(tmp_path):
    few = small_passes()[:4]
    seen: list[str] = []

    class Counted(passes.Meter):
        def __call__(self, work):
            seen.append(work.name)
            return {"direct": 1.0, "shift": 0.5}

    path = tmp_path / "kept" / "times.jsonl"
    kept = passes.Kept(path)
    assert not kept.measure(few, Counted("cpu", 1e-4), limit=-1.0)
    assert seen == []
    assert kept.measure(few[:2], Counted("cpu", 1e-4))
    again = passes.Kept(path)
    assert again.times == kept.times
    assert again.measure(few, Counted("cpu", 1e-4))
    assert seen == [each.name for each in few]
    assert set(passes.Kept(path).times) == set(seen)


def test_a_fit_finds_the_prices_that_made_the_times(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    given: dict = {}

    def price(engine):
        """Prices near those of the table, by the form of the engine."""
        key = (table_of("cpu", is_compiled(engine)), engine.name)
        if key not in given:
            known = np.maximum(prices_for("cpu", "float64", is_compiled(engine))[engine.name], 0.01)
            given[key] = np.exp(rng.normal(0, 0.3, len(known))) * known
        return given[key]

    work = calibrate.problems("float64", "cpu")
    cost = [
        {name: float(1e-9 * (np.array(counts) @ price(engine)))
         for name, engine in each.engines("cpu").items()
         if math.isfinite((counts := counts_of(engine, each.plain))[0])}
        for each in work
    ]  # fmt: skip
    times = [{n: t for n, t in each.items() if t < 20 * min(each.values())} for each in cost]
    found, misfits = calibrate.fit(list(zip(work, times, strict=True)), "cpu")
    assert max(misfits.values()) < 0.1
    for (where, name), known in given.items():
        if (where, name) in misfits:
            assert len(found[where][name]) == len(known)
    # Written, it is the same table, beside those of other dtypes and engines.
    copy = tmp_path / "_costs.py"
    copy.write_text(calibrate.COSTS.read_text())
    monkeypatch.setattr(calibrate, "COSTS", copy)
    calibrate.write({where: {"float64": prices} for where, prices in found.items()})
    scope: dict = {}
    exec(copy.read_text(), scope)
    for where in MEASURED | found:
        table = MEASURED.get(where, {})
        want = {**table, "float64": {**table.get("float64", {}), **found.get(where, {})}}
        assert scope["MEASURED"][where] == want


def test_the_peak_of_this_process():
    before = memory.peak()
    block = np.ones(20_000_000)
    assert memory.peak() - before > 0.5 * block.nbytes or memory.peak() > block.nbytes


def test_the_fits_are_compared_with_extended_precision(capsys):
    x, y, _ = fitting.data(60, 4, "float64")
    windows = [np.concatenate([np.zeros(m), x[: 60 - m]]) for m in range(4)]
    np.testing.assert_array_equal(fitting.matrix(x, 4), np.stack(windows, 1))
    exact = fitting.refined(fitting.matrix(x, 4), y)
    solved = scipy.linalg.lstsq(np.stack(windows, 1), y)
    assert solved is not None
    np.testing.assert_allclose(exact.astype(float), solved[0], rtol=1e-12)
    case = fitting.Case({"ours": lambda: exact, "fit_fir": lambda: exact * 1.5}, exact)
    ours, half = fitting.measure("a", case, rounds=1)
    assert ours.error is None
    assert half.error == pytest.approx(0.5)
    lines = fitting.table([ours, half])
    assert [line.split("|")[2].strip() for line in lines] == ["ours", "fit_fir"]
    kept = fitting.markdown(["| b | ours | 1 |"], {"cpu": "x"})
    both = fitting.markdown(lines, {"cpu": "y"}, fitting.markdown(lines, {}, kept))
    assert [line.split("|")[1] for line in both.splitlines()[4:]] == [" b ", " a ", " a "]


def test_cells_are_drawn_with_what_they_are_compared_to():
    cases = drawn(60, seed=3)
    assert cases == drawn(60, seed=3) != drawn(60, seed=4)
    assert len({case.name for case in cases}) == len(cases)
    assert {case.family for case in cases} == set(FAMILIES)
    for case in cases:
        assert case.outputs >= 1e5
        alone = case.family in ("rows", "boundaries")
        assert all(replace(case, task=task) in cases for task in TASKS) or alone
        if case.family == "kernel per row":
            assert replace(case, task=VALUE, family="rows", h=(case.kernel[0],)) in cases
