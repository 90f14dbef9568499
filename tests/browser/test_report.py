"""The page of `zoo report` in Chromium: its layout at four sizes, the keyboard, and what its tables contain."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from zoo.recipe import Part
from zoo.records.record import read_record, write_json
from zoo.report.html.page import write_report

pytestmark = pytest.mark.browser
FOCUSED = """
const { activeElement: node } = document, { outlineStyle, outlineWidth } = getComputedStyle(node);
return [[...document.querySelectorAll("a, button, summary, [tabindex]")].indexOf(node), outlineStyle, parseFloat(outlineWidth)];
"""
ROWS = """
const cells = (row) => [...row.children].map((cell) => cell.firstChild?.nodeName === "SVG" ? "" : cell.innerText.trim());
return [...document.querySelectorAll(arguments[0] + " tr")].map(cells);
"""


@pytest.fixture(scope="module")
def page(results, tmp_path_factory) -> str:
    file: Path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(results, file)
    return file.as_uri()


def test_nothing_is_cut_stretched_or_pale(tab, page, look):
    tab.open(page, **look)
    assert tab.run("return document.images.length") > 10
    tab.run("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert tab.faults() == [] and tab.errors() == []


@pytest.mark.parametrize("size", [(320, 568), "small desktop"])
def test_long_names_stay_in_the_window(tab, results, tmp_path, size):
    folder = next(results.glob("pix2pix-*"))
    record = read_record(folder)
    long = Part(name="far/" + "very_long_name" * 12, config={"option": "x" * 300})
    record = replace(
        record,
        recipe=replace(record.recipe, generator=long),
        command="zoo bench --gen " + "x" * 400,
        train_key="0" * 64,
    )
    shutil.copytree(results, tmp_path / "results")
    shutil.copytree(folder, tmp_path / "results" / "long")
    write_json(tmp_path / "results" / "long" / "record.json", record)
    write_report(tmp_path / "results", tmp_path / "report.html")
    tab.open((tmp_path / "report.html").as_uri(), size)
    tab.run("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert "very_long_name" in tab.run("return document.body.innerText") and tab.faults() == []


def test_tab_reaches_everything_that_can_be_clicked_with_a_visible_focus(tab, page):
    tab.open(page)
    every = "[...document.querySelectorAll('a, button, summary, [tabindex]')]"
    shown = tab.run(f"return {every}.flatMap((node, i) => node.checkVisibility() ? [i] : [])")
    reached = []
    for _ in shown:
        tab.press("TAB")
        place, style, width = tab.run(FOCUSED)
        reached.append(place)
        assert style != "none" and width >= 2
    assert reached == shown


@pytest.mark.parametrize("key", ["ENTER", "SPACE"])
def test_an_image_enlarges_and_escape_returns_to_it(tab, page, key, look):
    tab.open(page, **look)
    tab.run("document.querySelectorAll('.tile')[1].focus()")
    tab.press(key)
    assert tab.run("return document.getElementById('enlarged').open")
    first, box = tab.run(
        "const box = document.getElementById('enlarged'); return [box.innerText, box.getBoundingClientRect().toJSON()]"
    )
    window = tab.run("return [innerWidth, innerHeight]")
    assert box["left"] >= 0 and box["top"] >= 0 and box["right"] <= window[0] and box["bottom"] <= window[1]
    assert tab.faults() == []
    tab.press("ARROW_RIGHT")
    assert tab.run("return document.getElementById('enlarged').innerText") != first
    tab.press("ESCAPE")
    assert tab.run("return [document.getElementById('enlarged').open, document.activeElement.className]") == [
        False,
        "tile",
    ]


def test_space_opens_what_is_folded(tab, page):
    tab.open(page)
    tab.run("document.querySelector('.run summary').focus()")
    tab.press("SPACE")
    assert tab.run("return document.querySelector('.run details').open")


def test_rows_are_sorted_and_have_their_difference_and_baselines_no_training(tab, page):
    tab.open(page)
    heads, *rows = tab.run(ROWS, ".cards")
    heads = [head.split("\n")[0] for head in heads]
    found = [dict(zip(heads, row, strict=True)) for row in rows if len(row) == len(heads)]
    baselines = [row for row in found if not row["training"]]
    networks = found[: len(found) - len(baselines)]
    assert {row["system"] for row in networks} == {"pix2pix", "cyclegan"} and found[len(networks) :] == baselines
    for rows in (networks, baselines):
        scores = [float(row["psnr [dB]"].split("\n")[0]) for row in rows]
        assert scores == sorted(scores, reverse=True)
    best = max(float(row["psnr [dB]"].split("\n")[0]) for row in baselines)
    for row in networks:
        difference, detail = row["psnr against the best null baseline"].split("\n", 1)
        assert float(difference) == pytest.approx(float(row["psnr [dB]"].split("\n")[0]) - best, abs=0.011)
        assert baselines[0]["system"] in detail
    assert rows[-1] and "failed: the training diverged" in tab.run(
        "return document.querySelector('.cards .failed').innerText"
    )


def test_degrees_by_class_are_a_table(tab, page, results):
    tab.open(page)
    heads, *rows = tab.run(ROWS, ".values")[: len(list(results.glob("*/record.json"))) + 1]
    record = msgspec.json.decode(next(results.glob("mean_image-*/record.json")).read_bytes())
    shown = next(dict(zip(heads, row, strict=True)) for row in rows if row[0] == "mean_image")
    assert shown["all pixels"] == f"{record['celsius']['all']:.2f}"
    assert {name: f"{value:.2f}" for name, value in record["celsius"]["classes"].items()}.items() <= shown.items()
