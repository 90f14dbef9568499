"""The page as a whole: its form, its pictures, and what it shows of odd folders."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from zoo.composition import compose
from zoo.errors import UsageError
from zoo.evaluate.pictures import sample_tiles
from zoo.recipe import Part
from zoo.records.record import Failure, write_json
from zoo.report.html.page import write_report

HOSTILE = "<script>alert(1)</script> $\\frac{ \"'&"


def test_the_page_is_well_formed_and_asks_for_nothing(six, page_of):
    page = page_of(six)
    assert page.open == []
    addresses = [attrs[name] for _, attrs in page.tags for name in ("src", "href", "xlink:href") if name in attrs]
    assert addresses and all(address.startswith(("data:image/", "#")) for address in addresses)
    assert not {"link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    text = (six / "report.html").read_text()
    assert "@import" not in text and "url(http" not in text
    assert any(attrs.get("content", "").startswith("default-src 'none'") for attrs in page.all("meta"))
    assert len(text) < 10_000_000


def test_no_id_occurs_twice_and_every_inner_link_leads_somewhere(six, page_of):
    page = page_of(six)
    ids = [attrs["id"] for tag, attrs in page.tags if "id" in attrs and tag not in ("path", "clippath", "use")]
    assert len(ids) == len(set(ids))
    links = [attrs["href"][1:] for attrs in page.all("a")]
    assert links and set(links) <= set(ids)


def test_names_are_shown_and_not_run(tmp_path, source, score, record, write_run, page_of):
    recipe = compose(generator="resnet6:width=4", data=source, size=32, steps=2)
    hostile = replace(
        recipe,
        generator=Part(name=f"evil/{HOSTILE}", config={HOSTILE: HOSTILE}),
        data=replace(recipe.data, name=HOSTILE),
    )
    scores = [score(HOSTILE, unit=HOSTILE, protocol={HOSTILE: HOSTILE, "reads": [HOSTILE]})]
    odd = record(hostile, scores=scores, command=HOSTILE, environment={HOSTILE: HOSTILE}, notes=[HOSTILE])
    write_run(tmp_path / "a", odd, stems=("<b>&\"'",))
    write_run(tmp_path / "b", record(replace(hostile, generator=recipe.generator), scores=scores), stems=())
    page = page_of(tmp_path)
    assert page.open == []
    assert len(page.all("script")) == 1
    assert not page.all("b")
    assert HOSTILE in page.text


def test_datasets_have_tables_of_their_own(tmp_path, source, record, write_run, page_of):
    recipe = compose(generator="resnet6:width=4", data=source, size=32, steps=2)
    write_run(tmp_path / "a", record(recipe))
    other = replace(recipe, data=replace(recipe.data, name="elsewhere", fingerprint="f" * 64))
    write_run(tmp_path / "b", record(other))
    page = page_of(tmp_path)
    assert len(page.all("table")) == 2
    assert "blocks, 32 px" in page.text and "elsewhere, 32 px" in page.text


def test_a_failed_run_is_a_row_with_its_reason(six, source, page_of):
    recipe = compose(generator="resnet6:width=8", data=source, size=32, steps=2)
    (six / "failed").mkdir()
    write_json(six / "failed" / "failure.json", Failure(recipe=recipe, reason="the loss is NaN", tail="last <words>"))
    write_json(six / "cell00" / "failure.json", Failure(recipe=recipe, reason="an older try", tail=""))
    page = page_of(six)
    assert "6 finished runs, 1 failed" in page.text
    assert "failed: the loss is NaN" in page.text and "last <words>" in page.text
    assert "an older try" not in page.text


def test_failures_alone_are_reported_and_nothing_at_all_is_refused(tmp_path, source, page_of):
    with pytest.raises(UsageError, match="no finished run"):
        write_report(tmp_path, tmp_path / "report.html")
    recipe = compose(generator="resnet6:width=8", data=source, size=32, steps=2)
    (tmp_path / "failed").mkdir()
    write_json(tmp_path / "failed" / "failure.json", Failure(recipe=recipe, reason="out of memory", tail=""))
    assert "failed: out of memory" in page_of(tmp_path).text


def test_runs_without_scores_tiles_or_losses_are_shown_with_what_they_have(
    tmp_path, source, record, write_run, page_of
):
    unpaired = compose(generator="resnet6:width=4", data=source, size=32, steps=2)
    folder = write_run(tmp_path / "unpaired", record(unpaired, scores=[], notes=["unpaired"]), stems=(), steps=0)
    Image.new("RGB", (600, 1600), "red").save(folder / "samples.png")
    page = page_of(tmp_path)
    assert "no scores" in page.text and "sample sheet of" in page.all("img")[0]["alt"]
    assert "Cycle loss" not in page.text and "Quality against" not in page.text


def test_the_images_are_the_tiles_pixel_for_pixel_each_with_a_text(six, page_of):
    page = page_of(six)
    images = [attrs for attrs in page.all("img") if attrs.get("src")]
    assert len(images) == 2 * (6 + 2)
    assert all(attrs["alt"] for attrs in images)
    assert len({attrs["alt"] for attrs in images}) == len(images)
    shown = [np.asarray(Image.open(io.BytesIO(base64.b64decode(attrs["src"].partition(",")[2])))) for attrs in images]
    kept = np.asarray(Image.open(six / "cell00" / "samples" / "test0_translated.png"))
    assert any(np.array_equal(image, kept) for image in shown)
    buttons = [attrs for attrs in page.all("button") if attrs.get("class") == "tile"]
    assert len(buttons) == len(images)


def test_large_tiles_are_shrunk_and_the_page_stays_small(tmp_path, source, record, write_run, page_of):
    rng = np.random.default_rng(0)
    for i in range(2):
        recipe = compose(generator=f"resnet6:width={i + 4}", data=source, size=32, steps=2)
        folder = write_run(tmp_path / f"cell{i}", record(recipe), stems=())
        noise = rng.integers(0, 256, (300, 300, 3)).astype(np.uint8)
        tiles = (noise, noise[..., 0], noise[..., 1])
        sample_tiles({f"test{k}": tiles for k in range(8)}, folder / "samples")
    page = page_of(tmp_path)
    assert 500_000 < (tmp_path / "report.html").stat().st_size < 10_000_000
    first = base64.b64decode(page.all("img")[0]["src"].partition(",")[2])
    assert Image.open(io.BytesIO(first)).size == (256, 256)
    assert "more are in the runs' folders" in page.text


def test_a_damaged_tile_is_left_out(six, page_of):
    (six / "cell00" / "samples" / "test0_translated.png").write_bytes(b"no picture")
    assert len([attrs for attrs in page_of(six).all("img") if attrs.get("src")]) == 2 * 8 - 1


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written to"):
        write_report(tmp_path, tmp_path / "file" / "report.html")
