"""Many images through one model: read ahead, put together by size, drawn in batches."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.compute.networks import prepared
from zoo.compute.options import ComputeOptions, choose_translation, kernels, require_precision
from zoo.data.images import read_visible
from zoo.errors import DataError
from zoo.recipe import Precision
from zoo.translation.inputs import labels_tensor
from zoo.translation.outputs import Depth
from zoo.translation.prefetch import ahead
from zoo.translation.translator import Translator

READERS = 4
"""Threads that decode files; decoding leaves Python's lock alone."""
MOST = {"cuda": 32, "cpu": 4}
"""256-px images of a batch, by device: as many as make it faster. Of larger images there are fewer, of smaller ones no more."""
WINDOW = 4
"""Batches of images that wait for others of their size."""

Outcome = tuple[int, NDArray[Any] | DataError]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """An image as it was read."""

    visible: NDArray[np.uint8]
    """[H, W, 3]."""
    labels: Tensor | None = None
    """Class indices, int64 [H, W]."""


def read(image: Path, labels: Path | None, translator: Translator, *, any_size: bool = False) -> Seen:
    """Read an image and its labels; `any_size` also what is above Pillow's limit of pixels, to be translated in tiles.

    Raises:
        DataError: a file cannot be read, or the labels do not fit the image or the model's classes.
    """
    visible = read_visible(image, any_size=any_size)
    if labels is None:
        return Seen(visible=visible)
    height, width = visible.shape[:2]
    maps = labels_tensor(labels, translator.classes, (height, width), any_size=any_size)
    return Seen(visible=visible, labels=maps[0])


@contextmanager
def fast(translator: Translator, wanted: ComputeOptions | None, precision: Precision) -> Iterator[None]:
    """Let a translator compute in the given way, in a number format that its device has, until the end.

    Args:
        translator: whose networks are changed meanwhile.
        wanted: None for what suits the device.
        precision: of the networks; what they return is float32.

    Raises:
        UsageError: the device lacks what was asked for.
    """
    device = translator.device
    speed = choose_translation(wanted, device)
    require_precision(precision, device)
    with (
        kernels(precision, speed, same_shapes=False),
        prepared(translator.method, speed, precision, device, translating=True),
    ):
        yield


class Draw:
    """Draws batches of images of one size; where memory does not do for a batch, smaller ones from then on.

    Args:
        translator: its device and precision are used.
        temperatures: degrees Celsius by class name, for all images.
        tile: as `Translator.translate` takes it.
        depth: of the drawn images.
        batch: images at once; None for what suits the device and their size.
    """

    def __init__(
        self,
        translator: Translator,
        *,
        temperatures: Mapping[str, float],
        tile: int | None,
        depth: Depth,
        batch: int | None,
    ) -> None:
        self.translator, self.temperatures, self.tile, self.depth = translator, temperatures, tile, depth
        self._most = batch or MOST.get(translator.device.type, 1)
        self._pixels: float = math.inf if batch else self._most * 256 * 256

    def most(self, image: Seen) -> int:
        """Return how many images of this size make a batch."""
        height, width = image.visible.shape[:2]
        return max(1, int(min(self._most, self._pixels / (height * width))))

    def __call__(self, images: list[Seen]) -> list[NDArray[Any]]:
        """Return thermal images [H, W].

        Raises:
            DataError: a single image is too large for the memory.
        """
        drawn: list[NDArray[Any]] = []
        while len(drawn) < len(images):
            some = images[len(drawn) : len(drawn) + self.most(images[0])]
            try:
                drawn += self._draw(some)
                continue
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
            self._shrink(some)  # out of the `except`, whose traceback holds what filled the memory
        return drawn

    def _shrink(self, images: list[Seen]) -> None:
        height, width = images[0].visible.shape[:2]
        if len(images) == 1:
            fault = f"an image of {width}x{height} pixels does not fit into the memory of {self.translator.device.type}"
            raise DataError(fault, "Type --tile 1024")
        half = len(images) // 2
        self._pixels = half * height * width
        log.warning(
            "%d images of %dx%d pixels do not fit into memory; going on with %d", len(images), width, height, half
        )

    def _draw(self, images: list[Seen]) -> list[NDArray[Any]]:
        pixels = torch.from_numpy(np.stack([image.visible for image in images])).to(self.translator.device)
        visible = pixels.permute(0, 3, 1, 2)
        maps = [image.labels for image in images if image.labels is not None]
        labels = torch.stack(maps) if maps else None
        thermal = self.translator.translate(visible, labels, self.temperatures, tile=self.tile, depth=self.depth)
        return list(thermal[:, 0].cpu().numpy())


def stream(readers: Iterable[Callable[[], Seen]], draw: Draw) -> Iterator[Outcome]:
    """Yield the number of each image, from 0, and its thermal image [H, W] or why there is none.

    Images of one size come in their order; others may come before them, as soon as a batch of their size is whole.
    """
    held: dict[tuple[int, ...], list[tuple[int, Seen]]] = {}
    for number, reading in enumerate(ahead(readers, READERS)):
        try:
            image = reading.result()
        except DataError as error:
            yield number, error
            continue
        alike = held.setdefault(image.visible.shape, [])
        alike.append((number, image))
        if len(alike) >= draw.most(image):
            yield from _drawn(held.pop(image.visible.shape), draw)
        elif sum(map(len, held.values())) >= WINDOW * draw.most(image):
            yield from _drawn(held.pop(max(held, key=lambda shape: len(held[shape]))), draw)
    for group in held.values():
        yield from _drawn(group, draw)


def _drawn(group: list[tuple[int, Seen]], draw: Draw) -> Iterator[Outcome]:
    numbers, images = zip(*group, strict=True)
    try:
        yield from zip(numbers, draw(list(images)), strict=True)
    except DataError as error:
        yield from ((number, error) for number in numbers)


def _is_out_of_memory(error: RuntimeError) -> bool:
    # A CPU's allocator has no error type of its own.
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
