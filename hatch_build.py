"""Compiles the kernels when the package is built; without a compiler the package does without.

A hook of the build, which hatchling looks for under this name.
"""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jaxlib
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path(__file__).parent / "src" / "filtrax" / "_native"
SOURCES = FOLDER / "source"
LIBRARY = FOLDER / "libfiltrax.so"
FLAGS = ["-std=c++17", "-O3", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-w"]
#: Kernels are built for each; the best that the machine has is chosen when they are called. A CPU
#: of the first kind without AVX2 does without: JAX, too, needs AVX there.
if platform.machine().lower() in ("x86_64", "amd64"):
    AVX2 = ["-mavx2", "-mfma"]
    WIDE = [f"-mavx512{part}" for part in ("f", "dq", "bw", "vl")]
    SETS = {"avx2": AVX2, "avx512": [*AVX2, *WIDE, "-mprefer-vector-width=512"]}
else:
    SETS = {"basic": []}
#: As `kernels.h` names them, those that take longest first.
TYPES = ("Bfloat16", "Float32", "Float64", "Int32", "Int64", "Complex64", "Complex128")


def is_new() -> bool:
    """Whether the library is younger than all that it is made of."""
    sources = [*SOURCES.iterdir(), Path(__file__)]
    made = LIBRARY.stat().st_mtime if LIBRARY.exists() else 0.0
    return all(source.stat().st_mtime < made for source in sources)


def compile_library(folder: Path) -> None:
    """Compiles in ``folder`` and puts the library in its place.

    Raises:
        RuntimeError: there is no compiler, or it failed.
    """
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "c++", "clang++")), None)
    if compiler is None:
        raise RuntimeError("no C++ compiler was found")
    include = Path(jaxlib.__file__).parent / "include"

    def run(*arguments: str) -> None:
        done = subprocess.run([compiler, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])

    def compiled(part: tuple[str, str, list[str]]) -> str:
        source, name, flags = part
        made = str(folder / f"{name}.o")
        run(*FLAGS, *flags, f"-I{include}", "-c", str(SOURCES / source), "-o", made)
        return made

    parts = [
        (
            "kernels.cc",
            f"{instructions}_{numbers}",
            [f"-DFILTRAX_SET={instructions}", f"-DFILTRAX_TYPE={numbers}", *flags],
        )
        for instructions, flags in SETS.items()
        for numbers in TYPES
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # In this order: of a function in several files the linker keeps the first, which must
        # run on every machine that comes to the later ones.
        objects = list(pool.map(compiled, [("entry.cc", "entry", []), *parts]))
    fresh = folder / LIBRARY.name
    run("-shared", *objects, "-o", str(fresh))
    # Programs that run keep the library that they have.
    shutil.move(fresh, LIBRARY)


class Hook(BuildHookInterface):
    """What hatchling calls before it makes a wheel or an editable install."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles if need be, and says what the wheel holds."""
        if self.target_name != "wheel" or sys.platform == "win32":
            return
        if not is_new():
            folder = Path(self.directory) / "kernels"
            folder.mkdir(parents=True, exist_ok=True)
            try:
                compile_library(folder)
            except (RuntimeError, OSError, ImportError) as failure:
                LIBRARY.unlink(missing_ok=True)
                self.app.display_warning(
                    f"filtrax is installed without compiled kernels, and slower on CPUs: {failure}"
                )
                return
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        build_data["pure_python"] = False
        tag = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{tag}"
        build_data["artifacts"].append(f"src/filtrax/_native/{LIBRARY.name}")
