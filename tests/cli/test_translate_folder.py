"""`zoo translate FOLDER`: bad files among good ones, progress, where the output lies, and originals that stay."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from zoo.cli import translate as cli
from zoo.cli.main import app
from zoo.cli.targets import plan, spare_originals
from zoo.errors import UsageError, ZooError

from .conftest import typed


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


def test_the_output_folder_of_a_relative_folder_is_relative(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").touch()
    monkeypatch.chdir(tmp_path)
    assert plan(Path("photos"), None, 8) == [(Path("photos/a.png"), Path("photos_thermal/a.png"))]
    monkeypatch.chdir("photos")
    assert plan(Path(), None, 8) == [(Path("a.png"), tmp_path / "photos_thermal" / "a.png")]
