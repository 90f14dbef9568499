"""The notebooks of examples/ run from the first cell to the last, and each cell's value can be shown."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Execute a cell as Jupyter does, and return the value of its last line if that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


def shown(value: Any) -> str:
    """Return what a notebook shows of a value: its HTML, or else its text."""
    html = getattr(value, "_repr_html_", None)
    return html() if html else repr(value)


@pytest.fixture
def values(request, tmp_path, monkeypatch) -> list[Any]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZOO_BENCH_BASELINES", "0")
    cells = json.loads(request.param.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {"__name__": "__main__"}
    return [run_cell("".join(cell["source"]), names) for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("values", NOTEBOOKS, ids=lambda path: path.name, indirect=True)
def test_every_cell_runs_and_shows_its_value(values):
    texts = [shown(value) for value in values]
    assert all(texts) and len(texts) > 5
    assert all(len(text.splitlines()) < 25 for text in texts)
    assert any(text.startswith("<div><b>pix2pix-scenes</b>") and "<img " in text for text in texts)
    assert any(text.startswith("<table>") and "unet_128" in text for text in texts)


def test_no_notebook_carries_outputs_of_some_machine():
    assert NOTEBOOKS
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
