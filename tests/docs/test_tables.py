"""The tables of kept records are what the records say."""

import importlib.util
import re
from pathlib import Path

import pytest

from zoo.report.tables import load_table

DOCS = Path(__file__).resolve().parents[2] / "docs"
spec = importlib.util.spec_from_file_location("tables", DOCS / "tables.py")
tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tables)


@pytest.mark.parametrize(("page", "marks"), [("tables.md", 8), ("results-on-scenes.md", 4)])
def test_a_page_is_made_from_the_records(page, marks):
    assert DOCS / page in tables.PAGES
    text = (DOCS / page).read_text(encoding="utf-8")
    assert text == tables.rendered(text), "type: python docs/tables.py"
    assert len(tables.MARK.findall(text)) == text.count("<!-- end -->") == marks


def test_degrees_are_means_over_the_seeds_with_the_lowest_and_highest_training():
    assert tables._mean_and_range([1.0, 2.0, 4.5]) == "2.50 [1.00, 4.50]"
    assert tables._mean_and_range([1.234]) == "1.23"


def test_the_guide_lists_every_key_of_a_table_file():
    text = tables.GUIDE.read_text(encoding="utf-8")
    assert text == tables.with_schema(text), "type: python docs/tables.py"
    for name in ("score_only", "published"):  # properties are no keys
        assert f"`{name}`" not in text
    for name in ("datasets", "baselines", "metric", "decimals", "smaller", "paper", "percent", "epochs"):
        assert f"| `{name}` |" in text


def test_the_guide_s_table_file_has_no_fault(tmp_path):
    text = tables.GUIDE.read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / "mine.toml").write_text(example)
    table = load_table(str(tmp_path / "mine.toml"))
    assert [row.score_only for row in table.rows] == [False, False, True]
