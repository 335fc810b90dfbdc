"""What the numbers depend on."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import jax

import filtrax
from filtrax import _native

PACKAGES = (
    "jax", "jaxlib", "numpy", "scipy", "opencv-python-headless", "torch", "cupy-cuda12x",
    "cupy-cuda13x",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """Processor, device and versions."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": processor(),
        "cores": cores,
        "platform": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "kernels": "compiled" if _native.available() else "none",
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "filtrax": filtrax.__version__,
        **versions,
    }


def processor() -> str:
    """Its name and, as some names say no more than a maker, which generation it is."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    fields: dict[str, str] = {}
    for line in info.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    name = fields.get("model name", platform.machine())
    family, model = fields.get("cpu family"), fields.get("model")
    return f"{name} (family {family}, model {model})" if family and model else name


def title(setting: dict[str, Any]) -> str:
    """One line for a picture or a table."""
    where = f"{setting['cores']} cores of {setting['cpu']}"
    if setting["platform"] != "cpu":
        where = f"{setting['device']} ({where})"
    kernels = ", without compiled kernels" if setting.get("kernels") == "none" else ""
    return f"{where}, JAX {setting.get('jax')}, Python {setting['python']}{kernels}"
