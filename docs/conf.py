"""How the documentation is built: Sphinx, executed MyST pages, no network."""

import ast
import inspect
import os
import textwrap
from typing import Any

# Pages run on the CPU wherever they are built, so that they show the same numbers.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import matplotlib.font_manager  # noqa: F401 - builds its cache here, not with a message in a page
from sphinx.application import Sphinx

import filtrax

project = "filtrax"
author = "The filtrax authors"
copyright = "2026, The filtrax authors"
version = release = filtrax.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
# What the benchmarks write is included by their page.
exclude_patterns = ["_build", "jupyter_execute", "benchmarks/*"]

html_theme = "furo"
html_title = f"filtrax {release}"
html_static_path = ["_static"]
html_css_files = ["filtrax.css"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# A cache would miss a change in filtrax itself: every build runs every page.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_render_markdown_format = "myst"
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def signature_as_written(
    app: Sphinx, what: str, name: str, obj: Any, *_: Any
) -> tuple[str, str] | None:
    """The signature as its source spells it: `ArrayLike`, not the union that it stands for."""
    if what not in ("function", "method") or not inspect.isfunction(inspect.unwrap(obj)):
        return None
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(obj))))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    if what == "method" and function.args.args and function.args.args[0].arg in ("self", "cls"):
        del function.args.args[0]
    written = ast.unparse(function.returns) if function.returns else ""
    return f"({ast.unparse(function.args)})", written


def setup(app: Sphinx) -> None:
    """Registers the hook above."""
    app.connect("autodoc-process-signature", signature_as_written)
