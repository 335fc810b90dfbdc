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
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":", 1)[1].strip() if names else cpu
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": cpu,
        "cores": cores,
        "platform": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "kernels": "compiled" if _native.available() else "none",
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "filtrax": filtrax.__version__,
        **versions,
    }


def title(setting: dict[str, Any]) -> str:
    """One line for a picture or a table."""
    where = f"{setting['cores']} cores of {setting['cpu']}"
    if setting["platform"] != "cpu":
        where = f"{setting['device']} ({where})"
    kernels = ", without compiled kernels" if setting.get("kernels") == "none" else ""
    return f"{where}, JAX {setting.get('jax')}, Python {setting['python']}{kernels}"
