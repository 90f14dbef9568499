"""`zoo translate`: depths, degrees, colors, labels and tiles of images, and requests that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

import zoo
from zoo.cli.main import app
from zoo.errors import DataError, UsageError

from .conftest import typed


def test_a_folder_in_16_bits(warm, photos, tmp_path):
    pairs = json.loads(typed("translate", photos, "--model", warm, "-o", tmp_path / "out", "--depth", "16", "--json"))
    assert [Path(pair["thermal"]).name for pair in pairs] == ["a.png", "b.png"]
    pixels = np.asarray(Image.open(tmp_path / "out" / "a.png"))
    assert pixels.dtype == np.uint16 and pixels.shape == (40, 256)
    assert np.abs(pixels[0] - np.arange(256) * 257.0).max() <= 1


@pytest.mark.parametrize("name", ["degrees.tif", "degrees.npy"])
def test_degrees_of_one_image_as_other_programs_read_them(warm, photos, tmp_path, name):
    typed("translate", photos / "a.png", "--model", warm, "--celsius", "-o", tmp_path / name)
    degrees = tifffile.imread(tmp_path / name) if name.endswith("tif") else np.load(tmp_path / name)
    low, high = zoo.load(warm, device="cpu").thermal_range
    assert degrees.dtype == np.float32
    assert np.abs(degrees[0] - np.linspace(low, high, 256)).max() < 1e-4


def test_floats_and_tiles(warm, photos, tmp_path):
    typed("translate", photos / "a.png", "--model", warm, "--depth", "float", "--tile", 64, "-o", tmp_path / "a.tiff")
    assert np.abs(tifffile.imread(tmp_path / "a.tiff")[0] - np.linspace(-1, 1, 256)).max() < 1e-5


def test_without_o_the_thermal_image_lies_beside_the_visible_one(warm, photos):
    typed("translate", photos / "a.png", "--model", warm)
    assert Image.open(photos / "a_thermal.png").mode == "L"
    (photos / "a_thermal.png").unlink()
    typed("translate", photos, "--model", warm, "--celsius")
    assert sorted(path.name for path in photos.with_name("photos_thermal").iterdir()) == ["a.tif", "b.tif"]


@pytest.mark.parametrize(
    ("words", "error", "shown"),
    [
        (["--celsius", "-o", "x.png"], UsageError, r"are written as .tif, .tiff or .npy, not as .png. Use -o x.tif"),
        (["--depth", "16", "-o", "x.jpg"], UsageError, r"not as .jpg. Use -o x.png"),
        (["--celsius", "--depth", "8"], UsageError, "--celsius writes floats, and --depth 8 whole levels"),
        (["--colormap", "turbo", "--depth", "16"], UsageError, "8-bit colors, and --depth 16 was given too"),
        (["--colormap", "turbo", "--celsius"], UsageError, "8-bit colors, and --celsius was given too"),
        (["--colormap", "turbo", "-o", "x.npy"], UsageError, r"not as .npy. Use -o x.png"),
        (["--tile", "3", "-o", "x.png"], UsageError, "`tile` is 3; it must be 32 pixels or more"),
    ],
)
def test_what_cannot_be_is_refused(warm, photos, words, error, shown):
    with pytest.raises(error, match=shown):
        typed("translate", photos / "a.png", "--model", warm, *words)


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_colormap_gives_colors_and_a_bar_beside_them_where_degrees_are_known(warm, photos, tmp_path, ending):
    def written(*words: object) -> np.ndarray:
        typed("translate", photos / "a.png", "--model", warm, "-o", tmp_path / f"x{ending}", *words)
        return np.asarray(Image.open(tmp_path / f"x{ending}"))

    grey = written()
    assert written("--colormap", "white-hot", "--no-bar").tolist() == np.repeat(grey[..., None], 3, axis=2).tolist()
    with_bar = written("--colormap", "black-hot")
    assert with_bar.shape[0] == 40 and with_bar.shape[1] > 256
    assert np.array_equal(with_bar[:, :256], 255 - np.repeat(grey[..., None], 3, axis=2))


def test_a_colormap_without_degrees_has_no_bar_and_a_folder_keeps_each_size(saved, pairs, photos, tmp_path):
    grey = saved(tmp_path / "grey", str(pairs), method="grey_copy")
    typed("translate", photos, "--model", grey, "--colormap", "inferno", "-o", tmp_path / "out")
    assert [Image.open(tmp_path / "out" / f"{name}.png").size for name in "ab"] == [(256, 40), (128, 40)]
    assert Image.open(tmp_path / "out" / "a.png").mode == "RGB"


def test_degrees_of_weights_that_know_none_are_told_before_any_work(saved, pairs, photos, tmp_path):
    grey = saved(tmp_path / "grey", str(pairs), method="grey_copy")
    with pytest.raises(UsageError, match="have grey levels, not degrees"):
        typed("translate", photos, "--model", grey, "--celsius")
    with pytest.raises(DataError, match="no image or folder"):
        typed("translate", tmp_path / "nothing", "--model", grey)


def test_an_image_above_pillows_limit_needs_tiles(warm, photos, tmp_path, monkeypatch):
    whole = np.asarray(Image.open(photos / "a.png"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    done = CliRunner().invoke(app, ["translate", str(photos / "a.png"), "--model", str(warm)])
    assert "tile" in done.stderr and "1024" in done.stderr and "eplace" not in done.stderr
    typed("translate", photos / "a.png", "--model", warm, "--tile", 64, "-o", tmp_path / "a.png")
    monkeypatch.undo()
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), whole[..., 0])


def test_the_labels_of_an_image_above_pillows_limit_are_read_with_tiles(saved, photos, tmp_path, monkeypatch):
    means = saved(tmp_path / "means", "scenes:train=2,test=2", method="object_means")
    Image.new("L", (256, 40)).save(tmp_path / "labels.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    words = [
        "translate",
        photos / "a.png",
        "--model",
        means,
        "--labels",
        tmp_path / "labels.png",
        "-o",
        tmp_path / "o.png",
    ]
    typed(*words, "--tile", 64)
    monkeypatch.undo()
    assert Image.open(tmp_path / "o.png").size == (256, 40)


@pytest.mark.parametrize(
    ("method", "words", "shown"),
    [
        (
            "grey_copy",
            ["--labels", "LABELS"],
            r"reads the visible image only, no labels. Leave out",
        ),
        ("grey_copy", ["--temperature", "car=30"], "reads the visible image only, no temperatures"),
        ("object_means", ["--labels", "LABELS", "--temperature", "cra=30"], "has no class 'cra'. Did you mean car"),
        ("object_means", ["--labels", "LABELS", "--temperature", "car=nan"], "is not a class with its degrees"),
        ("object_means", [], "reads the visible image and class labels, and got no labels"),
        ("object_means", ["--labels", "nowhere.png"], "there is no label file or folder `nowhere.png`"),
    ],
)
def test_what_the_model_does_not_read_is_refused_before_any_work(saved, photos, tmp_path, method, words, shown):
    folder = saved(tmp_path / "m", "scenes:train=2,test=2", method=method)
    Image.new("L", (256, 40)).save(tmp_path / "labels.png")
    words = [str(tmp_path / "labels.png") if word == "LABELS" else word for word in words]
    with pytest.raises(UsageError, match=shown):
        typed("translate", photos, "--model", folder, *words)
    assert not photos.with_name("photos_thermal").exists()


def test_one_image_in_tiles_shows_its_progress(warm, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.terminal.NOTE_EVERY", 0.0)
    words = ["translate", photos / "a.png", "--model", warm, "-o", tmp_path / "out.png", "--tile", 64]
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert "zoo: 0 of 1 images; tile 1 of 5 of the next" in done.stderr


@pytest.mark.parametrize("flag", ["--compute", "--speed"])
def test_compute_options_have_two_flags(photos, flag):
    with pytest.raises(UsageError, match="'nothing'"):
        typed("translate", photos, flag, "nothing")
