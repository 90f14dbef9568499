"""Files of 16 bits in grey and colours, ranges of fewer bits, and images above Pillow's limit."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from zoo.data import images
from zoo.data.images import header_size, read_labels, read_thermal, read_visible, to_bytes
from zoo.data.layout import read_info
from zoo.data.store import PairStore
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's colour type by the number of channels."""
EIGHT = np.random.default_rng(0).integers(0, 256, (6, 9, 4), dtype=np.uint8)
EIGHT[0, 0] = 255


@pytest.fixture(autouse=True)
def _nothing_logged(monkeypatch):
    monkeypatch.setattr(images, "_logged", set())


def png16(path: Path, pixels: np.ndarray) -> Path:
    """Write a PNG of 16 bits by hand: Pillow writes none in colour."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, COLOURS[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_visible_png_of_16_bits_shows_what_the_camera_saw(tmp_path: Path, bits: int, channels: int) -> None:
    path = png16(tmp_path / "a.png", EIGHT[..., :channels].astype(np.uint16) << (bits - 8))
    expected = EIGHT[..., :3] if channels > 2 else np.repeat(EIGHT[..., :1], 3, axis=2)
    np.testing.assert_array_equal(read_visible(path), expected)


@pytest.mark.parametrize(
    "asked", [{}, {"compression": "zlib"}, {"byteorder": ">"}, {"byteorder": ">", "compression": "zlib"}]
)
def test_a_visible_tiff_of_12_bits_in_16_is_not_black(tmp_path: Path, asked: dict[str, str]) -> None:
    wide = EIGHT[..., :3].astype(f"{asked.get('byteorder', '<')}u2") << 4
    tifffile.imwrite(tmp_path / "a.tif", wide, photometric="rgb", **asked)
    np.testing.assert_array_equal(read_visible(tmp_path / "a.tif"), EIGHT[..., :3])


def test_16_bit_channels_in_planes_are_refused(tmp_path: Path) -> None:
    planes = np.ascontiguousarray(EIGHT[..., :3].astype(np.uint16).transpose(2, 0, 1))
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    with pytest.raises(DataError, match=r"a\.tif.*separate planes, which are not read. Save it as PNG"):
        read_visible(tmp_path / "a.tif")


def test_the_chosen_range_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            to_bytes(np.array([[0, 4095]], np.uint16))
            to_bytes(np.array([[0, 65535]], np.uint16))
    assert caplog.messages == [
        "16-bit visible images with all values below 4096 are read as 12-bit: 4095 becomes white"
    ]


def test_an_image_without_light_stays_black() -> None:
    assert to_bytes(np.zeros((2, 2), np.uint16)).max() == 0


def test_a_thermal_image_of_three_equal_16_bit_channels_keeps_its_bits(tmp_path: Path) -> None:
    counts = np.random.default_rng(1).integers(7000, 9000, (6, 9, 1)).astype(np.uint16)
    path = png16(tmp_path / "a.png", counts.repeat(3, 2))
    np.testing.assert_array_equal(read_thermal(path), counts[..., 0])
    with pytest.raises(DataError, match="false colours"):
        read_thermal(png16(path, EIGHT[..., :3].astype(np.uint16) << 8))


def test_arrays_with_one_channel_are_read_and_written_as_those_without(tmp_path: Path) -> None:
    degrees = np.random.default_rng(2).normal(10, 20, (5, 7, 1)).astype(np.float32)
    np.save(tmp_path / "a.npy", degrees)
    np.testing.assert_array_equal(read_thermal(tmp_path / "a.npy"), degrees[..., 0])
    assert header_size(tmp_path / "a.npy") == (5, 7)
    labels = np.zeros((5, 7, 1), np.int64)
    visible = np.zeros((5, 7, 3), np.uint8)
    with DatasetWriter(tmp_path / "set") as writer:
        writer.describe(name="x", classes=("one",), unit="celsius", thermal_low=-50, thermal_high=70)
        for split in ("train", "test"):
            writer.add(split, "a", visible=visible, thermal=degrees, labels=labels, celsius=degrees)
    np.testing.assert_array_equal(read_thermal(tmp_path / "set/train/thermal/a.npy"), degrees[..., 0])
    assert read_labels(tmp_path / "set/test/labels/a.png").shape == (5, 7)


@pytest.mark.parametrize("unpaired", [False, True])
def test_counts_without_a_stated_range_spread_over_the_networks_range(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, unpaired: bool
) -> None:
    visible, counts = np.zeros((8, 8, 3), np.uint8), np.linspace(500, 4095, 64).reshape(8, 8).astype(np.uint16)
    with DatasetWriter(tmp_path / "set") as writer, caplog.at_level(logging.WARNING):
        writer.describe(name="counts")
        for split, scale in (("train", 1), ("test", 2)):
            if unpaired:
                writer.add_visible(split, "v", visible)
                writer.add_thermal(split, "a", counts * scale)
            else:
                writer.add(split, "a", visible=visible, thermal=counts * scale)
    info = read_info(tmp_path / "set")
    assert (info.thermal_low, info.thermal_high) == (500, 4095)
    store = PairStore.open(tmp_path / "set", "train", size=8, device="cpu")
    thermal = store.thermal.float()
    assert (thermal.min(), thermal.max()) == (500, 4095)
    assert "counts states no thermal range; its training images have 500 to 4095, which is used" in caplog.text


def test_a_stated_range_and_8_bits_stay_as_they_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    visible = np.zeros((8, 8, 3), np.uint8)
    wide = {"thermal": np.full((8, 8), 700, np.uint16), "thermal_low": 0, "thermal_high": 4095}
    usual = {"thermal": np.full((8, 8), 7, np.uint8)}
    for name, asked, expected in (("wide", wide, (0, 4095)), ("usual", usual, (0, 255))):
        thermal = asked.pop("thermal")
        with DatasetWriter(tmp_path / name) as writer:
            writer.describe(name=name, **asked)
            for split in ("train", "test"):
                writer.add(split, "a", visible=visible, thermal=thermal)
        info = read_info(tmp_path / name)
        assert (info.thermal_low, info.thermal_high) == expected
    assert not caplog.records


@pytest.mark.parametrize("reader", [read_visible, read_labels])
def test_an_image_above_pillows_limit_is_refused_with_the_way_out_or_read(tmp_path: Path, monkeypatch, reader) -> None:
    Image.fromarray(EIGHT[..., 0]).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(DataError, match=r"a\.png` has 9x6 pixels, more than .*use `tile`=1024") as caught:
        reader(tmp_path / "a.png")
    assert "replace" not in str(caught.value).lower()
    assert reader(tmp_path / "a.png", any_size=True).shape[:2] == (6, 9)
    assert Image.MAX_IMAGE_PIXELS == 20
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert reader(tmp_path / "a.png").shape[:2] == (6, 9)


def test_images_between_pillows_warning_and_its_limit_are_read_silently(tmp_path: Path, monkeypatch, recwarn) -> None:
    Image.fromarray(EIGHT[..., 0]).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    assert read_visible(tmp_path / "a.png").shape == (6, 9, 3)
    assert not recwarn.list


def test_a_palette_with_transparency_gives_its_colours_without_a_warning(tmp_path: Path, recwarn) -> None:
    image = Image.fromarray(EIGHT[..., :3]).convert("P")
    image.save(tmp_path / "a.png", transparency=bytes(range(256)))
    np.testing.assert_array_equal(read_visible(tmp_path / "a.png"), np.asarray(image.convert("RGB")))
    assert not recwarn.list


def test_of_several_frames_the_first_is_read(tmp_path: Path) -> None:
    first = Image.fromarray(EIGHT[..., :3])
    first.save(tmp_path / "a.png", save_all=True, append_images=[first.rotate(180)])
    np.testing.assert_array_equal(read_visible(tmp_path / "a.png"), EIGHT[..., :3])


@pytest.mark.parametrize(("content", "reason"), [(b"", "it is empty"), (b"not an image", "unknown format")])
def test_what_is_no_image_is_said_without_its_name_twice(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a\x1b]52.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        read_visible(path)
    assert str(caught.value).count("52.png") == 1
