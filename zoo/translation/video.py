"""Video files, frame by frame, through PyAV (extra `video`)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo.errors import DataError, UsageError
from zoo.files import beside, cannot_write
from zoo.translation.prefetch import Behind, ahead
from zoo.translation.streaming import Draw, Seen

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

QUALITY = "16"
"""x264's constant rate factor, at which losses are hardly seen."""
SLACK = 0.5
"""Seconds that a video's last frame may come before the end that the file tells."""


def translate_video(draw: Draw, source: Path, target: Path, heard: Callable[[int, int], None]) -> int:
    """Translate a video and return the number of its frames, each of which keeps its time; sound is left out.

    Decoding, drawing and encoding overlap. The target has its name when it is whole; if the source breaks off, it holds
    the frames up to there.

    Args:
        draw: of 8 bits, or 16 for `.mkv`.
        source: a video file.
        target: `.mp4`, which is H.264 and loses a little, or `.mkv`, FFV1, which loses nothing.
        heard: called with the number of frames done and of all; 0 of all where the source does not tell.

    Raises:
        DataError: the source is no readable video, or breaks off.
        UsageError: PyAV is not installed.
        ZooError: the target cannot be written.
    """
    av = _require_av()
    part = beside(target, target.suffix)
    done, fault = 0, None
    with contextlib.ExitStack() as undo:
        film = undo.enter_context(contextlib.closing(Film(source)))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            undo.callback(part.unlink, missing_ok=True)
            with Writer(part, film, draw.depth) as writer, Behind[None](1) as encoding:
                try:
                    for frames in _groups(film, draw):
                        thermal = draw([seen for _, seen in frames])
                        for (frame, _), image in zip(frames, thermal, strict=True):
                            list(encoding.put(partial(writer.add, image, frame.pts)))
                        done += len(frames)
                        heard(done, film.stream.frames)
                except DataError as error:
                    fault = error
                list(encoding.rest())
            if done:
                part.replace(target)
        except OSError as error:
            raise cannot_write(target, error) from error
        except av.FFmpegError as error:
            raise cannot_write(target, OSError(error.errno, error.strerror)) from error
    if fault and done:
        raise DataError(f"{fault}; the {done} frames before it are in `{target}`") from fault
    if fault or not done:
        raise fault or DataError(f"video `{source}` holds no frame")
    return done


class Film:
    """A video file that is read frame by frame.

    Raises:
        DataError: it is no readable video.
    """

    stream: VideoStream
    rate: Fraction
    """Frames a second, as far as the file tells."""
    base: Fraction
    """Unit of the frames' times, in seconds."""

    def __init__(self, path: Path) -> None:
        av = _require_av()
        self.path, self._error = path, av.FFmpegError
        try:
            self._container = av.open(path)
        except av.FFmpegError as error:
            raise DataError(f"`{path}` is no readable video: {error.strerror}") from error
        if not self._container.streams.video:
            self.close()
            raise DataError(f"`{path}` holds no video")
        self.stream = self._container.streams.video[0]
        self.stream.thread_type = "AUTO"
        self.rate = self.stream.average_rate or self.stream.guessed_rate or Fraction(25)
        self.base = self.stream.time_base or 1 / self.rate
        self._frames = self._container.decode(self.stream)
        self._seen = 0.0
        self._size: tuple[int, ...] | None = None

    def read(self) -> tuple[VideoFrame, Seen] | None:
        """Return the next frame, upright; None after the last.

        Raises:
            DataError: the video breaks off, or changes its size.
        """
        try:
            frame = next(self._frames, None)
            if frame is None:
                self._check_end()
                return None
            if frame.pts is not None:
                self._seen = float((frame.pts + (frame.duration or 0)) * self.base)
            pixels = upright(frame.to_ndarray(format="rgb24"), frame.rotation)
        except self._error as error:
            raise DataError(f"video `{self.path}` breaks off: {error.strerror}") from error
        if pixels.shape != (self._size or pixels.shape):
            raise DataError(f"video `{self.path}` changes its size")
        self._size = pixels.shape
        return frame, Seen(visible=pixels)

    def _check_end(self) -> None:
        """Find out whether the frames go on for as long as the file says; half a file may end without an error."""
        start = float((self.stream.start_time or 0) * self.base)
        lasts = float((self.stream.duration or 0) * self.base)
        if not lasts and len(self._container.streams) == 1:
            lasts = (self._container.duration or 0) / 1_000_000
        shown = self._seen - start
        if lasts - shown > max(SLACK, 3 / float(self.rate)):
            raise DataError(f"video `{self.path}` breaks off: it holds {shown:.1f} of {lasts:.1f} seconds")

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()


class Writer:
    """Encodes thermal images as a video; a context manager, at whose end the file is whole.

    Args:
        path: whose ending decides the format.
        like: whose times and shape of pixels the frames have.
        depth: of the images.
    """

    def __init__(self, path: Path, like: Film, depth: object) -> None:
        self._av, self._like = _require_av(), like
        self._file = self._av.open(path, "w")
        self._format = "gray16le" if depth == 16 else "gray"
        self._lossless = path.suffix.lower() == ".mkv"
        self._stream: VideoStream | None = None
        self._number = 0

    def add(self, image: NDArray[Any], pts: int | None) -> None:
        """Encode an image [H, W]; without a time it comes as long after the one before as the video's rate says."""
        stream = self._stream = self._stream or self._begin(*image.shape)
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=self._format)
        frame.time_base = self._like.base
        frame.pts = round(self._number / self._like.rate / self._like.base) if pts is None else pts
        self._number += 1
        self._file.mux(stream.encode(frame))

    def _begin(self, height: int, width: int) -> VideoStream:
        stream: VideoStream = self._file.add_stream("ffv1" if self._lossless else "libx264", rate=self._like.rate)
        stream.height, stream.width = height, width
        # Colours at half the resolution, as every player wants them, take even sides.
        usual = "yuv444p" if height % 2 or width % 2 else "yuv420p"
        stream.pix_fmt = self._format if self._lossless else usual
        stream.options = {} if self._lossless else {"crf": QUALITY}
        stream.codec_context.time_base = self._like.base
        if self._like.stream.sample_aspect_ratio:
            stream.codec_context.sample_aspect_ratio = self._like.stream.sample_aspect_ratio
        return stream

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._stream:
                self._file.mux(self._stream.encode())
        finally:
            self._file.close()


def _require_av() -> Any:
    try:
        import av
    except ImportError:
        raise UsageError("videos need PyAV", "Type: pip install 'thermal-zoo[video]'") from None
    return av


def upright(pixels: NDArray[Any], rotation: int) -> NDArray[Any]:
    """Return a frame [H, W, ...] turned counterclockwise by degrees, as phones ask for; other than right angles are left."""
    return np.ascontiguousarray(np.rot90(pixels, rotation // 90)) if rotation % 90 == 0 else pixels


def _groups(film: Film, draw: Draw) -> Iterator[list[tuple[VideoFrame, Seen]]]:
    """Yield the frames in batches; those before a fault come before it is raised."""
    group: list[tuple[VideoFrame, Seen]] = []
    for reading in ahead(repeat(film.read), 1):
        try:
            read = reading.result()
        except DataError:
            if group:
                yield group
            raise
        if read is None:
            break
        group.append(read)
        if len(group) >= draw.most(read[1]):
            yield group
            group = []
    if group:
        yield group
