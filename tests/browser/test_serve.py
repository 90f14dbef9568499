"""The pages of `zoo serve` in Chromium: while runs train, and the translation of an uploaded image."""

from __future__ import annotations

import io
import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.demo import server
from zoo.records.lease import lease
from zoo.run.progress import Event, Progress, ProgressWriter

pytestmark = pytest.mark.browser
REPORTED = "document.querySelector('#report .cards') && document.querySelectorAll('#report .cards tbody tr').length"


@pytest.fixture
def folder(results, tmp_path) -> Path:
    """A copy of the results that a test may change."""
    return Path(shutil.copytree(results, tmp_path / "results"))


def picture(path: Path, height: int, width: int) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_nothing_is_cut_stretched_or_pale(tab, serve, results, look):
    tab.open(serve(results), **look)
    tab.wait(REPORTED)
    assert tab.run("return document.images.length") > 10
    assert tab.faults() == [] and tab.errors() == []


def test_the_page_follows_a_run_and_keeps_focus_scroll_position_and_what_is_open(tab, serve, folder):
    last = next(folder.glob("cyclegan-*"))
    shutil.move(last / "record.json", folder.parent)
    with ExitStack() as held:
        held.enter_context(lease(last))
        write = ProgressWriter(last)
        write(Event(stage="training"))
        tab.open(serve(folder), "phone")
        rows = tab.wait(REPORTED)
        row = f"document.querySelector('[data-run=\"{last.name}\"]').innerText"
        tab.run(
            "const opened = [...document.querySelectorAll('.run')].find((run) => /mean_image/.test(run.innerText));"
            "window.opened = opened.querySelector('details'); window.opened.open = true;"
            "document.querySelector('#report .values').parentElement.scrollLeft = 40;"
            "const tile = document.querySelector('.tile:has([alt*=inverted_grey])'); tile.scrollIntoView({ block: 'center' });"
            "tile.focus(); getSelection().selectAllChildren(document.querySelector('h1')); window.before = tile"
        )
        kept = (
            "return [window.opened.open && window.opened.isConnected, document.activeElement === window.before,"
            "document.querySelector('#report .values').parentElement.scrollLeft, getSelection().toString(),"
            "Math.round(window.before.getBoundingClientRect().top)]"
        )
        before = tab.run(kept)
        assert before[:3] == [True, True, 40]
        for step in (3, 7):
            write._progress = Progress(stage="training", step=step, it_s=2.5, losses={})
            write._write()
            assert "2.50" in tab.wait(f"{row}.includes('{step}/12') && {row}")
            assert tab.run(kept) == before
    shutil.move(folder.parent / "record.json", last)
    assert tab.wait(f"{REPORTED} > {rows} && {REPORTED}") == rows + 1
    assert "done" in tab.run(f"return {row}")
    assert tab.run(kept)[:4] == before[:4]
    assert abs(tab.run(kept)[4] - before[4]) < 60 and tab.errors() == []


def test_a_server_that_has_ended_is_noticed(tab, serve, results, monkeypatch):
    tab.open(serve(results))
    tab.wait(REPORTED)
    monkeypatch.setattr(server.ResultsServer, "verify_request", lambda *_: False)
    assert "cannot be reached" in tab.wait(
        "document.getElementById('connection').innerText.includes('ended') && document.getElementById('connection').innerText"
    )


def test_one_click_and_an_upload_translate_an_image(tab, serve, results, tmp_path, look):
    tab.open(serve(results), **look)
    tab.wait(REPORTED)
    tab.run("document.querySelector('a[href^=\"/demo/pix2pix\"]').focus()")
    tab.press("ENTER")
    tab.wait("location.pathname.startsWith('/demo/')")
    assert tab.faults() == []
    tab.type("#image", str(picture(tmp_path / "street.png", 24, 60)))
    shown = "document.getElementById('thermal')"
    tab.wait(f"!{shown}.hidden && {shown}.naturalWidth")
    assert tab.run(f"return {shown}.naturalWidth / {shown}.naturalHeight") == pytest.approx(60 / 24, rel=0.02)
    tab.wait(f"Math.abs({shown}.width / {shown}.height - 2.5) < 0.05")
    assert tab.faults() == [] and tab.errors() == []
    here = tab.run("return location.origin")
    assert all(address.startswith((here, "data:", "blob:")) for address in tab.requests())
    first = tab.run(f"return {shown}.src")
    tab.run("document.getElementById('colors').focus()")
    tab.press("ARROW_DOWN")
    tab.wait(f"{shown}.src !== '{first}' && !{shown}.hidden")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x" * 2_000_001, "The file has more than 2 MB."),
        (b"not an image", "the uploaded file"),
        (b"half", "the uploaded file cannot be decoded"),
    ],
)
def test_a_file_that_cannot_be_translated_is_refused_in_words(
    tab, serve, results, tmp_path, monkeypatch, content, message
):
    monkeypatch.setattr(server, "LIMIT", 2_000_000)
    if content == b"half":
        whole = io.BytesIO()
        Image.open(picture(tmp_path / "whole.png", 40, 40)).save(whole, "PNG")
        content = whole.getvalue()[:900]
    (tmp_path / "upload.png").write_bytes(content)
    tab.open(f"{serve(results)}/demo/{next(results.glob('pix2pix-*')).name}", "phone")
    tab.type("#image", str(tmp_path / "upload.png"))
    text = tab.wait("(text => !text.startsWith('Translating') && text)(document.getElementById('status').innerText)")
    assert message in text and str(tmp_path) not in text and "--" not in text
    assert tab.run("return document.getElementById('thermal').checkVisibility()") is False
    assert tab.run("return document.documentElement.scrollWidth") <= 390
