"""Shared by tests of the report: runs written by hand, and pages parsed as by a browser."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest

from zoo.composition import compose
from zoo.evaluate.pictures import sample_tiles
from zoo.evaluate.results import Score
from zoo.records.record import Record, Timing, write_json
from zoo.report.html.page import write_report
from zoo.sources import DataSource, open_source


class Page(HTMLParser):
    """What a browser finds in a page: elements with their attributes, and the text outside scripts and styles."""

    VOID = ("meta", "img", "br", "wbr", "line")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(path.read_text())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.text += data.replace("\xa0", " ")

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def source(pairs) -> DataSource:
    return open_source(str(pairs), size=32)


def _score(metric="psnr", values=(10.0, 12.0), **changes) -> Score:
    per_image = {f"test{i}": value for i, value in enumerate(values)}
    mean = sum(values) / len(values)
    fields = {
        "unit": "dB" if metric == "psnr" else "",
        "higher_is_better": metric != "mae",
        "protocol": {"data_range": 1.0, "reads": ["visible"], "mode": "eval"},
    }
    fields |= changes
    return Score(
        metric=metric,
        value=mean,
        n=len(values),
        low=mean - 1,
        high=mean + 1,
        level=0.95,
        per_image=per_image,
        **fields,
    )


def _record(recipe, *, scores=None, command="zoo bench", **changes) -> Record:
    fields = {
        "timing": Timing(train_seconds=75.4, steps_per_second=2.5, score_seconds=1.0, resumed=0),
        "peak_memory": {"host": 2**30, "device": None},
        "environment": {"python": "3.11.1", "device": "cpu", "packages": {"torch": "2.9"}},
        "plugins": {"generator": {"plugin": "resnet", "distribution": "thermal-zoo", "version": "0.1.0"}},
        "dataset": {"name": recipe.data.name, "splits": {"train": 6, "test": 3}, "license": "CC0", "left_out": 0},
    }
    fields |= changes
    return Record(
        recipe=recipe,
        train_key="0" * 64,
        score_key="0" * 64,
        command=command,
        finished="2026-01-02T03:04:05+00:00",
        scores=[_score()] if scores is None else scores,
        losses={"generator/cycle_A": 1.0},
        parameters={"translation": 1234567},
        **fields,
    )


def _write_run(folder: Path, record: Record, *, stems=("test0", "test1"), steps=30, level=0) -> Path:
    folder.mkdir(parents=True)
    write_json(folder / "record.json", record)
    rng = np.random.default_rng(level)
    image = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    if stems:
        sample_tiles(dict.fromkeys(stems, (image, image[..., 0], image[..., 1])), folder / "samples")
    lines = [
        {"step": s, "losses": {"generator/cycle_A": 3 / s, "generator/cycle_B": 2 / s}, "lr": 1e-4, "it_s": 2.0}
        for s in range(1, steps + 1)
    ]
    (folder / "log.jsonl").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return folder


def _page_of(results: Path) -> Page:
    write_report(results, results / "report.html")
    return Page(results / "report.html")


@pytest.fixture
def score() -> Callable[..., Score]:
    return _score


@pytest.fixture
def record() -> Callable[..., Record]:
    return _record


@pytest.fixture
def write_run() -> Callable[..., Path]:
    return _write_run


@pytest.fixture
def page_of() -> Callable[[Path], Page]:
    """Write a results folder's report into it and read it."""
    return _page_of


@pytest.fixture
def six(tmp_path, source) -> Path:
    """Six runs of one bench, as three generators with two discriminators make them."""
    out = tmp_path / "six"
    generators, discriminators = (
        ("resnet6:width=4", "resnet9:width=4", "unet_auto:width=4"),
        ("patchgan", "patchgan_gn"),
    )
    command = (
        f"zoo bench --gen {','.join(generators)} --disc {','.join(discriminators)} --data blocks --size 32 --steps 30"
    )
    for i, generator in enumerate(generators):
        for j, discriminator in enumerate(discriminators):
            recipe = compose(generator=generator, discriminator=discriminator, data=source, size=32, steps=30)
            scores = [_score(values=(10.0 + i, 12.0 + j)), _score("ssim", (0.1 * i, 0.2))]
            _write_run(out / f"cell{i}{j}", _record(recipe, scores=scores, command=command), level=2 * i + j)
    return out
