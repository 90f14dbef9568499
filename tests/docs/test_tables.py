"""The tables of kept records are what the records say."""

import importlib.util
import re
from pathlib import Path

from zoo.report.tables import load_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tables.md"
spec = importlib.util.spec_from_file_location("tables", PAGE.with_suffix(".py"))
tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tables)


def test_the_page_is_made_from_the_records():
    text = PAGE.read_text(encoding="utf-8")
    assert text == tables.rendered(text), "type: python docs/tables.py"
    assert text.count("<!-- records:") == 5


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
