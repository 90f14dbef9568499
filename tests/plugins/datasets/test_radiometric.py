"""Degrees out of 16-bit files with a stated scale, and out of FLIR JPEGs put together here byte by byte."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data.check import check
from zoo.data.images import read_thermal, read_visible
from zoo.data.layout import DatasetInfo, list_split
from zoo.data.radiometric import read_flir_jpeg
from zoo.data.writer import materialize
from zoo.errors import DataError, UsageError
from zoo_plugins.datasets.config import RadiometricConfig
from zoo_plugins.datasets.radiometric import Radiometric

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


def _flir_jpeg(path: Path, counts: np.ndarray, visible: np.ndarray, real_to_ir: float, move: tuple[int, int]) -> None:
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
    Image.fromarray(visible).save(shown, "JPEG")
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
