"""Many images through one model: they are prefetched, grouped by size and translated in batches; outputs wait in a queue."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from zoo.compute.networks import is_deep, prepared
from zoo.compute.options import ComputeOptions, choose_translation, kernels, require_precision
from zoo.data.images import read_visible
from zoo.errors import DataError
from zoo.recipe import Precision
from zoo.translation.inputs import labels_tensor
from zoo.translation.outputs import Depth
from zoo.translation.processes import in_processes, useful_processes
from zoo.translation.translator import Translator

READERS = 4
"""Threads that decode files; decoding releases Python's global lock."""
BATCH = {"cuda": 32, "cpu": 1}
"""Largest useful batch of 256-px images in one process, by device; of larger images it is smaller in proportion."""
DEEP_BATCH = 2
"""The same on a CPU for networks with most weights where few pixels are left: these weights are read once for a batch."""
MEMORY_PER_PIXEL = 1000
"""Bytes of a process: of ResNets about 560, of UNets 850."""
WINDOW = 4
"""Batches of images that wait for others of their size."""

PENDING = 4
"""Pending tasks per thread; a larger number needs more memory for their images."""

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class InputImage:
    """A decoded image with its labels."""

    visible: NDArray[np.uint8]
    """[H, W, 3]."""
    labels: NDArray[np.int64] | None = None
    """Class indices [H, W]; tensors would go to other processes through shared memory, of which containers have little."""


def read_input(image: Path, labels: Path | None, translator: Translator, *, any_size: bool = False) -> InputImage:
    """Read an image and its labels; with `any_size`, for tiles, also files above Pillow's limit of pixels.

    Raises:
        DataError: a file cannot be read, or the labels do not fit the image or the model's classes.
    """
    visible = read_visible(image, any_size=any_size)
    if labels is None:
        return InputImage(visible=visible)
    height, width = visible.shape[:2]
    maps = labels_tensor(labels, translator.classes, (height, width), any_size=any_size)
    return InputImage(visible=visible, labels=maps[0].numpy())


@contextmanager
def optimized(translator: Translator, options: ComputeOptions | None, precision: Precision) -> Iterator[None]:
    """Let a translator compute with these options and in this number format inside a `with` block.

    Args:
        translator: its networks are changed inside the block.
        options: None for the default of the device.
        precision: of the networks; their outputs are float32.

    Raises:
        UsageError: the device does not support them.
    """
    device = translator.device
    chosen = choose_translation(options, device)
    require_precision(precision, device)
    networks = prepared(translator.method, chosen, precision, device, translating=True)
    with kernels(precision, chosen, same_shapes=False), networks:
        yield


class BatchTranslator:
    """Translates batches of images of one size; smaller ones after a batch that does not fit into memory.

    Args:
        translator: its device and precision are used.
        temperatures: degrees Celsius by class name, for all images.
        tile: see `Translator.translate`.
        depth: of the thermal images.
        batch: batch size; None for one that suits the device and the size of the images.
        processes: that translate batches at the same time, in `stream`; None for as many as are useful.
    """

    def __init__(
        self,
        translator: Translator,
        *,
        temperatures: Mapping[str, float],
        tile: int | None,
        depth: Depth,
        batch: int | None,
        processes: int | None = None,
    ) -> None:
        self.translator, self.temperatures, self.tile, self.depth = translator, temperatures, tile, depth
        self.processes = processes or (1 if tile else useful_processes(translator.device))
        usual = BATCH.get(translator.device.type, 1)
        self._largest = batch or max(usual, DEEP_BATCH if is_deep(translator.method, frozen=True) else 1)
        self._pixels: float = math.inf if batch else self._largest * 256 * 256

    def batch_size(self, image: InputImage) -> int:
        """Return the batch size for images of this size."""
        height, width = image.visible.shape[:2]
        return max(1, int(min(self._largest, self._pixels / (height * width))))

    def __call__(self, images: list[InputImage]) -> list[NDArray[Any]]:
        """Return thermal images [H, W].

        Raises:
            DataError: a single image does not fit into memory.
        """
        thermal: list[NDArray[Any]] = []
        while len(thermal) < len(images):
            batch = images[len(thermal) : len(thermal) + self.batch_size(images[0])]
            try:
                thermal += self._translate(batch)
                continue
            except RuntimeError as error:
                # A CPU's allocator has no error type of its own.
                if not (isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)):
                    raise
            self._shrink(batch)  # outside of `except`, since the traceback refers to the tensors that filled the memory
        return thermal

    def stream(
        self, batches: Iterable[tuple[T, list[InputImage]]]
    ) -> Iterator[tuple[T, list[NDArray[Any]] | DataError]]:
        """Yield the label of each batch with its thermal images, or the error, in order; several are translated at a time."""
        return in_processes(batches, self._outcome, self.processes, _memory_of)

    def _outcome(self, images: list[InputImage]) -> list[NDArray[Any]] | DataError:
        try:
            return self(images)
        except DataError as error:
            return error

    def _shrink(self, images: list[InputImage]) -> None:
        height, width = images[0].visible.shape[:2]
        if len(images) == 1:
            memory = f"the memory of {self.translator.device.type}"
            raise DataError(f"an image of {width}x{height} pixels does not fit into {memory}", "Use `tile`=1024")
        half = len(images) // 2
        self._pixels = half * height * width
        fault = f"{len(images)} images of {width}x{height} pixels do not fit into memory"
        log.warning("%s; the batch size is reduced to %d", fault, half)

    def _translate(self, images: list[InputImage]) -> list[NDArray[Any]]:
        pixels = torch.from_numpy(np.stack([image.visible for image in images])).to(self.translator.device)
        maps = [image.labels for image in images if image.labels is not None]
        visible, labels = pixels.permute(0, 3, 1, 2), torch.from_numpy(np.stack(maps)) if maps else None
        thermal = self.translator.translate(visible, labels, self.temperatures, tile=self.tile, depth=self.depth)
        return list(thermal[:, 0].cpu().numpy())


def _memory_of(images: list[InputImage]) -> int:
    return MEMORY_PER_PIXEL * sum(math.prod(image.visible.shape[:2]) for image in images)


def translate_stream(
    readers: Iterable[Callable[[], InputImage]], translate: BatchTranslator
) -> Iterator[tuple[int, NDArray[Any] | DataError]]:
    """Yield the number of each image, from 0, with its thermal image [H, W] or the error.

    Images of one size keep their order; those of other sizes are yielded when a batch of their size is complete.
    """
    faults: deque[tuple[int, DataError]] = deque()
    batches = _by_size(readers, translate, faults)
    for numbers, outcome in translate.stream(batches):
        while faults:
            yield faults.popleft()
        if isinstance(outcome, DataError):
            yield from ((number, outcome) for number in numbers)
        else:
            yield from zip(numbers, outcome, strict=True)
    yield from faults


def _by_size(
    readers: Iterable[Callable[[], InputImage]], translate: BatchTranslator, faults: deque[tuple[int, DataError]]
) -> Iterator[tuple[tuple[int, ...], list[InputImage]]]:
    """Yield batches of one size as numbers and images; the errors of images that cannot be read are added to `faults`."""
    waiting: dict[tuple[int, ...], list[tuple[int, InputImage]]] = {}

    def batch(shape: tuple[int, ...]) -> tuple[tuple[int, ...], list[InputImage]]:
        numbers, images = zip(*waiting.pop(shape), strict=True)
        return numbers, list(images)

    for number, future in enumerate(prefetch(readers, READERS)):
        try:
            image = future.result()
        except DataError as error:
            faults.append((number, error))
            continue
        group = waiting.setdefault(image.visible.shape, [])
        group.append((number, image))
        if len(group) >= translate.batch_size(image):
            yield batch(image.visible.shape)
        elif sum(map(len, waiting.values())) >= WINDOW * translate.batch_size(image):
            yield batch(max(waiting, key=lambda shape: len(waiting[shape])))
    while waiting:
        yield batch(next(iter(waiting)))


def prefetch(tasks: Iterable[Callable[[], T]], threads: int) -> Iterator[Future[T]]:
    """Yield the futures of tasks in their order; later tasks run meanwhile."""
    pool = ThreadPoolExecutor(threads)
    pending: deque[Future[T]] = deque()
    try:
        for task in tasks:
            pending.append(pool.submit(task))
            if len(pending) > PENDING * threads:
                yield pending.popleft()
        while pending:
            yield pending.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


class WriteQueue(Generic[T]):
    """Runs tasks in the order in which they are put; a context manager, which after an error cancels those not started."""

    def __init__(self, threads: int) -> None:
        self._pool, self._limit = ThreadPoolExecutor(threads), PENDING * threads
        self._pending: deque[Future[T]] = deque()

    def put(self, task: Callable[[], T]) -> Iterator[T]:
        """Add a task and yield the results of finished ones; waits while the queue is full. Raises the errors of tasks."""
        self._pending.append(self._pool.submit(task))
        while len(self._pending) > self._limit or (self._pending and self._pending[0].done()):
            yield self._pending.popleft().result()

    def join(self) -> Iterator[T]:
        """Wait for all remaining tasks and yield their results. Raises their errors."""
        while self._pending:
            yield self._pending.popleft().result()

    def completed(self) -> Iterator[T]:
        """Yield the results of tasks that succeeded before an error or an interruption, and forget the others."""
        pending, self._pending = self._pending, deque()
        for future in pending:
            if future.done() and not future.cancelled() and future.exception() is None:
                yield future.result()

    def __enter__(self) -> WriteQueue[T]:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)
