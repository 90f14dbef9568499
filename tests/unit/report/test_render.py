"""Tables as text: each format is read back by a parser of its own."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest

from zoo.recipe import DataRef
from zoo.report.render import COLUMNS, FORMATS, comma_separated
from zoo.report.table_results import read_table_results
from zoo.report.tables import load_table

html, latex, markdown = FORMATS["html"], FORMATS["latex"], FORMATS["markdown"]
SPREAD = np.linspace(-0.5, 0.5, 20)


@pytest.fixture
def filled(results, make_score, make_record):
    results.data = {"flir": "50%_of <b>&|$x"}
    data = DataRef(name="odd", fingerprint="o")
    for row, value, spread in (("gn", 14.0, 1), ("baseline", 12.0, 1), ("mean_image", 13.0, 0.5)):
        results.add(row, make_record([make_score(value + spread * SPREAD)], data=data))
    return read_table_results(load_table(results.table), results.write())


class Cells(HTMLParser):
    """Collects the rows of every table, and demands that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_html_holds_the_table_and_escapes_names(filled):
    page = Cells()
    page.feed(html(filled))
    page.close()
    assert page.open == []
    assert list(COLUMNS) in page.rows
    line = next(row for row in page.rows if row[0].endswith("(GN_CycleGAN)") and row[1] == "13.5195")
    assert line[2] == "14.0000"
    assert line[4] == "+0.4805"
    assert line[5] == "not comparable: 50%_of <b>&|$x instead of FLIR"
    assert line[6].startswith("better (d ")
    assert filled.title in page.text


def test_csv_is_read_back_with_every_number(filled):
    rows = list(csv.DictReader(io.StringIO(comma_separated(filled))))
    assert len(rows) == 2 * (4 + 5)  # columns x (rows and baselines)
    gn = next(row for row in rows if row["row"].endswith("(GN_CycleGAN)") and row["metric"] == "PSNR")
    assert (gn["paper"], float(gn["measured"]), gn["n"], gn["seeds"]) == ("13.5195", 14.0, "20", "1")
    assert float(gn["difference"]) == pytest.approx(0.4805)
    assert gn["why"] == "50%_of <b>&|$x instead of FLIR"
    assert (gn["against"], gn["verdict_against"]) == ("mean_image", "better")
    assert float(gn["p"]) < 0.05
    assert {row["baseline"] for row in rows if row["row"].startswith("baseline: ")} == {"True"}


def test_markdown_rows_have_as_many_cells_as_the_head(filled, tmp_path):
    text = markdown(filled)
    tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert len(tables) == 3  # PSNR, SSIM, protocol
    for table in tables:
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert "| + gradient normalization (GN_CycleGAN) | 13.5195 | 14.0000 |" in text
    assert r"50%_of <b>&\|$x instead of FLIR" in text
    assert "32.2 %" in markdown(read_table_results(load_table("gn_cyclegan_table2"), tmp_path))


def test_latex_escapes_and_closes_what_it_opens(filled):
    text = latex(filled)
    assert r"50\%\_of \textless{}b\textgreater{}\&\textbar{}\$x instead of FLIR" in text
    opened, closed = (re.findall(rf"\\{word}{{(\w+)}}", text) for word in ("begin", "end"))
    assert sorted(opened) == sorted(closed)
    body = re.findall(r"^(.*) \\\\$", text, flags=re.MULTILINE)
    assert {len(re.split(r"(?<!\\)&", line)) for line in body} == {len(COLUMNS)}
    assert not re.search(r"(?<!\\)[%#$_]", re.sub(r"\\label{.*}|^%.*", "", text, flags=re.MULTILINE))


def test_json_holds_the_whole_table(filled):
    table = json.loads(msgspec.json.encode(filled))
    assert table["sections"][0]["lines"][3]["measured"]["value"] == 14.0
