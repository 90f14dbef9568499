"""The report page, read as a browser reads it, of results folders that were written by hand."""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from statistics import stdev

import msgspec
import numpy as np
import pytest
from PIL import Image

from zoo.bench.pictures import sample_tiles
from zoo.bench.record import Failure, Record, Timing, write_json
from zoo.bench.report import write_report
from zoo.bench.report.commands import row_command
from zoo.bench.report.plots import Curve, curve_panel
from zoo.bench.report.runs import name_systems, style
from zoo.composition import compose
from zoo.data.layout import DatasetInfo, Health, LeftOut
from zoo.errors import UsageError
from zoo.evaluate.results import Score
from zoo.recipe import Part
from zoo.sources import DataSource
from zoo.weights.folder import ModelConfig

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
    "--allow-file-access-from-files",
)
HOSTILE = "<script>alert(1)</script> $\\frac{ \"'&"


class Page(HTMLParser):
    """What a browser finds in a page: elements with their attributes, and the text outside scripts and styles."""

    VOID = ("meta", "img", "br", "line")

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
            self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def source(pairs) -> DataSource:
    from zoo.sources import open_source

    return open_source(str(pairs), size=32)


def score(metric="psnr", values=(10.0, 12.0), **changes) -> Score:
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


def record(recipe, *, scores=None, command="zoo bench", **changes) -> Record:
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
        scores=[score()] if scores is None else scores,
        losses={"generator/cycle_A": 1.0},
        parameters={"translation": 1234567},
        **fields,
    )


def write_cell(folder: Path, record: Record, *, stems=("test0", "test1"), steps=30, level=0) -> Path:
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


def page_of(results: Path) -> Page:
    write_report(results, results / "report.html")
    return Page(results / "report.html")


@pytest.fixture
def six(tmp_path, source) -> Path:
    """Six runs of one bench, as three generators with two discriminators make them."""
    out = tmp_path / "six"
    generators, judges = ("resnet6:width=4", "resnet9:width=4", "unet_auto:width=4"), ("patchgan", "patchgan_gn")
    command = f"zoo bench --gen {','.join(generators)} --disc {','.join(judges)} --data blocks --size 32 --steps 30"
    for i, generator in enumerate(generators):
        for j, judge in enumerate(judges):
            recipe = compose(generator=generator, discriminator=judge, data=source, size=32, steps=30)
            scores = [score(values=(10.0 + i, 12.0 + j)), score("ssim", (0.1 * i, 0.2))]
            write_cell(out / f"cell{i}{j}", record(recipe, scores=scores, command=command), level=2 * i + j)
    return out


def test_the_page_is_well_formed_and_asks_for_nothing(six):
    page = page_of(six)
    assert page.open == []
    addresses = [attrs[name] for _, attrs in page.tags for name in ("src", "href", "xlink:href") if name in attrs]
    assert addresses and all(address.startswith(("data:image/", "#")) for address in addresses)
    assert not {"link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    text = (six / "report.html").read_text()
    assert "@import" not in text and "url(http" not in text
    assert any(attrs.get("content", "").startswith("default-src 'none'") for attrs in page.all("meta"))
    assert len(text) < 10_000_000


def test_no_id_occurs_twice_and_every_inner_link_leads_somewhere(six):
    page = page_of(six)
    ids = [attrs["id"] for tag, attrs in page.tags if "id" in attrs and tag not in ("path", "clippath", "use")]
    assert len(ids) == len(set(ids))
    links = [attrs["href"][1:] for attrs in page.all("a")]
    assert links and set(links) <= set(ids)


def test_every_run_has_its_scores_with_intervals_and_its_own_command(six):
    page = page_of(six)
    for text in ("11.50", "10.50 to 12.50", "1.23 M", "1 min 15 s", "2.5 steps/s", "1.00 GiB", "visible", "95%"):
        assert text in page.text
    for generator in ("resnet6", "resnet9", "unet_auto"):
        for judge in ("patchgan", "patchgan_gn"):
            command = f"zoo bench --gen {generator}:width=4 --disc {judge} --data blocks --size 32 --steps 30"
            assert command in page.text


def test_the_images_are_the_tiles_pixel_for_pixel_each_with_a_text(six):
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


def test_large_tiles_are_shrunk_and_the_page_stays_small(tmp_path, source):
    rng = np.random.default_rng(0)
    for i in range(2):
        recipe = compose(generator=f"resnet6:width={i + 4}", data=source, size=32, steps=2)
        folder = write_cell(tmp_path / f"cell{i}", record(recipe), stems=())
        noise = rng.integers(0, 256, (300, 300, 3)).astype(np.uint8)
        tiles = (noise, noise[..., 0], noise[..., 1])
        sample_tiles({f"test{k}": tiles for k in range(8)}, folder / "samples")
    size = write_report(tmp_path, tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert 500_000 < size < 10_000_000
    first = base64.b64decode(page.all("img")[0]["src"].partition(",")[2])
    assert Image.open(io.BytesIO(first)).size == (256, 256)
    assert "more are in the runs' folders" in page.text


def test_names_are_shown_and_not_run(tmp_path, source):
    recipe = compose(generator="resnet6:width=4", data=source, size=32, steps=2)
    hostile = replace(
        recipe,
        generator=Part(name=f"evil/{HOSTILE}", config={HOSTILE: HOSTILE}),
        data=replace(recipe.data, name=HOSTILE),
    )
    scores = [score(HOSTILE, unit=HOSTILE, protocol={HOSTILE: HOSTILE, "reads": [HOSTILE]})]
    odd = record(hostile, scores=scores, command=HOSTILE, environment={HOSTILE: HOSTILE}, notes=[HOSTILE])
    write_cell(tmp_path / "a", odd, stems=("<b>&\"'",))
    write_cell(tmp_path / "b", record(replace(hostile, generator=recipe.generator), scores=scores), stems=())
    page = page_of(tmp_path)
    assert page.open == []
    assert len(page.all("script")) == 1
    assert not page.all("b")
    assert HOSTILE in page.text


def test_seeds_share_a_name_and_a_colour_and_have_a_mean(tmp_path, source):
    values = (10.0, 11.0, 13.0)
    for seed, value in enumerate(values):
        recipe = compose(generator="resnet6:width=4", data=source, size=32, steps=2, seed=seed)
        write_cell(tmp_path / f"s{seed}", record(recipe, scores=[score(values=(value, value))]))
    page = page_of(tmp_path)
    assert "mean of 3 seeds" in page.text and "seed 2" in page.text
    assert "11.33" in page.text and f"± {stdev(values):.2f}" in page.text
    assert len([attrs for attrs in page.all("img") if attrs.get("src")]) == 2 * 3  # the first seed's


def test_datasets_have_tables_of_their_own(tmp_path, source):
    recipe = compose(generator="resnet6:width=4", data=source, size=32, steps=2)
    write_cell(tmp_path / "a", record(recipe))
    other = replace(recipe, data=replace(recipe.data, name="elsewhere", fingerprint="f" * 64))
    write_cell(tmp_path / "b", record(other))
    page = page_of(tmp_path)
    assert len(page.all("table")) == 2
    assert "blocks, 32 px" in page.text and "elsewhere, 32 px" in page.text


def test_a_dataset_is_shown_with_its_health_and_what_was_left_out(tmp_path, source):
    recipe = compose(generator="resnet6:width=4", data=source, size=32, steps=2)
    folder = write_cell(tmp_path / "a", record(recipe))
    left_out = (LeftOut(name="a.jpg", reason="no partner"), LeftOut(name="b.jpg", reason="no partner"))
    health = Health(images=9, judged=6, misregistered=5, repeated=3)
    info = DatasetInfo(name="blocks", source="made by hand", splits={"test": 3}, left_out=left_out, health=health)
    write_json(folder / "config.json", ModelConfig(recipe=recipe, dataset=info, plugins={}))
    (folder / "model.safetensors").touch()
    page = page_of(tmp_path)
    for text in ("CC0", "6 train, 3 test", recipe.data.fingerprint[:12], "made by hand", "2 files: no partner"):
        assert text in page.text
    assert "5 of 6 judged pairs misregistered, 3 test images repeated in training" in page.text


def test_scores_under_another_protocol_stand_in_a_column_of_their_own(tmp_path, source):
    for i, data_range in enumerate((1.0, 255.0)):
        recipe = compose(generator=f"resnet6:width={4 + i}", data=source, size=32, steps=2)
        protocol = {"data_range": data_range, "reads": ["visible"], "mode": ("eval", "train")[i]}
        write_cell(tmp_path / str(i), record(recipe, scores=[score(protocol=protocol)]))
    page = page_of(tmp_path)
    assert "psnr [dB] (data_range=1.0)" in page.text and "psnr [dB] (data_range=255.0)" in page.text


def test_a_failed_run_is_a_row_with_its_reason(six, source):
    recipe = compose(generator="resnet6:width=8", data=source, size=32, steps=2)
    (six / "failed").mkdir()
    write_json(six / "failed" / "failure.json", Failure(recipe=recipe, reason="the loss is NaN", tail="last <words>"))
    write_json(six / "cell00" / "failure.json", Failure(recipe=recipe, reason="an older try", tail=""))
    page = page_of(six)
    assert "6 finished runs, 1 failed" in page.text
    assert "failed: the loss is NaN" in page.text and "last <words>" in page.text
    assert "an older try" not in page.text


def test_failures_alone_are_reported_and_nothing_at_all_is_refused(tmp_path, source):
    with pytest.raises(UsageError, match="no finished run"):
        write_report(tmp_path, tmp_path / "report.html")
    recipe = compose(generator="resnet6:width=8", data=source, size=32, steps=2)
    (tmp_path / "failed").mkdir()
    write_json(tmp_path / "failed" / "failure.json", Failure(recipe=recipe, reason="out of memory", tail=""))
    assert "failed: out of memory" in page_of(tmp_path).text


def test_runs_without_scores_tiles_or_losses_are_shown_with_what_they_have(tmp_path, source):
    unpaired = compose(generator="resnet6:width=4", data=source, size=32, steps=2)
    folder = write_cell(tmp_path / "unpaired", record(unpaired, scores=[], notes=["unpaired"]), stems=(), steps=0)
    Image.new("RGB", (600, 1600), "red").save(folder / "samples.png")
    page = page_of(tmp_path)
    assert "no scores" in page.text and "sample sheet of" in page.all("img")[0]["alt"]
    assert "Cycle loss" not in page.text and "Quality against" not in page.text


def test_a_damaged_tile_is_left_out(six):
    (six / "cell00" / "samples" / "test0_translated.png").write_bytes(b"no picture")
    assert len([attrs for attrs in page_of(six).all("img") if attrs.get("src")]) == 2 * 8 - 1


def test_a_record_of_a_plugin_that_is_gone_is_shown_with_the_recorded_command(tmp_path, source):
    recipe = compose(generator="resnet6:width=4", data=source, size=32, steps=2)
    gone = replace(recipe, generator=Part(name="gone/lostnet", config={"width": 3}))
    command = "zoo bench --gen lostnet:width=3,resnet6 --data blocks"
    write_cell(tmp_path / "a", record(gone, command=command))
    page = page_of(tmp_path)
    assert "lostnet" in page.text and command in page.text


def test_the_command_is_narrowed_to_the_row_in_its_own_words(source):
    recipe = compose(recipe="pix2pix", data=source, size=32, steps=2)
    command = "zoo bench --recipe=cut,pix2pix --data scenes,blocks --size 32 --seeds 3 --out 'my results'"
    wanted = "zoo bench --recipe=pix2pix --data blocks --size 32 --seeds 3 --out 'my results'"
    assert row_command(record(recipe, command=command)) == wanted


@pytest.mark.parametrize(
    "command", ["", "make bench", "zoo bench 'unclosed", "zoo bench --table t --gen resnet6,unet_auto"]
)
def test_a_command_that_cannot_be_narrowed_is_given_as_recorded(source, command):
    recipe = compose(generator="resnet6", data=source, size=32, steps=2)
    assert row_command(record(recipe, command=command)) == command


def test_systems_are_named_by_what_they_differ_in(source):
    def system(**words):
        return compose(**{"generator": "resnet6", "data": source, "size": 32, "steps": 2} | words)

    assert name_systems([system(), system(generator="resnet9")]) == ["resnet6", "resnet9"]
    assert name_systems([system(), system(discriminator="patchgan_gn")]) == ["patchgan", "patchgan_gn"]
    assert name_systems([system(), system(seed=1)]) == ["cyclegan resnet6 patchgan"] * 2
    assert name_systems([system(), system(steps=4)])[1].endswith(", 4 steps")
    assert name_systems([system(), system(batch=2)])[1].endswith(", batch 2")
    assert name_systems([system(), system()])[1].endswith(" (2)")


def test_24_systems_are_drawn_differently():
    assert len({(style(i).color, style(i).dash) for i in range(24)}) == 24


def test_curves_are_in_the_pages_ink_and_long_ones_are_averaged_down():
    steps = np.arange(100_000.0)
    curve = Curve(steps=steps, values=1 + np.exp(-steps / 1e4), style=style(0))
    svg = curve_panel([curve], title="cycle_A", across="step")
    assert "currentColor" in svg and style(0).color in svg and "#010203" not in svg
    assert 'aria-label="cycle_A' in svg and "<?xml" not in svg and "<g id" not in svg
    assert len(svg) < 40_000


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_runs_over_the_edge_in_a_browser(six, source, tmp_path, width):
    long = Part(name="far/" + "very_long_name" * 12, config={"option": "x" * 300})
    recipe = replace(compose(generator="resnet6:width=4", data=source, size=32, steps=2), generator=long)
    write_cell(six / "long", record(recipe, command="zoo bench --gen " + "x" * 400))
    write_report(six, six / "report.html")
    # An iframe, since no browser window is as narrow as a phone.
    frame = six / "frame.html"
    measure = "document.title = this.contentDocument.documentElement.scrollWidth"
    frame.write_text(
        f'<iframe src="report.html" style="border:0;width:{width}px;height:900px" onload="{measure}"></iframe>'
    )
    done = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert f"<title>{width}</title>" in done.stdout
