"""Videos: every frame, its time, its levels; files that break off."""

from __future__ import annotations

import sys
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

import zoo
from zoo.errors import DataError, UsageError, ZooError
from zoo.translation.colors import colored
from zoo.translation.streaming import BatchTranslator
from zoo.translation.video import translate_video, upright

av = pytest.importorskip("av")

MILLISECOND = Fraction(1, 1000)
TIMES = [0, 40, 80, 250, 290, 330, 370]
"""Milliseconds; one frame is shown for longer."""


@pytest.fixture(scope="module")
def copier(saved, pairs, tmp_path_factory):
    """A model whose translation is the visible image in grey."""
    return zoo.load(saved(tmp_path_factory.mktemp("copier"), str(pairs), method="grey_copy"), device="cpu")


def write_video(path, *, size=(48, 32), times=TIMES, codec="ffv1", pixels="gray"):
    """Write a video of grey ramps that move; return its frames."""
    width, height = size
    frames = [np.add.outer(np.arange(height) * 2, np.arange(width) + 9 * n).astype(np.uint8) for n in range(len(times))]
    with av.open(path, "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.time_base = MILLISECOND
        for pts, grey in zip(times, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(grey, format="gray")
            frame.pts, frame.time_base = pts, MILLISECOND
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return frames


def read_video(path, kind="gray"):
    """Return a video's frames and their times in seconds."""
    with av.open(path) as file:
        frames = list(file.decode(video=0))
    return [frame.to_ndarray(format=kind) for frame in frames], [frame.time for frame in frames]


def batcher_of(translator, **options) -> BatchTranslator:
    return BatchTranslator(translator, **({"temperatures": {}, "tile": None, "depth": 8, "batch": 3} | options))


@pytest.mark.parametrize(("depth", "kind", "unit"), [(8, "gray", 1), (16, "gray16le", 257)])
def test_matroska_keeps_every_level_and_time(copier, tmp_path, depth, kind, unit):
    frames = write_video(tmp_path / "in.mkv", size=(47, 33))
    calls = []
    count = translate_video(
        batcher_of(copier, depth=depth), tmp_path / "in.mkv", tmp_path / "to" / "out.mkv", lambda *at: calls.append(at)
    )
    thermal, times = read_video(tmp_path / "to" / "out.mkv", kind)
    assert count == len(frames) == calls[-1][0]
    assert times == pytest.approx([pts / 1000 for pts in TIMES])
    for one, grey in zip(thermal, frames, strict=True):
        assert np.abs(one.astype(int) - grey.astype(int) * unit).max() <= unit
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["out.mkv"]


@pytest.mark.parametrize("ending", [".mkv", ".mp4"])
def test_a_video_in_colors_has_the_colors_of_each_frame(copier, tmp_path, ending):
    write_video(tmp_path / "in.mkv", size=(48, 32))
    translate_video(batcher_of(copier), tmp_path / "in.mkv", tmp_path / "grey.mkv", lambda *at: None)
    paint = partial(colored, name="inferno", thermal_range=(-10.0, 40.0))
    translate_video(batcher_of(copier), tmp_path / "in.mkv", tmp_path / f"out{ending}", lambda *at: None, paint)
    frames, times = read_video(tmp_path / f"out{ending}", "rgb24")
    grey, _ = read_video(tmp_path / "grey.mkv")
    assert times == pytest.approx([pts / 1000 for pts in TIMES], abs=0.001)
    most = 0 if ending == ".mkv" else 20  # H.264 is lossy, and has colors at half the resolution
    for frame, levels in zip(frames, grey, strict=True):
        assert np.abs(frame.astype(int) - paint(levels)).mean() <= most


@pytest.mark.parametrize("size", [(48, 32), (47, 33)])
def test_mp4_is_h264_of_the_same_size(copier, tmp_path, size):
    frames = write_video(tmp_path / "in.mp4", size=size, codec="libx264", pixels="yuv444p")
    translate_video(batcher_of(copier), tmp_path / "in.mp4", tmp_path / "out.mp4", lambda *at: None)
    thermal, times = read_video(tmp_path / "out.mp4")
    assert [one.shape for one in thermal] == [(size[1], size[0])] * len(frames)
    assert times == pytest.approx([pts / 1000 for pts in TIMES], abs=0.001)
    assert np.mean([np.abs(a.astype(int) - b) for a, b in zip(thermal, frames, strict=True)]) < 3


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_half_a_video_leaves_its_frames_and_an_error(copier, tmp_path, ending):
    rng = np.random.default_rng(0)
    with av.open(tmp_path / "in.mkv", "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        for _ in range(60):
            noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        out.mux(stream.encode())
    whole = (tmp_path / "in.mkv").read_bytes()
    (tmp_path / "half.mkv").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"breaks off: it holds .* of 6.0 seconds; the \d+ frames before it are in"):
        translate_video(batcher_of(copier), tmp_path / "half.mkv", tmp_path / f"out.{ending}", lambda *at: None)
    frames, _ = read_video(tmp_path / f"out.{ending}")
    assert 10 < len(frames) < 60


def test_a_file_that_is_no_video_is_reported_and_nothing_is_written(copier, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataError, match=r"text\.mp4` is no readable video"):
        translate_video(batcher_of(copier), tmp_path / "text.mp4", tmp_path / "out.mp4", lambda *at: None)
    write_video(tmp_path / "in.mkv")
    (tmp_path / "file").touch()
    with pytest.raises(ZooError, match="cannot write"):
        translate_video(batcher_of(copier), tmp_path / "in.mkv", tmp_path / "file" / "out.mkv", lambda *at: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "in.mkv", "text.mp4"]


def test_without_pyav_the_message_has_the_command_to_install_it(copier, tmp_path, monkeypatch):
    write_video(tmp_path / "in.mkv")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UsageError, match=r"pip install 'thermal-zoo\[video\]'"):
        translate_video(batcher_of(copier), tmp_path / "in.mkv", tmp_path / "out.mkv", lambda *at: None)


def test_frames_are_turned_as_phones_ask():
    pixels = np.arange(12).reshape(2, 3, 2)
    assert np.array_equal(upright(pixels, 90), np.rot90(pixels))
    assert np.array_equal(upright(pixels, -90), np.rot90(pixels, 3))
    assert np.array_equal(upright(pixels, 180), pixels[::-1, ::-1])
    assert upright(pixels, 45) is pixels and upright(pixels, 0).shape == pixels.shape
