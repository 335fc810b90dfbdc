"""How every test runs: on CPU, as eight devices, in float64, under strict promotion."""

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
