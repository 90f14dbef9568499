"""The tables of kept records are what the records say."""

import importlib.util
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tables.md"
spec = importlib.util.spec_from_file_location("tables", PAGE.with_suffix(".py"))
tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tables)


def test_the_page_is_made_from_the_records():
    text = PAGE.read_text(encoding="utf-8")
    assert text == tables.rendered(text), "type: python docs/tables.py"
    assert text.count("<!-- records:") == 2
