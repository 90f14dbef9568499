"""Decoding, against arrays that were written by hand."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from zoo.data.images import header_size, read_celsius, read_labels, read_thermal, read_visible, stored_bits
from zoo.errors import DataError


def _rgb(height: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_visible_png_is_read_exactly(tmp_path: Path) -> None:
    Image.fromarray(_rgb()).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_visible(tmp_path / "a.png"), _rgb())


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK"])
def test_visible_of_any_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.fromarray(_rgb()).convert(mode).save(path)
    image = read_visible(path)
    assert image.shape == (5, 7, 3)
    assert image.dtype == np.uint8
    if mode == "L":
        assert (image[..., 0] == image[..., 2]).all()


def test_visible_16_bit_grey_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 256, 65535]], np.uint16)).save(tmp_path / "a.png")
    assert read_visible(tmp_path / "a.png")[0, :, 1].tolist() == [0, 1, 255]


@pytest.mark.parametrize("reader", [read_visible, read_thermal])
def test_exif_orientation_is_applied(tmp_path: Path, reader) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    pixels = _rgb() if reader is read_visible else _rgb()[..., 0]
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(reader(tmp_path / "a.png"), np.rot90(pixels, -1))
    assert header_size(tmp_path / "a.png") == (7, 5)


def test_thermal_keeps_every_bit(tmp_path: Path) -> None:
    counts = np.random.default_rng(2).integers(0, 65536, (5, 7)).astype(np.uint16)
    degrees = np.random.default_rng(2).normal(10, 20, (5, 7)).astype(np.float32)
    Image.fromarray(counts).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "b.tiff", counts)
    tifffile.imwrite(tmp_path / "c.tif", counts.astype(">u2"), byteorder=">")
    tifffile.imwrite(tmp_path / "d.TIF", degrees)
    np.save(tmp_path / "e.npy", degrees.astype(np.float64))
    for name in ("a.png", "b.tiff", "c.tif"):
        image = read_thermal(tmp_path / name)
        assert image.dtype == np.uint16
        np.testing.assert_array_equal(image, counts)
    for name in ("d.TIF", "e.npy"):
        image = read_thermal(tmp_path / name)
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, degrees)


def test_grey_jpeg_of_three_channels_becomes_one(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1))
    Image.fromarray(ramp).convert("RGB").save(tmp_path / "a.jpg", quality=95)
    image = read_thermal(tmp_path / "a.jpg")
    assert image.shape == ramp.shape
    assert np.abs(image.astype(int) - ramp).max() <= 2


def test_false_colours_are_refused(tmp_path: Path) -> None:
    Image.fromarray(_rgb()).save(tmp_path / "iron.png")
    with pytest.raises(DataError, match=r"iron\.png.*false colours"):
        read_thermal(tmp_path / "iron.png")


def test_labels_of_a_palette_image_are_its_indices(tmp_path: Path) -> None:
    indices = np.array([[0, 1], [2, 1]], np.uint8)
    image = Image.fromarray(indices)
    image.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0])  # makes it an image of mode P
    assert image.mode == "P"
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), indices)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".npy"])
def test_a_truncated_file_is_named_in_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut{suffix}"
    pixels = np.random.default_rng(3).integers(0, 256, (64, 64)).astype(np.uint8)
    np.save(path, pixels) if suffix == ".npy" else Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DataError) as caught:
        read_thermal(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not an image"])
@pytest.mark.parametrize("reader", [read_visible, read_thermal, read_labels, read_celsius, header_size])
@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_rubbish_is_named_in_one_line(tmp_path: Path, content: bytes, reader, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        reader(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pickled_npy_is_not_executed(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be decoded"):
        read_thermal(tmp_path / "a.npy")


@pytest.mark.parametrize("values", [np.ones((2, 2, 2), np.float32), np.full((2, 2), np.nan, np.float32)])
def test_degrees_must_be_a_finite_map(tmp_path: Path, values: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(DataError, match=r"a\.npy"):
        read_celsius(tmp_path / "a.npy")


def _lying_npy(path: Path, shape: tuple[int, ...]) -> None:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117)
    path.write_bytes(b"\x93NUMPY\x01\x00v\x00" + header.encode() + b"\n" + bytes(64))


@pytest.mark.parametrize("read", [read_thermal, read_celsius, header_size, stored_bits])
def test_an_array_file_whose_header_claims_more_than_it_holds_is_one_line(tmp_path: Path, read) -> None:
    _lying_npy(tmp_path / "a.npy", (1000000, 1000000))
    with pytest.raises(DataError, match=r"a\.npy` cannot be decoded") as caught:
        read(tmp_path / "a.npy")
    assert "\n" not in str(caught.value)


def test_a_sparse_array_file_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    _lying_npy(tmp_path / "a.npy", (20000, 20000))
    with (tmp_path / "a.npy").open("r+b") as file:
        file.truncate(128 + 4 * 20000 * 20000)
    with pytest.raises(DataError, match="400000000 values, and the limit is 178956970"):
        read_thermal(tmp_path / "a.npy")


def test_a_pickle_named_npy_is_refused_without_advice_to_execute_it(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"\x80\x04N.")
    with pytest.raises(DataError, match="it is not an NPY file") as caught:
        read_thermal(tmp_path / "a.npy")
    assert "allow_pickle" not in str(caught.value)


@pytest.mark.parametrize("read", [read_visible, read_thermal, read_labels])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_a_decompression_bomb_is_one_line_whatever_it_is_read_as(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read, suffix: str
) -> None:
    Image.new("L", (64, 64)).save(tmp_path / f"a{suffix}")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match=r"more than the .* million"):
        read(tmp_path / f"a{suffix}")


@pytest.mark.parametrize(
    ("error", "reason"),
    [(MemoryError(), "more memory than there is"), (ValueError("conversion not supported"), "not supported")],
)
def test_a_conversion_that_fails_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Image.Image, "convert", fail)
    for read in (read_visible, read_thermal):
        with pytest.raises(DataError, match=rf"a\.png` cannot be decoded: .*{reason}"):
            read(tmp_path / "a.png")


def test_a_dangling_link_is_named_as_one(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("nowhere")
    with pytest.raises(DataError, match="is a link to a file that does not exist"):
        read_visible(tmp_path / "a.png")


@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 16), (np.float32, 32)])
@pytest.mark.parametrize("suffix", [".npy", ".tiff"])
def test_the_depth_is_told_from_the_header(tmp_path: Path, dtype: type, bits: int, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    pixels = np.arange(12).reshape(3, 4).astype(dtype)
    np.save(path, pixels) if suffix == ".npy" else Image.fromarray(pixels).save(path)
    assert stored_bits(path) == bits == 8 * read_thermal(path).dtype.itemsize
    if suffix == ".npy":
        np.save(path, pixels.astype(pixels.dtype.newbyteorder(">")))
        np.testing.assert_array_equal(read_thermal(path), pixels)


def test_headers_of_arrays_are_parsed_in_one_thread_at_a_time(tmp_path, monkeypatch):
    # CPython 3.11 fails now and then where two threads parse literals, as NumPy does with a header.
    inside, most, load = [], [], np.load

    def slow(*arguments, **options):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.005)
        inside.pop()
        return load(*arguments, **options)

    monkeypatch.setattr(np, "load", slow)
    path = tmp_path / "a.npy"
    np.save(path, np.full((4, 5), 21.5, np.float32))
    with ThreadPoolExecutor(8) as pool:
        arrays = list(pool.map(read_thermal, [path] * 24))
        assert set(pool.map(header_size, [path] * 24)) == {(4, 5)}
    assert max(most) == 1 and all(np.array_equal(array, arrays[0]) for array in arrays)
