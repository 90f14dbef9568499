"""Tiny sources in the published layouts, for `zoo check`: what each importer looks for, with noise in place of images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]
HEIGHT, WIDTH = 24, 32
PAIRS = 12


def roadscene(folder: Path) -> None:
    """Write pairs of equal names in two folders."""
    _pairs(folder / "crop_LR_visible", folder / "cropinfrared", _names("FLIR_{:05}.jpg", 30))


def osu(folder: Path) -> None:
    """Write six sequences, each a folder of thermal and one of colour images."""
    for sequence in "123456":
        _pairs(folder / f"{sequence}b", folder / f"{sequence}a", _names("img_{:05}.bmp", 2))


def flir(folder: Path) -> None:
    """Write both halves of version 1."""
    for half in ("train", "val"):
        _pairs(folder / half / "RGB", folder / half / "thermal_8_bit", _names("FLIR_{:05}.jpg", 3))


def thermalworld(folder: Path) -> None:
    """Write a VOC tree with degrees, two cars side by side in each image."""
    objects = np.zeros((HEIGHT, WIDTH), np.uint8)
    objects[4:14, 4:14], objects[4:14, 14:24] = 1, 2
    for name in _names("{:03}", PAIRS):
        _save(folder / f"ColorImages/{name}.jpg", _noise(name, 3))
        _save(folder / f"ThermalImages/{name}.npy", np.choose(objects, [8, 25, 45]) + _noise(name) / np.float32(255))
        _save(folder / f"SegmentationClass/{name}.png", (objects > 0).astype(np.uint8))
        _save(folder / f"SegmentationObject/{name}.png", objects)


def llvip(folder: Path) -> None:
    """Write both halves under each camera."""
    for half in ("train", "test"):
        _pairs(folder / "visible" / half, folder / "infrared" / half, _names("{:06}.jpg", 3))


def kaist(folder: Path) -> None:
    """Write a video of 21 frames in a set of the training half and in one of the test half."""
    for half in ("set00", "set06"):
        video = folder / half / "V000"
        _pairs(video / "visible", video / "lwir", _names("I{:05}.jpg", 21))


def msrs(folder: Path) -> None:
    """Write both halves with labels."""
    for half in ("train", "test"):
        names = _names("{:05}D.png", 3)
        _pairs(folder / half / "vi", folder / half / "ir", names)
        for name in names:
            _save(folder / half / "Segmentation_labels" / name, _noise(name) // 32)


def m3fd(folder: Path) -> None:
    """Write pairs in two folders, numbered as frames of a video are."""
    _pairs(folder / "Vis", folder / "Ir", _names("{:05}.png", PAIRS))


def aviid(folder: Path) -> None:
    """Write pairs in the folders of the CycleGAN code."""
    for half in ("train", "test"):
        _pairs(folder / f"{half}A", folder / f"{half}B", _names("{:04}.png", 3))


def vedai(folder: Path) -> None:
    """Write pairs around the first test id in one folder, each with a vehicle."""
    for number in range(997, 1003):
        _save(folder / f"Vehicules512/{number:08}_co.png", _noise(f"co{number}", 3))
        _save(folder / f"Vehicules512/{number:08}_ir.png", _noise(f"ir{number}"))
        _text(folder / f"Annotations512/{number:08}.txt", "10 9 0.5 1 1 0 5 15 16 6 4 5 13 12")


def niicu(folder: Path) -> None:
    """Write both halves, the visible images twice as large, each with a person whom both cameras see."""
    images = folder / "4-channel/images"
    for half in ("train", "val"):
        for name in _names("{:03}", 3):
            _save(images / f"rgb/{half}/{name}.jpg", np.repeat(np.repeat(_noise(name, 3), 2, 0), 2, 1))
            _save(images / f"thermal/{half}/{name}.jpg", _noise(f"t{name}"))
            _text(folder / f"4-channel/labels/{half}/{name}.txt", "10\t12\t20\t40\t0\t0\t0")


def freiburg(folder: Path) -> None:
    """Write a drive by day and one by night of each half, whose thermal files hold 16-bit counts."""
    for time in ("day", "night"):
        part, test = folder / f"train/seq_00_{time}/00", folder / f"test/seq_{time}"
        for name in ("1570_123456780", "1571_123456791"):
            counts = 22000 + _noise(name).astype(np.uint16)
            _save(part / f"fl_rgb/fl_rgb_{name}.png", _noise(name, 3))
            _save(part / f"fl_ir_aligned/fl_ir_aligned_{name}.png", counts)
            _save(test / f"ImagesRGB/{name}_rgb.png", _noise(f"test{name}", 3))
            _save(test / f"ImagesIR/{name[:-1]}_ir.png", counts)


def cvc14(folder: Path) -> None:
    """Write moments by day and night of each half, each with a pedestrian in the thermal image."""
    for time, half in ((time, half) for time in ("Day", "Night") for half in ("Train", "NewTest")):
        for name in _names("2014_05_05_17_29_23_{:06}", 2):
            for camera in ("Visible", "FIR"):
                _save(
                    folder / time / camera / half / "FramesPos" / f"{name}.tif", _noise(f"{time}{camera}{half}{name}")
                )
            _text(folder / time / "FIR" / half / "Annotations" / f"{name}.txt", "10  8 4 9 1 0 0 0 0 1 0")


def irvi(folder: Path) -> None:
    """Write training files of three frames side by side and test files of one, of a subset."""
    for half, width in (("train", 3 * HEIGHT), ("test", HEIGHT)):
        for name in _names("{:04}.png", 2):
            _save(folder / f"Traffic/{half}A/{name}", _noise(f"a{name}", size=(HEIGHT, width)))
            _save(folder / f"Traffic/{half}B/{name}", _noise(f"b{name}", 3, size=(HEIGHT, width)))


def radiometric(folder: Path) -> None:
    """Write pairs whose thermal files count in 16 bits."""
    for name in _names("{:03}.png", PAIRS):
        _save(folder / "visible" / name, _noise(name, 3))
        _save(folder / "thermal" / name, 7000 + _noise(name).astype(np.uint16))


def pairs(folder: Path) -> None:
    """Write pairs in two folders, without a split."""
    _pairs(folder / "vi", folder / "ir", _names("{:03}.png", PAIRS))


def cyclegan(folder: Path) -> None:
    """Write unpaired images, more of one kind than of the other."""
    for half in ("train", "test"):
        _images(folder / f"{half}A", _names("{:03}.jpg", 3), channels=3)
        _images(folder / f"{half}B", _names("{:03}.jpg", 2), channels=1)


def aligned(folder: Path) -> None:
    """Write pairs side by side."""
    for half in ("train", "test"):
        for name in _names("{:03}.jpg", 3):
            grey = np.repeat(_noise(name)[..., None], 3, axis=-1)
            _save(folder / half / name, np.concatenate([_noise(name, 3), grey], axis=1))


def _pairs(visible: Path, thermal: Path, names: Iterable[str]) -> None:
    names = list(names)
    _images(visible, names, channels=3)
    _images(thermal, names, channels=1)


def _images(folder: Path, names: Iterable[str], *, channels: int) -> None:
    for name in names:
        _save(folder / name, _noise(f"{folder.name}/{name}", channels))


def _names(form: str, count: int) -> list[str]:
    return [form.format(number) for number in range(count)]


def _noise(name: str, channels: int = 1, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Array:
    """Return uint8 noise [H, W] or with channels behind, the same for the same name."""
    shape = (*size, channels) if channels > 1 else size
    return np.random.default_rng(list(name.encode())).integers(0, 256, shape, dtype=np.uint8)


def _save(path: Path, pixels: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixels.dtype.kind == "f":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path)


def _text(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{line}\n")
