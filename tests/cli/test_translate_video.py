"""`zoo translate VIDEO`: the film that is written, and requests that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.errors import UsageError

from .conftest import typed


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


def test_a_video_without_labels_refuses_them(warm, tmp_path):
    Image.new("L", (48, 32)).save(tmp_path / "labels.png")
    with pytest.raises(UsageError, match="reads the visible image only, no labels"):
        typed("translate", video(tmp_path / "drive.mkv"), "--model", warm, "--labels", tmp_path / "labels.png")
