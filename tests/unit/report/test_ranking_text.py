"""The tables of `zoo table RESULTS` in each format, read back by a parser; costs, and footnotes."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from zoo.evaluate.results import Cost
from zoo.recipe import DataRef, Part, Validation
from zoo.records import record as records
from zoo.report.ranking import rank
from zoo.report.ranking_text import FORMATS, legend, text_tables

from .conftest import SPREAD

ODD = "50%_of <b>&|$x~^\\#{}\n[1]"


@pytest.fixture
def odd(a_run, make_score):
    scores = [make_score(14 + SPREAD), make_score(0.5 + SPREAD / 10, "ssim")]
    return rank(
        [
            a_run("cyclegan", scores=scores),
            a_run("pix2pix", 12, data=DataRef(name=ODD, fingerprint="o")),
            a_run("mean_image", 13, data=DataRef(name=ODD, fingerprint="o")),
            a_run("mean_image", 13),
        ]
    )


def test_latex_has_balanced_environments_and_as_many_cells_in_each_row_as_columns(odd):
    text = FORMATS["latex"](odd)
    assert re.findall(r"\\begin{(\w+)}", text) == re.findall(r"\\end{(\w+)}", text)[::-1] == ["table", "tabular"]
    assert len(re.findall(r"(?<!\\){", text)) == len(re.findall(r"(?<!\\)}", text))
    (spec,) = re.findall(r"\\begin{tabular}{(\w+)}", text)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    spans = [sum(int(span) - 1 for span in re.findall(r"\\multicolumn{(\d+)}", row)) for row in rows]
    counts = {len(re.split(r"(?<!\\)&", row)) + span for row, span in zip(rows, spans, strict=True)}
    assert counts == {len(spec)} == {4}
    assert not any(line.lstrip().startswith("[") for line in text.splitlines())  # it would be an option of \\
    plain = re.sub(r"\\label{.*}|^%.*", "", text, flags=re.MULTILINE)
    assert not re.search(r"(?<!\\)[%#$_^~<>|]", plain)
    assert r"\textbf{14.00} {\scriptsize [13.75, 14.25]}" in text


def test_csv_holds_unrounded_numbers_of_every_row_and_column(odd):
    lines = list(csv.DictReader(io.StringIO(FORMATS["csv"](odd))))
    assert [(line["row"], line["metric"], line["mark"], line["baseline"]) for line in lines] == [
        ("cyclegan", "psnr", "best", "False"),
        ("cyclegan", "ssim", "", "False"),
        ("pix2pix", "psnr", "not distinguishable" if lines[2]["mark"] else "", "False"),
        ("mean_image", "psnr", "", "True"),
        ("mean_image", "psnr", "best", "True"),
    ]
    assert float(lines[0]["value"]) == pytest.approx(14) and lines[2]["dataset"] == ODD
    assert (lines[0]["against"], lines[0]["verdict_against"]) == ("mean_image", "better")


def test_markdown_rows_have_as_many_cells_as_the_head(odd):
    rows = [line for line in FORMATS["markdown"](odd).splitlines() if line.startswith("|")]
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {4 + 2}
    assert "**14.00** [13.75, 14.25]" in rows[2]


def test_html_closes_what_it_opens_and_escapes_names(odd):
    class Page(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open, self.text = [], []

        def handle_starttag(self, tag, attrs):
            self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

        def handle_data(self, data):
            self.text.append(data)

    page = Page()
    page.feed(FORMATS["html"](odd))
    assert page.open == [] and ODD in page.text


def test_the_cost_of_networks_stands_beside_their_scores_where_there_is_room(a_run):
    cost = Cost(
        parameters=2_500_000, flops=3 * 10**9, passes=1, latency_ms=12.5, latency_n=5, size=64, device="a CPU",
        precision="fp32", peak_memory=1,
    )  # fmt: skip
    network, baseline = a_run("pix2pix", 14), a_run("mean_image", 16)
    ranking = rank([replace(network, record=replace(network.record, cost=cost)), baseline])
    (wide,), (narrow,) = text_tables(ranking, 200), text_tables(ranking, 40)
    assert wide.columns[-3:] == ("params", "GFLOP", "ms/image") and narrow.columns == wide.columns[:-3]
    assert wide.rows[0][-3:] == ("2.50 M", "3", "12.5") and wide.rows[-1][-3:] == ("", "", "")
    assert "2.50 M & 3 & 12.5" in FORMATS["latex"](ranking)
    assert "| 2.50 M | 3 | 12.5 |" in FORMATS["markdown"](ranking)
    assert "<td>12.5</td>" in FORMATS["html"](ranking)
    first = next(csv.DictReader(io.StringIO(FORMATS["csv"](ranking))))
    assert (first["parameters"], first["latency_ms"], first["device"]) == ("2500000", "12.5", "a CPU")


def test_costs_at_several_sizes_are_columns_of_their_own_whatever_the_order_of_the_runs(a_run):
    def costing(size, flops, latency):
        cost = Cost(
            parameters=2_500_000, flops=flops, passes=1, latency_ms=latency, latency_n=5, size=size, device="a CPU",
            precision="fp32", peak_memory=1,
        )  # fmt: skip
        run = a_run("pix2pix", 14, size=size)
        return replace(run, record=replace(run.record, cost=cost))

    small, large = costing(64, 3 * 10**9, 12.5), costing(256, 29 * 10**9, 99.0)
    for runs in ([small, large], [large, small]):
        ranking = rank(runs)
        (table,) = text_tables(ranking, 300)
        texts = dict(zip(table.columns, table.rows[0], strict=True))
        assert (texts["GFLOP, 64 px"], texts["GFLOP, 256 px"]) == ("3", "29")
        assert (texts["ms/image, 64 px"], texts["ms/image, 256 px"]) == ("12.5", "99")
        lines = csv.DictReader(io.StringIO(FORMATS["csv"](ranking)))
        assert {line["dataset"]: (line["cost_size"], line["flops"]) for line in lines} == {
            "FLIR, 64 px": ("64", "3000000000"),
            "FLIR, 256 px": ("256", "29000000000"),
        }
    (alone,) = text_tables(rank([small]), 300)
    assert alone.columns[-1] == "ms/image"
    assert alone.title.splitlines()[-1] == "GFLOP and ms/image: of one translation at 64 px, on a CPU in fp32"


def test_weights_that_were_selected_on_validation_have_a_footnote_in_every_format(a_run):
    plan = Validation(part=0.1, every=5, metric=Part(name="metrics/psnr"), keep="best")
    runs = [a_run("cyclegan", 12, validation=plan, seed=seed) for seed in (0, 1)]
    best = records.Best(value=13.1, step=15, steps=100_000)
    runs = [replace(run, record=replace(run.record, best=best)) for run in runs]
    ranking = rank([*runs, a_run("pix2pix", 13), a_run("mean_image", 9, validation=plan)])
    lines = [line for line in legend(ranking) if "validated" in line]
    kept = "validated by psnr on 0.1 of the training images: the weights are those of step 15, psnr 13.1"
    assert len(lines) == 2
    assert all(line.endswith(f", seed {seed}: {kept}") for seed, line in enumerate(lines))
    assert all(FORMATS[form](ranking).count("the weights are those of step 15") == 2 for form in ("markdown", "latex"))
