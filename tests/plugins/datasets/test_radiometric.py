"""Degrees out of 16-bit files with a stated scale, and out of FLIR JPEGs put together here byte by byte."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from zoo.data.check import check
from zoo.data.images import read_thermal, read_visible
from zoo.data.layout import DatasetInfo, list_split
from zoo.data.registration import estimate_shift
from zoo.data.writer import materialize
from zoo.errors import DataError, UsageError
from zoo_plugins.datasets.config import RadiometricConfig
from zoo_plugins.datasets.flir_jpeg import camera_of, read_flir_jpeg
from zoo_plugins.datasets.radiometric import Radiometric

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
RNG = np.random.default_rng(0)
PLANCK = {"r1": 16556.0, "b": 1428.0, "f": 1.0, "o": -207, "r2": 0.0449}


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _import(source: Path, **options: object) -> tuple[Path, DatasetInfo]:
    dst = source.parent / f"dst{len(list(source.parent.iterdir()))}"
    return dst, materialize(Radiometric(RadiometricConfig(**options)), dst, source)


def _record(image: bytes, width: int, height: int) -> bytes:
    return struct.pack("<HHH26x", 0, width, height) + image


def _flir_jpeg(
    path: Path, counts: np.ndarray, visible: np.ndarray, real_to_ir: float, move: tuple[int, int], model: str = ""
) -> None:
    """Write a JPEG whose APP1 segment has FLIR's records of counts, camera, second picture and alignment."""
    camera = bytearray(1000)
    struct.pack_into("<6f", camera, 32, 1.0, 0.0, 293.15, 293.15, 293.15, 1.0)  # a black body at no distance
    struct.pack_into("<3f", camera, 88, PLANCK["r1"], PLANCK["b"], PLANCK["f"])
    struct.pack_into("<i f", camera, 776, PLANCK["o"], PLANCK["r2"])
    second = io.BytesIO()
    Image.fromarray(visible).save(second, "PNG")
    records = {
        1: _record(counts.astype("<u2").tobytes(), counts.shape[1], counts.shape[0]),
        32: bytes(camera),
        14: _record(second.getvalue(), visible.shape[1], visible.shape[0]),
        42: struct.pack("<f6h", real_to_ir, *move, 0, 0, 0, 0) + bytes(16),
    }
    start = 64 + 32 * len(records)
    table, body = b"", b""
    for kind, content in records.items():
        table += struct.pack(">HHIIII12x", kind, 1, 100, 1, start + len(body), len(content))
        body += content
    header = b"FFF\0" + b"MTX IR\0".ljust(16, b"\0") + struct.pack(">III", 100, 64, len(records) + 2)
    flir = header.ljust(64, b"\0") + table + body
    assert len(flir) < 65000
    shown = io.BytesIO()
    exif = Image.Exif()
    if model:
        exif[ExifTags.Base.Model] = model
    Image.fromarray(visible).save(shown, "JPEG", exif=exif)
    segment = b"\xff\xe1" + struct.pack(">H", len(flir) + 10) + b"FLIR\0\x01\0\0" + flir
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(shown.getvalue()[:2] + segment + shown.getvalue()[2:])


def test_a_stated_scale_turns_counts_into_degrees(tmp_path: Path) -> None:
    counts = RNG.integers(7000, 8000, (5, 6, 7)).astype(np.uint16)
    for i, suffix in enumerate((".tiff", ".TIF", ".png", ".PNG", ".tiff")):
        _save(tmp_path / f"src/thermal/{i}{suffix}", counts[i])
        _save(tmp_path / f"src/visible/{i}.jpg", RNG.integers(0, 256, (6, 7, 3)).astype(np.uint8))
    _save(tmp_path / "src/thermal/grey.png", counts[0].astype(np.uint8))
    _save(tmp_path / "src/visible/lonely.png", counts[0].astype(np.uint8))
    (tmp_path / "src/visible/5.jpg").write_bytes(b"x")
    _save(tmp_path / "src/thermal/6.tiff", counts[0][:3])
    _save(tmp_path / "src/visible/6.jpg", RNG.integers(0, 256, (6, 7, 3)).astype(np.uint8))
    (tmp_path / "src/thermal/Thumbs.db").write_bytes(b"x")
    root, info = _import(tmp_path / "src", celsius_per_count=0.04)
    assert (info.unit, info.thermal_bits, info.splits) == ("celsius", 32, {"train": 4, "test": 1})
    for split in ("train", "test"):
        for entry in list_split(root, split):
            want = counts[int(entry.stem)] * 0.04 - 273.15
            np.testing.assert_allclose(read_thermal(entry.thermal), want, atol=1e-4)
    reasons = {item.name: item.reason for item in info.left_out}
    assert "8 bits, which hold no degrees" in reasons["thermal/grey.png"]
    assert "differ in size" in reasons["thermal/6.tiff"]
    assert reasons["visible/lonely.png"] == reasons["visible/5.jpg"] == "no thermal partner"
    assert check(root) == []


def test_counts_without_a_scale_end_the_import(tmp_path: Path) -> None:
    for name in ("thermal", "visible"):
        _save(tmp_path / f"src/{name}/0.png", np.full((4, 5), 7000, np.uint16))
    with pytest.raises(UsageError, match=r"no scale is stated.*celsius_per_count=0.04"):
        _import(tmp_path / "src")


def test_a_flir_jpeg_gives_degrees_by_plancks_law_and_the_part_it_shows(tmp_path: Path) -> None:
    pytest.importorskip("flyr")
    counts = RNG.integers(13000, 16000, (12, 16))
    visible = np.zeros((48, 64, 3), np.uint8)
    visible[12 + 3 : 36 + 3, 16 + 2 : 48 + 2] = 200
    _flir_jpeg(tmp_path / "src/thermal/a.jpg", counts, visible, real_to_ir=2.0, move=(2, 3))
    found = read_flir_jpeg(tmp_path / "src/thermal/a.jpg")
    kelvin = PLANCK["b"] / np.log(PLANCK["r1"] / (PLANCK["r2"] * (counts + PLANCK["o"])) + PLANCK["f"])
    np.testing.assert_allclose(found.celsius, kelvin - 273.15, atol=1e-3)
    np.testing.assert_array_equal(found.visible, visible)
    _flir_jpeg(tmp_path / "src/thermal/b.JPG", counts, visible, real_to_ir=2.0, move=(2, 3))
    root, info = _import(tmp_path / "src")
    assert info.splits == {"train": 1, "test": 1}
    shown = read_visible(list_split(root, "train")[0].visible)
    assert shown.shape == (12, 16, 3)
    assert (np.abs(shown[1:-1, 1:-1].astype(int) - 200) < 6).all()


def test_a_jpeg_without_degrees_is_left_out_and_an_own_visible_image_goes_first(tmp_path: Path) -> None:
    pytest.importorskip("flyr")
    visible = np.full((24, 32, 3), 90, np.uint8)
    for name in ("a", "b"):
        _flir_jpeg(tmp_path / f"src/thermal/{name}.jpg", RNG.integers(13000, 16000, (12, 16)), visible, 1.5, (0, 0))
        _save(tmp_path / f"src/visible/{name}.png", np.full((12, 16, 3), 30, np.uint8))
    _save(tmp_path / "src/thermal/plain.jpg", visible)
    root, info = _import(tmp_path / "src")
    assert [item.name for item in info.left_out] == ["thermal/plain.jpg"]
    assert "no radiometric data" in info.left_out[0].reason
    assert (read_visible(list_split(root, "train")[0].visible) == 30).all()


def test_without_flyr_the_way_to_get_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flyr", None)
    _save(tmp_path / "src/thermal/a.jpg", np.zeros((4, 4), np.uint8))
    with pytest.raises(UsageError, match=r"pip install 'thermal-zoo\[radiometric\]'"):
        _import(tmp_path / "src")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("flyr")
    with pytest.raises(DataError, match="does not exist"):
        read_flir_jpeg(tmp_path / "none.jpg")


SIZE = (96, 128)  # of the thermal image
RATIO, MOVE = 1.5, (6, 30)  # what the synthetic files state, in pixels of the photo of twice that size


def _scene(path: Path, model: str, *, moved: bool, seed: int = 0, edges: bool = True) -> None:
    """Write a file whose degrees lie in its photo where the offsets say, or in the middle whatever they say."""
    rng = np.random.default_rng(seed)
    height, width = (2 * side for side in SIZE)
    photo = np.full((height, width), 90, np.uint8)
    for _ in range(60 * edges):
        y, x, h, w = rng.integers(0, height), rng.integers(0, width), *rng.integers(8, 50, 2)
        photo[y : y + h, x : x + w] = rng.integers(0, 256)
    top, left = ((side - side / RATIO) / 2 for side in photo.shape)
    box = np.array([left, top, left + width / RATIO, top + height / RATIO]) + np.array([*MOVE, *MOVE]) * moved
    part = Image.fromarray(photo).resize((SIZE[1], SIZE[0]), Image.Resampling.BOX, box=tuple(box))
    warmth = (rng.permutation(256)[np.asarray(part) // 16] * 10).astype(np.int64)  # another brightness for every grey
    _flir_jpeg(path, 13000 + warmth, photo[..., None].repeat(3, 2), RATIO, MOVE, model)


def _shifts(root: Path) -> dict[str, float]:
    """Return how far each pair is shifted, measured in the set that was written."""
    entries = [entry for split in ("train", "test") for entry in list_split(root, split)]
    found = {entry.stem: estimate_shift(read_visible(entry.visible), read_thermal(entry.thermal)) for entry in entries}
    return {stem: shift.length for stem, shift in found.items() if shift}


def test_the_offsets_of_each_camera_are_applied_only_where_edges_agree(tmp_path: Path) -> None:
    pytest.importorskip("flyr")
    for number in range(3):
        _scene(tmp_path / f"src/thermal/true{number}.jpg", "Honest 1", moved=True, seed=number)
        _scene(tmp_path / f"src/thermal/false{number}.jpg", "Edge 2", moved=False, seed=10 + number)
    _scene(tmp_path / "src/thermal/flat.jpg", "Edge 2", moved=False, edges=False)
    _scene(tmp_path / "src/thermal/unnamed.jpg", "", moved=True, seed=20)
    root, info = _import(tmp_path / "src")
    shifts = _shifts(root)
    assert sorted(shifts) == ["false0", "false1", "false2", "true0", "true1", "true2", "unnamed"]
    assert max(shifts.values()) <= 2
    notes = {note.partition(":")[0]: note for note in info.notes}
    assert "offsets are applied" in notes["Honest 1"] and "3 files" in notes["Honest 1"]
    assert "offsets are left out" in notes["Edge 2"] and "3 files" in notes["Edge 2"]
    assert "offsets are applied" in notes["unnamed.jpg"]


def test_without_edges_the_offsets_are_applied_as_stated(tmp_path: Path) -> None:
    pytest.importorskip("flyr")
    for number in range(4):
        _scene(tmp_path / f"src/thermal/{number}.jpg", "Flat 3", moved=True, edges=False, seed=number)
    _, info = _import(tmp_path / "src")
    assert info.notes == ("Flat 3: the photo's offsets are applied, as stated, since no file has edges to compare",)


def test_a_file_that_flyr_cannot_read_is_named_with_its_camera_and_costs_no_other(tmp_path: Path) -> None:
    pytest.importorskip("flyr")
    for number in range(4):
        _scene(tmp_path / f"src/thermal/{number}.jpg", "Honest 1", moved=True, seed=number)
    whole = (tmp_path / "src/thermal/0.jpg").read_bytes()
    place = whole.index(b"FFF\0") + 64  # the first entry of the table of records
    (tmp_path / "src/thermal/0.jpg").write_bytes(whole[:place] + bytes(32) + whole[place + 32 :])
    assert camera_of(tmp_path / "src/thermal/0.jpg") == "Honest 1"
    _, info = _import(tmp_path / "src")
    assert sum(info.splits.values()) == 3
    (item,) = info.left_out
    assert item.name == "thermal/0.jpg"
    assert "0.jpg` of Honest 1 holds no radiometric data that flyr can read" in item.reason


@pytest.mark.skipif(not SHARED.is_dir(), reason="the FLIR files are not here")
def test_real_flir_files_are_registered_or_named(tmp_path: Path) -> None:
    pytest.importorskip("flyr")
    (tmp_path / "src/thermal").mkdir(parents=True)
    pairs = sorted((SHARED / "radiometric_pairs").glob("*/thermal.jpg"))
    others = sorted((SHARED / "radiometric_files").glob("*.jpg"))
    for path in pairs:
        (tmp_path / f"src/thermal/{path.parent.name}.jpg").symlink_to(path)
    for path in others:
        (tmp_path / f"src/thermal/{path.name}").symlink_to(path)
    root, info = _import(tmp_path / "src")
    edge = next(note for note in info.notes if "FLIR ONE Edge Pro" in note)
    assert "offsets are left out" in edge
    assert all("offsets are applied" in note for note in info.notes if note != edge)
    stems = {entry.stem for split in ("train", "test") for entry in list_split(root, split)}
    assert {path.parent.name for path in pairs} <= stems
    assert len(stems) + len(info.left_out) == len(pairs) + len(others)
    shifts = _shifts(root)
    assert max(shifts[path.parent.name] for path in pairs) < 17  # of 640 rows; 32 to 42 with the offsets
    for item in info.left_out:
        assert camera_of(tmp_path / f"src/{item.name}") in item.reason
