"""How every test runs: on CPU, as eight devices, in float64, under strict promotion."""

import gc
import os

# Both are read when JAX makes its devices, so they stand before its first import.
os.environ["JAX_PLATFORMS"] = "cpu"
_DEVICES = "--xla_force_host_platform_device_count"
if _DEVICES not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_DEVICES}=8".strip()

from collections.abc import Iterator

import jax
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "filtrax",
    deadline=None,
    derandomize=True,
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("filtrax")

#: Every third case of each parametrised test runs, and all other tests; with 1, every case. The
#: turn, which counts from 0, says which third. Files marked `whole` run with every case always.
EVERY = int(os.environ.get("FILTRAX_EVERY", "3"))
TURN = int(os.environ.get("FILTRAX_TURN", "0"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out cases as `FILTRAX_EVERY` says; at least one of each test stays.

    Tests begin at their first case or a later one in turn, so that no engine is always left out.
    """
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    kept: list[pytest.Item] = []
    for turn, cases in enumerate(tests.values(), TURN):
        whole = cases[0].get_closest_marker("whole") is not None
        kept += cases if whole else cases[turn % min(EVERY, len(cases)) :: EVERY]
    if len(kept) < len(items):
        chosen = set(kept)
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = kept


def pytest_collection_finish() -> None:
    """Thousands of tests and the libraries they import stay: collections need not look at them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def strict_and_wide() -> Iterator[None]:
    """float64 and strict promotion, and the settings of before afterwards.

    A test that needs another setting changes it inside, with `jax.enable_x64(False)` or
    `jax.numpy_dtype_promotion("standard")` as a context.
    """
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture(autouse=True, scope="module")
def few_programs() -> Iterator[None]:
    """Forgets the programs of each file: each holds maps of memory, of which a process has few."""
    yield
    jax.clear_caches()


@pytest.fixture(scope="module")
def without_kernels() -> Iterator[None]:
    """XLA's form of every engine, also where kernels were compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("filtrax._native.available", lambda: False)
        jax.clear_caches()
        yield
    jax.clear_caches()
