"""Scored images of one program: what makes another run, and what stays when they are scored again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

import zoo
from zoo.data.entries import Box, DatasetEntry
from zoo.data.layout import read_info
from zoo.data.writer import DatasetWriter
from zoo.errors import DamagedError, DataError, UsageError
from zoo.records.record import Record, read_record
from zoo.report.records_check import check_folder
from zoo.scoring import images
from zoo.scoring.real_images import find_tests
from zoo.sources import open_source

SHAPE = (24, 32)


def grey(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def write(folder: Path, stems: list[str], seed: int, shape: tuple[int, int] = SHAPE, channels: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, stem in enumerate(stems):
        planes = [grey(seed + 10 * number + each, shape) for each in range(channels)]
        Image.fromarray(planes[0] if channels == 1 else np.stack(planes, axis=-1)).save(folder / f"{stem}.png")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A dataset with boxes: 2 training, 3 test and 2 validation pairs of 24x32."""
    root = tmp_path_factory.mktemp("sets") / "boxed"
    boxes = DatasetEntry(name="boxes", kind="boxes", classes=("car",))
    with DatasetWriter(root) as writer:
        writer.describe(name="boxed", source="made by the tests", entries=(boxes,))
        for split, count, seed in (("train", 2, 0), ("test", 3, 100), ("validation", 2, 200)):
            for index in range(count):
                visible = np.stack([grey(seed + index + each) for each in (20, 40, 60)], axis=-1)
                entries = {"boxes": [Box(label="car", corners=(2, 2, 20, 18))]}
                writer.add(split, f"{split}{index}", visible=visible, thermal=grey(seed + index), entries=entries)
    return root


def stems(split: str, count: int) -> list[str]:
    return [f"{split}{index}" for index in range(count)]


def score(folder: Path, out: Path, **options) -> list[Record]:
    return list(zoo.score(folder, out=out, device="cpu", **options))


def values(record: Record) -> dict[str, float]:
    return {each.metric: each.value for each in record.scores}


def by_method(records: list[Record]) -> dict[str, Record]:
    return {record.recipe.method.name: record for record in records}


def luma(visible: np.ndarray) -> np.ndarray:
    return (visible @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)


@pytest.mark.parametrize("plain", [True, False])
def test_grey_copies_of_another_size_are_scored_at_that_size(data, tmp_path, plain):
    names, where = stems("test", 3), {"data": str(data)}
    if plain:
        where = {"real": data / "test" / "thermal", "visible": data / "test" / "visible"}
    large = score(write(tmp_path / "P1", names, 5), tmp_path / "out", metrics="psnr", **where)
    small = score(write(tmp_path / "P2", names, 5, (12, 16)), tmp_path / "out", metrics="psnr", **where)
    alone = score(tmp_path / "P2", tmp_path / "fresh", metrics="psnr", **where)
    assert [values(one) for one in small] == [values(one) for one in alone]
    assert values(by_method(small)["baselines/grey_copy"]) != values(by_method(large)["baselines/grey_copy"])
    assert [one.recipe.size for one in small] == [(12, 16)] * 3 and large[0].recipe.size == SHAPE
    again = zoo.score(tmp_path / "P1", out=tmp_path / "out", metrics="psnr", device="cpu", **where)
    assert [one.status for one in again.outcomes] == ["skipped"] * 3
    assert check_folder(tmp_path / "out") == (6, [])


def test_each_split_has_records_of_its_own_with_the_values_of_its_images(data, tmp_path):
    out = tmp_path / "out"
    score(write(tmp_path / "P", stems("test", 3), 5), out, data=str(data), metrics="psnr")
    folder = write(tmp_path / "Q", stems("validation", 2), 5)
    records = score(folder, out, data=str(data), split="validation", metrics="psnr")
    copy = by_method(records)["baselines/grey_copy"].scores[0]
    for index in range(2):
        paths = (data / "validation" / kind / f"validation{index}.png" for kind in ("visible", "thermal"))
        visible, real = (np.asarray(Image.open(path)) for path in paths)
        expected = peak_signal_noise_ratio(real, luma(visible.astype(float)), data_range=255)
        assert copy.per_image[f"validation{index}"] == pytest.approx(expected, abs=0.02)
    assert copy.protocol["split"] == "validation" and len(copy.per_image) == 2
    assert len(list(out.glob("*/record.json"))) == 6 and len(list(out.glob("*validation*"))) == 3
    assert check_folder(out) == (6, [])


def test_scores_depend_on_the_visible_images_of_a_plain_folder(tmp_path):
    names, out = ["a", "b"], tmp_path / "out"
    real, folder = write(tmp_path / "set" / "real", names, 1), write(tmp_path / "P", names, 2)
    found = {}
    for seed in (30, 60):
        visible = write(tmp_path / f"v{seed}", names, seed, channels=3)
        options = {"real": real, "visible": visible, "metrics": "psnr,edge_fidelity"}
        found[seed] = score(folder, out, **options)
        fresh = score(folder, tmp_path / f"fresh{seed}", **options)
        assert [values(one) for one in found[seed]] == [values(one) for one in fresh]
    assert values(found[30][0])["psnr"] == values(found[60][0])["psnr"]
    for first, second in zip(found[30], found[60], strict=True):
        assert first.data.fingerprint != second.data.fingerprint
    assert values(found[30][0])["edge_fidelity"] != values(found[60][0])["edge_fidelity"]


def test_retry_measures_the_named_metrics_and_keeps_the_others(data, tmp_path):
    folder, out = write(tmp_path / "P", stems("test", 3), 5), tmp_path / "out"
    first = zoo.score(folder, data=str(data), out=out, metrics="psnr,ssim,mae", device="cpu")
    path = first.folders[0] / "record.json"
    path.write_text(path.read_text().replace(f'"value": {first[0].scores[0].value}', '"value": 1.0', 1))
    assert values(read_record(path.parent))["psnr"] == 1.0
    (again, *_) = score(folder, out, data=str(data), metrics="psnr", retry=True)
    assert values(again) == values(first[0]) == values(read_record(first.folders[0]))
    assert any(note.startswith("psnr: scored") for note in again.notes)
    assert check_folder(out) == (3, [])


def test_retry_replaces_a_damaged_record(data, tmp_path):
    folder, out = write(tmp_path / "P", stems("test", 3), 5), tmp_path / "out"
    first = zoo.score(folder, data=str(data), out=out, baselines=False, device="cpu")
    (first.folders[0] / "record.json").write_text("{")
    with pytest.raises(DamagedError):
        score(folder, out, data=str(data), baselines=False)
    (again,) = score(folder, out, data=str(data), baselines=False, retry=True)
    assert values(again) == values(first[0])


def test_what_another_process_scored_in_between_is_kept(data, tmp_path, monkeypatch):
    folder, out = write(tmp_path / "P", stems("test", 3), 5), tmp_path / "out"
    options = {"data": str(data), "baselines": False}
    build, other = images.build_metrics, []

    def slowly(scorings):
        if not other:  # before this process holds the lease, another one scores the same run
            other.append(True)
            score(folder, out, metrics="psnr,ssim", **options)
        return build(scorings)

    monkeypatch.setattr(images, "build_metrics", slowly)
    (record,) = score(folder, out, metrics="mae", **options)
    assert values(record).keys() == {"psnr", "ssim", "mae"} == read_record(next(out.iterdir())).scored.keys()


def test_another_text_of_the_source_changes_the_record_and_makes_no_other_run(data, tmp_path):
    folder, out = write(tmp_path / "P", stems("test", 3), 5), tmp_path / "out"
    options = {"data": str(data), "baselines": False, "metrics": "psnr"}
    texts = [score(folder, out, **options, **given)[0].source for given in ({}, {"source": "x"}, {"source": "y"}, {})]
    assert texts == ["", "x", "y", "y"]
    (run,) = out.iterdir()
    assert read_record(run).source == "y" and check_folder(out) == (1, [])


def test_metrics_that_read_entries_apply_to_rectangles_and_not_to_pairs_of_several_sizes(data, tmp_path):
    options = {"data": str(data), "baselines": False, "metrics": "object_psnr"}
    folder = write(tmp_path / "P", stems("test", 3), 5)
    (record,) = score(folder, tmp_path / "out", **options)
    for index in range(3):
        fake, real = (np.asarray(Image.open(place / f"test{index}.png")) for place in (folder, data / "test/thermal"))
        expected = peak_signal_noise_ratio(real[2:18, 2:20], fake[2:18, 2:20], data_range=255)
        assert record.scores[0].per_image[f"test{index}"] == pytest.approx(expected, abs=1e-4)
    sizes, folder = [(20, 20), SHAPE, SHAPE], tmp_path / "mixed"
    for index, shape in enumerate(sizes):
        write(folder, [f"test{index}"], 5, shape)
    with pytest.raises(UsageError, match="Use `size`=N"):
        score(folder, tmp_path / "out", **options)


@pytest.fixture(scope="module")
def union(tmp_path_factory) -> str:
    """Two 8-bit datasets with other ranges; the images of the second have two sizes."""
    root = tmp_path_factory.mktemp("union")
    for name, high in (("a", 255.0), ("b", 127.0)):
        with DatasetWriter(root / name) as writer:
            writer.describe(name=name, source="made by the tests", thermal_high=high)
            for index in range(4):
                shape = (20, 20) if (name, index) == ("b", 3) else SHAPE
                visible = np.repeat(grey(index, shape)[..., None], 3, axis=2)
                thermal = (grey(index + 50, shape) * (high / 255)).astype(np.uint8)
                writer.add("train" if index < 2 else "test", f"{name}{index}", visible=visible, thermal=thermal)
    return f"{root / 'a'}+{root / 'b'}"


@pytest.mark.parametrize("size", [None, (24, 32)])
def test_images_of_a_union_are_compared_on_its_common_scale(union, tmp_path, size):
    folder = tmp_path / "P"
    tests = find_tests(union, "test", size=None, folder=folder)
    for entry in tests.files:
        levels = np.asarray(Image.open(entry.thermal))
        place = folder / f"{entry.stem}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        full = 127 if entry.thermal.stem.startswith("b") else 255
        Image.fromarray((levels.astype(float) * 255 / full).round().astype(np.uint8)).save(place)
    options = {"data": union, "size": size, "metrics": "psnr", "baselines": False}
    (record,) = score(folder, tmp_path / "out", pattern="{stem}", **options)
    assert len(record.scores[0].per_image) == 4 and min(record.scores[0].per_image.values()) > 45
    assert record.recipe.size == (size or 0)


@pytest.mark.parametrize("shape", [(24, 32), (32, 24), (32, 32)])
def test_a_synthetic_dataset_is_that_of_a_training_at_the_size_of_the_predictions(tmp_path, shape):
    spec = "scenes:train=1,test=2"
    found = find_tests(spec, "test", size=None, folder=write(tmp_path / "P", ["x"], 1, shape))
    size = shape[0] if shape[0] == shape[1] else shape
    assert found.source.fingerprint == open_source(spec, size=size).fingerprint


@pytest.mark.parametrize("size", ["12x16", (12, 16), [12, 16]])
def test_a_size_is_a_number_or_a_rectangle(data, tmp_path, size):
    folder = write(tmp_path / "P", stems("test", 3), 5)
    (record,) = score(folder, tmp_path / "out", data=str(data), size=size, baselines=False)
    assert record.recipe.size == (12, 16) and record.scores[0].protocol["resize"] == "12x16 bicubic"
    assert "--size 12x16" in record.command


def test_a_split_of_a_plain_folder_is_refused(data, tmp_path):
    folder = write(tmp_path / "P", stems("test", 3), 5)
    with pytest.raises(UsageError, match="plain folder without splits"):
        score(folder, tmp_path / "out", real=data / "test" / "thermal", split="validation")


def test_a_dataset_cannot_declare_the_entry_of_predictions(data, tmp_path):
    described = msgspec.json.decode((data / "dataset.json").read_bytes())
    described["entries"][0]["name"] = "prediction"
    (tmp_path / "dataset.json").write_bytes(msgspec.json.encode(described))
    with pytest.raises(DataError, match="'prediction' has a name that zoo uses itself"):
        read_info(tmp_path)
