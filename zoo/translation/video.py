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
from zoo.translation.streaming import BatchTranslator, InputImage, WriteQueue, prefetch

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

QUALITY = "16"
"""x264's constant rate factor, at which losses are hardly visible."""
SLACK = 0.5
"""Seconds by which a video's last frame may end before the duration in the file's header."""


def translate_video(
    translate: BatchTranslator,
    source: Path,
    target: Path,
    on_progress: Callable[[int, int], None],
    finish: Callable[[NDArray[Any]], NDArray[Any]] = lambda pixels: pixels,
) -> int:
    """Translate a video and return the number of its frames, which keep their times; sound is left out.

    Decoding, translation and encoding overlap. The target appears when it is complete; if the source ends too early, it has
    the frames before that.

    Args:
        translate: of depth 8, or 16 for `.mkv`.
        source: a video file.
        target: `.mp4`, which is H.264 and lossy, or `.mkv`, which is FFV1 and lossless.
        on_progress: called with the number of finished frames and of all; 0 of all if the source does not state it.
        finish: returns what is encoded of a frame [H, W], of the same depth or uint8 [H, W, 3].

    Raises:
        DataError: the source is no readable video, or ends too early.
        UsageError: PyAV is not installed.
        ZooError: the target cannot be written.
    """
    av = _require_av()
    part = beside(target, target.suffix)
    done, fault = 0, None
    with contextlib.ExitStack() as stack:
        video = stack.enter_context(contextlib.closing(VideoReader(source)))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            stack.callback(part.unlink, missing_ok=True)
            with VideoWriter(part, video, translate.depth) as writer, WriteQueue[None](1) as queue:
                try:
                    for times, thermal in translate.stream(_batches(video, translate)):
                        if isinstance(thermal, DataError):
                            raise thermal
                        for time, pixels in zip(times, thermal, strict=True):
                            list(queue.put(partial(writer.add, finish(pixels), time)))
                        done += len(times)
                        on_progress(done, video.stream.frames)
                except DataError as error:
                    fault = error
                list(queue.join())
            if done:
                part.replace(target)
        except OSError as error:
            raise cannot_write(target, error) from error
        except av.FFmpegError as error:
            raise cannot_write(target, OSError(error.errno, error.strerror)) from error
    if fault and done:
        raise DataError(f"{fault}; the {done} frames before it are in `{target}`") from fault
    if fault or not done:
        raise fault or DataError(f"video `{source}` has no frames")
    return done


class VideoReader:
    """A video file that is read frame by frame.

    Raises:
        DataError: it is no readable video.
    """

    stream: VideoStream
    rate: Fraction
    """Frames per second; an estimate if the header does not state it."""
    base: Fraction
    """Unit of the frames' times, in seconds."""

    def __init__(self, path: Path) -> None:
        av = _require_av()
        self.path, self._error = path, av.FFmpegError
        try:
            self._container = av.open(path)
        except av.FFmpegError as error:
            raise DataError(f"`{path}` is no readable video: {error.strerror}") from error
        self.close = self._container.close
        if not self._container.streams.video:
            self.close()
            raise DataError(f"`{path}` has no video stream")
        self.stream = self._container.streams.video[0]
        self.stream.thread_type = "AUTO"
        self.rate = self.stream.average_rate or self.stream.guessed_rate or Fraction(25)
        self.base = self.stream.time_base or 1 / self.rate
        self._frames = self._container.decode(self.stream)
        self._end = 0.0
        self._shape: tuple[int, ...] | None = None

    def read(self) -> tuple[VideoFrame, InputImage] | None:
        """Return the next frame, upright; None after the last.

        Raises:
            DataError: the video ends too early, or changes its size.
        """
        try:
            frame = next(self._frames, None)
            if frame is None:
                self._check_end()
                return None
            if frame.pts is not None:
                self._end = float((frame.pts + (frame.duration or 0)) * self.base)
            pixels = upright(frame.to_ndarray(format="rgb24"), frame.rotation)
        except self._error as error:
            raise DataError(f"video `{self.path}` breaks off: {error.strerror}") from error
        self._shape = self._shape or pixels.shape
        if pixels.shape != self._shape:
            raise DataError(f"video `{self.path}` changes its size")
        return frame, InputImage(visible=pixels)

    def _check_end(self) -> None:
        """Compare the times of the frames with the duration in the header: a truncated file may end without an error."""
        duration = float((self.stream.duration or 0) * self.base)
        if not duration and len(self._container.streams) == 1:
            duration = (self._container.duration or 0) / 1_000_000
        found = self._end - float((self.stream.start_time or 0) * self.base)
        if duration - found > max(SLACK, 3 / float(self.rate)):
            raise DataError(f"video `{self.path}` breaks off: it holds {found:.1f} of {duration:.1f} seconds")


class VideoWriter:
    """Encodes thermal images as a video; a context manager, after which the file is complete.

    Args:
        path: its ending decides the format.
        source: its frame times and pixel aspect ratio are used.
        depth: of the images.
    """

    def __init__(self, path: Path, source: VideoReader, depth: object) -> None:
        self._av, self._source = _require_av(), source
        self._file = self._av.open(path, "w")
        self._format = "gray16le" if depth == 16 else "gray"
        self._lossless = path.suffix.lower() == ".mkv"
        self._stream: VideoStream | None = None
        self._number = 0

    def add(self, image: NDArray[Any], pts: int | None) -> None:
        """Encode an image [H, W] or [H, W, 3]; without a time it gets that of a constant frame rate."""
        pixels = "rgb24" if image.ndim == 3 else self._format
        stream = self._stream = self._stream or self._add_stream(*image.shape)
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=pixels)
        frame.time_base = self._source.base
        frame.pts = round(self._number / self._source.rate / self._source.base) if pts is None else pts
        self._number += 1
        self._file.mux(stream.encode(frame))

    def _add_stream(self, height: int, width: int, colors: int = 1) -> VideoStream:
        stream: VideoStream = self._file.add_stream("ffv1" if self._lossless else "libx264", rate=self._source.rate)
        stream.height, stream.width = height, width
        # Many video players need colours at half the resolution, which requires even sides.
        lossy = "yuv444p" if height % 2 or width % 2 else "yuv420p"
        lossless = "bgr0" if colors == 3 else self._format
        stream.pix_fmt = lossless if self._lossless else lossy
        stream.options = {} if self._lossless else {"crf": QUALITY}
        stream.codec_context.time_base = self._source.base
        if self._source.stream.sample_aspect_ratio:
            stream.codec_context.sample_aspect_ratio = self._source.stream.sample_aspect_ratio
        return stream

    def __enter__(self) -> VideoWriter:
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
        raise UsageError("videos need PyAV, which is not installed", "Run: pip install 'thermal-zoo[video]'") from None
    return av


def upright(pixels: NDArray[Any], rotation: int) -> NDArray[Any]:
    """Return a frame [H, W, ...] rotated counterclockwise by degrees, as its metadata states; only by multiples of 90."""
    return np.ascontiguousarray(np.rot90(pixels, rotation // 90)) if rotation % 90 == 0 else pixels


def _batches(video: VideoReader, translate: BatchTranslator) -> Iterator[tuple[list[int | None], list[InputImage]]]:
    """Yield the frames in batches, as their times and images; those before an error are yielded before it is raised."""
    times: list[int | None] = []
    images: list[InputImage] = []
    fault = None
    try:
        for future in prefetch(repeat(video.read), 1):
            if (read := future.result()) is None:
                break
            times.append(read[0].pts)
            images.append(read[1])
            if len(images) >= translate.batch_size(read[1]):
                yield times, images
                times, images = [], []
    except DataError as error:
        fault = error
    if images:
        yield times, images
    if fault:
        raise fault
