"""zoo translate: depths, degrees, folders, and requests that cannot be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

import zoo
from zoo.cli import translate as cli
from zoo.cli.main import app
from zoo.cli.targets import plan, spare_originals
from zoo.errors import DataError, UsageError, ZooError


@pytest.fixture(scope="module")
def warm(saved, tmp_path_factory) -> Path:
    """A model of data in degrees whose translation is the visible image in grey."""
    return saved(tmp_path_factory.mktemp("warm"), "scenes:train=2,test=2", method="grey_copy")


@pytest.fixture
def photos(tmp_path) -> Path:
    """A folder of two grey ramps of different sizes."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, width in (("a", 256), ("b", 128)):
        ramp = np.linspace(0, 255, width).round().astype(np.uint8)
        Image.fromarray(np.broadcast_to(ramp[None, :, None], (40, width, 3)).copy()).save(folder / f"{name}.png")
    return folder


def typed(*words: object) -> str:
    """Run a command in this process; its error is raised."""
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


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


def video(path: Path, frames: int = 5) -> Path:
    """Write a grey ramp that lasts so many frames."""
    av = pytest.importorskip("av")
    grey = np.add.outer(np.arange(32), np.arange(48) * 4).astype(np.uint8)
    with av.open(path, "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "gray"
        for _ in range(frames):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="gray")))
        out.mux(stream.encode())
    return path


def test_a_video_becomes_a_video(warm, tmp_path):
    film = video(tmp_path / "drive.mkv")
    assert typed("translate", film, "--model", warm).split() == [str(tmp_path / "drive_thermal.mp4")]
    (shown,) = json.loads(typed("translate", film, "--model", warm, "--depth", "16", "--json"))
    assert shown == {"visible": str(film), "thermal": str(tmp_path / "drive_thermal.mkv"), "frames": 5}
    typed("translate", film, "--model", warm, "--depth", "16", "-o", tmp_path / "LOUD.MKV")
    import av

    for name in ("drive_thermal.mkv", "LOUD.MKV"):
        with av.open(tmp_path / name) as file:
            assert file.streams.video[0].codec_context.pix_fmt == "gray16le"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--celsius"], "a video holds whole levels, not floats or degrees. Use --depth 16"),
        (["--depth", "16", "-o", "x.mp4"], r"videos of this depth are written as .mkv, not as .mp4. Use -o x.mkv"),
        (["-o", "x.avi"], r"written as .mp4 or .mkv, not as .avi"),
        (["-o", "drive.mkv"], "would overwrite"),
        (["--speed", "graph"], "is only for training"),
    ],
)
def test_what_a_video_cannot_be_is_refused(warm, tmp_path, monkeypatch, words, shown):
    monkeypatch.chdir(tmp_path)
    video(tmp_path / "drive.mkv")
    with pytest.raises(UsageError, match=shown):
        typed("translate", "drive.mkv", "--model", warm, *words)


def test_a_video_has_no_labels(saved, tmp_path):
    shown = saved(tmp_path / "means", "scenes:train=2,test=2", method="object_means")
    with pytest.raises(UsageError, match="reads class labels, and a video has none"):
        typed("translate", video(tmp_path / "drive.mkv"), "--model", shown)


def test_images_beside_a_broken_one_are_written_and_the_command_fails(warm, photos):
    (photos / "broken.png").write_bytes((photos / "a.png").read_bytes()[:60])
    done = CliRunner().invoke(app, ["translate", str(photos), "--model", str(warm), "--json"])
    assert "1 of 3 images could not be translated; the others are written" in str(done.exception)
    assert [Path(pair["visible"]).name for pair in json.loads(done.stdout)] == ["a.png", "b.png"]
    assert len(list(photos.with_name("photos_thermal").iterdir())) == 2


def test_an_output_that_cannot_be_written_ends_the_command(warm, photos, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ZooError, match="cannot write"):
        typed("translate", photos, "--model", warm, "-o", tmp_path / "file" / "out")


def test_a_large_folder_says_at_once_what_is_done_and_is_listed_in_linear_time(tmp_path, monkeypatch):
    """In time that grows with the square it would pass the time limit of a test."""
    folder = tmp_path / "many"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    for number in range(20_000):
        os.link(tmp_path / "a.png", folder / f"{number:05d}.png")
    first: list[str] = []
    monkeypatch.setattr(cli, "note", first.append)
    monkeypatch.setattr(cli, "plan", lambda *words: first.append("plan") or plan(*words))
    jobs = cli._plan(folder, tmp_path / "out", 8)
    spare_originals(jobs)
    assert [source.name for source, _ in jobs] == sorted(path.name for path in folder.iterdir())
    listing, listed, found = first
    assert (listing, listed) == (f"zoo: listing the images of `{folder}`", "plan")
    assert found == f"zoo: translating 20,000 images to `{tmp_path / 'out'}`"


def test_progress_is_plain_lines_on_stderr_beside_the_json(warm, photos, monkeypatch):
    monkeypatch.setattr("zoo.terminal.NOTE_EVERY", 0.0)
    done = CliRunner().invoke(app, ["translate", str(photos), "--model", str(warm), "--json"], catch_exceptions=False)
    assert len(json.loads(done.stdout)) == 2
    lines = done.stderr.splitlines()
    assert lines[:2] == [
        f"zoo: listing the images of `{photos}`",
        f"zoo: translating 2 images to `{photos.with_name('photos_thermal')}`",
    ]
    assert lines[-1] == "zoo: 2 of 2 images" and "\r" not in done.stderr


def test_bad_files_in_a_folder_are_named_and_the_others_translated(warm, photos):
    (photos / "empty.png").touch()
    (photos / "gone.png").symlink_to("nowhere")
    (photos / "folder.png").mkdir()
    Image.fromarray(np.zeros((4, 4), np.float32)).save(photos / "float.tif")
    done = CliRunner().invoke(app, ["translate", str(photos), "--model", str(warm)])
    assert isinstance(done.exception, ZooError) and done.exception.exit_code == 1
    assert "3 of 5 images could not be translated; the others are written" in str(done.exception)
    for shown in (
        "empty.png` cannot be decoded: it is empty",
        "gone.png` is a link to a file that does not exist",
        "float.tif` has pixels of type F",
    ):
        assert shown in done.stderr
    assert sorted(path.name for path in photos.with_name("photos_thermal").iterdir()) == ["a.png", "b.png"]


def test_an_original_is_not_overwritten_through_folders_or_links(warm, photos, tmp_path):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a.png").symlink_to(photos / "a.png")
    (tmp_path / "same").symlink_to(photos)
    before = (photos / "a.png").read_bytes()
    for words in ([photos, "-o", photos], [photos, "-o", tmp_path / "same"], [tmp_path / "links", "-o", photos]):
        with pytest.raises(UsageError, match="would overwrite the visible image"):
            typed("translate", *words, "--model", warm)
    with pytest.raises(UsageError, match="would overwrite"):
        typed("translate", photos / "a.png", "-o", tmp_path / "same" / "a.png", "--model", warm)
    assert (photos / "a.png").read_bytes() == before


def test_an_output_folder_inside_the_input_is_no_input(warm, photos):
    for _ in range(2):
        assert len(typed("translate", photos, "--model", warm, "-o", photos / "out").split()) == 2


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


def test_a_video_without_labels_refuses_them(warm, tmp_path):
    Image.new("L", (48, 32)).save(tmp_path / "labels.png")
    with pytest.raises(UsageError, match="reads the visible image only, no labels"):
        typed("translate", video(tmp_path / "drive.mkv"), "--model", warm, "--labels", tmp_path / "labels.png")


def test_one_image_in_tiles_shows_its_progress(warm, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.terminal.NOTE_EVERY", 0.0)
    words = ["translate", photos / "a.png", "--model", warm, "-o", tmp_path / "out.png", "--tile", 64]
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert "zoo: 0 of 1 images; tile 1 of 5 of the next" in done.stderr


@pytest.mark.parametrize("flag", ["--compute", "--speed"])
def test_compute_options_have_two_flags(photos, flag):
    with pytest.raises(UsageError, match="'nothing'"):
        typed("translate", photos, flag, "nothing")


def test_the_output_folder_of_a_relative_folder_is_relative(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").touch()
    monkeypatch.chdir(tmp_path)
    assert plan(Path("photos"), None, 8) == [(Path("photos/a.png"), Path("photos_thermal/a.png"))]
    monkeypatch.chdir("photos")
    assert plan(Path(), None, 8) == [(Path("a.png"), tmp_path / "photos_thermal" / "a.png")]
