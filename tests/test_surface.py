"""The public face and the order of modules, read from the source."""

import ast
import doctest
import inspect
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import filtrax

pytestmark = pytest.mark.whole

ROOT = Path(filtrax.__file__).parent
#: A module imports only from modules above it.
ORDER = (
    "_typing", "_errors", "_spec", "_geometry", "_layout", "_boundary", "_native", "_engines",
    "_accuracy",
    "_costs", "_choose", "_sharding", "_primitive", "_margins", "_bounded", "_operands", "_masked",
    "_correlate", "_plan", "_rows",
    "_moments", "_normalize", "_cross_correlate", "_delay", "_bucket",
    "iir", "conventions", "compat", "nn", "fit",
)  # fmt: skip
WITHOUT_JAX = ("_errors", "_spec", "_geometry", "_layout")
FILES = sorted(ROOT.rglob("*.py"))
PUBLIC_MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(filtrax.__path__, "filtrax.")
    if not any(part.startswith("_") for part in name.split(".")[1:])
]


def public() -> list[tuple[str, Any]]:
    """Every public object with the module that exports it."""
    found = [(f"filtrax.{name}", getattr(filtrax, name)) for name in filtrax.__all__]
    for module in map(import_module, PUBLIC_MODULES):
        found += [(f"{module.__name__}.{n}", getattr(module, n)) for n in exports(module)]
    return [(name, each) for name, each in found if not isinstance(each, ModuleType)]


def exports(module: ModuleType) -> list[str]:
    """``__all__``, whose absence is for the test of modules to report."""
    return list(getattr(module, "__all__", ()))


def names_of(module: ModuleType) -> set[str]:
    """The names without underscore that a module offers, its plain submodules left out."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not (isinstance(value, ModuleType) and value.__name__.startswith("filtrax._"))
    }


def test_all_is_exactly_what_exists() -> None:
    # Submodules become attributes once something imports them.
    submodules = {name.split(".")[1] for name in PUBLIC_MODULES}
    assert names_of(filtrax) - submodules == set(filtrax.__all__) - submodules
    assert list(filtrax.__all__) == sorted(filtrax.__all__, key=lambda n: (n.islower(), n))
    assert {"convolve", "correlate", "filter_rows", "filter_separable", "plan"} <= set(
        filtrax.__all__
    )


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_each_public_module_says_what_it_exports(name: str) -> None:
    module = import_module(name)
    assert module.__doc__
    assert set(module.__all__) <= set(vars(module)) | {
        each.rsplit(".", 1)[1] for each in PUBLIC_MODULES
    }
    assert len(set(module.__all__)) == len(module.__all__)


@pytest.mark.parametrize(("name", "value"), public(), ids=[name for name, _ in public()])
def test_everything_public_is_documented(name: str, value: Any) -> None:
    if not callable(value):
        return  # A table; its module describes it.
    doc = inspect.getdoc(value) or ""
    assert doc.strip(), name
    if not inspect.isfunction(value):
        return
    assert "Example:" in doc, name
    examples = doctest.DocTestParser().get_examples(doc)
    assert any(example.want for example in examples), f"{name}: an example that shows a result"
    assert "Returns:" in doc, name
    for parameter in inspect.signature(value).parameters:
        assert re.search(rf"^\s*\**{parameter}:", doc, re.M), f"{name}: {parameter} undescribed"


def test_the_two_operations_have_the_signature_of_the_design() -> None:
    wanted = (
        "(x, h, mode='full', *, axes=None, boundary='zero', origin=0, stride=1, dilation=1, "
        "conjugate=None, method='auto', precision=None, accuracy='row', where=None, "
        "normalize=False, preferred_element_type=None)"
    )
    for function in (filtrax.convolve, filtrax.correlate):
        assert bare(function) == wanted


def test_rows_separable_and_plan_have_the_signatures_of_the_design() -> None:
    assert bare(filtrax.filter_rows).startswith(
        "(x, h, *, operation='convolve', mode='same', boundary='zero', "
    )
    assert bare(filtrax.filter_separable).startswith("(x, kernels, axes, *, operation='convolve'")
    assert bare(filtrax.plan).startswith("(x_shape, h_shape, dtype=")
    for function in (filtrax.filter_rows, filtrax.filter_separable):
        # Whatever the core can do, these can, by the same names and defaults.
        core = inspect.signature(filtrax.convolve).parameters
        mine = inspect.signature(function).parameters
        assert set(core) - set(mine) <= {"h", "axes"}
        for name in ("boundary", "origin", "stride", "dilation", "conjugate", "method",
                     "precision", "accuracy", "where", "normalize",
                     "preferred_element_type"):  # fmt: skip
            assert mine[name].default == core[name].default
            assert mine[name].kind == inspect.Parameter.KEYWORD_ONLY


def bare(function: Any) -> str:
    """A signature without its types."""
    signature = inspect.signature(function)
    parameters = [
        each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


def test_everything_public_is_typed() -> None:
    for name, value in public():
        if inspect.isfunction(value):
            signature = inspect.signature(value)
            kinds = [p.annotation for p in signature.parameters.values()]
            assert inspect.Parameter.empty not in kinds, name
            assert signature.return_annotation is not signature.empty, name
    assert (ROOT / "py.typed").exists()


def unit(path: Path) -> str:
    """The module or package directly below filtrax that a file belongs to."""
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The dotted names that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_above(path: Path) -> None:
    if path.parent == ROOT and path.name == "__init__.py":
        return
    own = unit(path)
    assert own in ORDER, f"{own} has no place in the order of modules"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "filtrax":
            assert len(parts) > 1, f"{path.name} imports the whole package"
            other = parts[1]
            assert other in ORDER, f"{path.name} imports {name}"
            assert ORDER.index(other) <= ORDER.index(own), f"{own} imports {other} from below"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_private_part_of_jax_is_used(path: Path) -> None:
    assert not any(name.startswith("jax._") for name in imports(path))


@pytest.mark.parametrize("name", WITHOUT_JAX)
def test_the_planning_modules_import_no_jax(name: str) -> None:
    used = {each.split(".")[0] for each in imports(ROOT / f"{name}.py")}
    assert not used & {"jax", "jaxlib", "numpy"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_holds_one_idea(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 400
    assert ast.get_docstring(ast.parse(text)), "what is it about?"


def test_importing_starts_no_device_and_no_optional_library() -> None:
    program = (
        "import sys, filtrax; from jax._src import xla_bridge as b; "
        "assert not b._backends, b._backends; "
        "heavy = {'scipy.signal', 'tensorflow', 'torch', 'matplotlib', 'pywt', 'chex', 'optax', "
        "'lineax', 'tqdm'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_the_version_is_kept_once() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", filtrax.__version__)
    mentions = [path for path in FILES if re.search(r"^__version__ =", path.read_text(), re.M)]
    assert mentions == [ROOT / "__init__.py"]
