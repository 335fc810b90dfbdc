"""The page of promises: every test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "promises.md"
TEXT = PAGE.read_text(encoding="utf-8")


@cache
def functions_of(file: str) -> frozenset[str]:
    """The names of a file's test functions, those in classes as ``Class::test``."""
    found = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        members = [(node, "")]
        if isinstance(node, ast.ClassDef):
            members = [(member, f"{node.name}::") for member in node.body]
        found |= {
            prefix + member.name
            for member, prefix in members
            if isinstance(member, ast.FunctionDef) and member.name.startswith("test_")
        }
    return frozenset(found)


def test_every_test_that_is_named_exists():
    named = re.findall(r"`([\w/]+\.py)::([\w:]+)`", TEXT)
    # Nothing that looks like the name of a test escapes the expression above.
    assert len(named) == len(re.findall(r"\.py::", TEXT)) > 0
    for file, name in named:
        assert (ROOT / file).is_file(), file
        assert name in functions_of(file), f"{file} has no {name}"


def test_every_promise_names_a_test():
    promises = re.findall(r"^- (.*?)(?=^- |^#|^\n|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    for promise in promises:
        assert ".py::test_" in promise, promise
