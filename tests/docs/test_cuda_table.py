"""The table of docs/speed.md with the test of each branch for CUDA: complete, and every test in it exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "speed.md"
BRANCH = re.compile(r"(rng\.)?cuda(:\d+)?|CUDA_VISIBLE_DEVICES")
"""Strings with which code chooses what is done for CUDA; other strings with the word are messages."""
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> dict[str, str]:
    """Return what covers each branch, by `FILE NAME`, from the section of the page."""
    section = PAGE.read_text().partition("\n## CUDA branches\n")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {f"{file.strip('`')} {name.strip('`')}": covered for file, name, covered in lines}


def branches() -> Iterator[str]:
    """Yield `FILE NAME` of the functions, classes and constants whose code has a branch for CUDA."""
    for room in ("zoo", "plugins"):
        for path in sorted((ROOT / room).rglob("*.py")):
            yield from (f"{path.relative_to(ROOT)} {name}" for name in sorted(set(branches_of(path.read_text()))))


def branches_of(source: str) -> Iterator[str]:
    """Yield the innermost function, method (CLASS.METHOD) or constant around each branch."""

    def visit(node: ast.AST, place: tuple[str, ...]) -> Iterator[str]:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            return
        for child in ast.iter_child_nodes(node):
            inside = place
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inside = (*place, child.name)
            elif isinstance(child, ast.Assign) and not place:
                inside = (ast.unparse(child.targets[0]),)
            yield from visit(child, inside)
        text = isinstance(node, ast.Constant) and isinstance(node.value, str) and BRANCH.fullmatch(node.value)
        if text or (isinstance(node, ast.Attribute) and node.attr == "cuda"):
            yield ".".join(place)

    return visit(ast.parse(source), ())


def test_a_branch_is_found_by_its_function_and_a_message_is_none():
    source = """
X = {"cuda": 1}
class A:
    'cuda'
    def f(self):
        return torch.cuda.x
    def g(self):
        raise ValueError("cuda is missing")
"""
    assert sorted(branches_of(source)) == ["A.f", "X"]


def test_every_cuda_branch_has_a_row():
    assert sorted(branches()) == sorted(rows())


@pytest.mark.parametrize(("branch", "covered"), rows().items())
def test_a_row_names_tests_that_exist_or_says_not_run(branch, covered):
    found = TEST.findall(covered)
    assert found or covered == "not run", branch
    for file, name in found:
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), f"{branch}: {file}::{name}"
