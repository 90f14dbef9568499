"""A trained model with its pre- and post-processing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from zoo.contracts import Batch, Method
from zoo.errors import DataError, UsageError
from zoo.layers.pixels import from_bytes, grey
from zoo.model_folder import ModelConfig
from zoo.recipe import choice_of
from zoo.translation.inputs import Picture, labels_of, pad_to, require_read, temperature_vector, told, visible_tensor
from zoo.translation.outputs import Depth, celsius, like
from zoo.translation.tiles import in_tiles

Degrees = Mapping[str, float]
"""Degrees Celsius by class name."""

SMALLEST_TILE = 32
"""Pixels; in smaller tiles there is more overlap than image."""


class Translator(nn.Module):
    """A trained method that turns visible images into thermal ones; `zoo.load` makes it.

    `forward` maps a batch's `visible` [N, 3, H, W] (and what else the model reads) to thermal [N, C, H, W], all in [-1, 1];
    `translate` takes files, pictures, arrays and tensors of any size and gives thermal images of the same size.
    """

    def __init__(self, method: Method, config: ModelConfig, *, card: str = "") -> None:
        super().__init__()
        self.method = method
        self.config = config
        """How the model was built and what it was trained on."""
        self.card = card
        """The model card as Markdown; empty where the weights came without one."""
        # What the contracts say, not the contracts: rows of plugins cannot be pickled.
        parts = [choice_of("method", config.recipe.method)]
        if config.recipe.generator:
            parts.append(choice_of("generator", config.recipe.generator))
        contracts = [part.contract for part in parts]
        self.reads = config.recipe.reads()
        """What the model reads, `visible` first (see `zoo.contracts.Batch`)."""
        self.size_multiple = int(np.lcm.reduce([contract.size_multiple for contract in contracts]))
        """Height and width that the networks take are multiples of this."""
        self.min_size = max(contract.min_size for contract in contracts)
        """Smallest height and width that the networks take."""

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next((tensor.device for tensor in self.method.state_dict().values()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """What the networks compute in."""
        tensors = self.method.state_dict().values()
        return next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of label indices 0, 1, ...; empty where the training data had none."""
        return self.config.dataset.classes

    @property
    def thermal_range(self) -> tuple[float, float] | None:
        """Degrees Celsius of the lowest and highest thermal value, or None where the weights know grey levels only."""
        return self.config.dataset.thermal_range

    @property
    def reads_labels(self) -> bool:
        """Whether the model reads class labels beside the image."""
        return bool({"labels", "thermal_segmentation"} & set(self.reads))

    @property
    def reads_temperatures(self) -> bool:
        """Whether the model reads degrees Celsius of the classes beside their labels."""
        return bool({"temperatures", "thermal_segmentation"} & set(self.reads))

    def grid(self, length: int) -> int:
        """Return the smallest side that the networks take and that is not shorter than `length`."""
        least = max(length, self.min_size)
        return -(-least // self.size_multiple) * self.size_multiple

    def forward(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] for a batch whose image size the networks take."""
        thermal: Tensor = self.method.translate(batch)
        return thermal

    @overload
    def translate(
        self,
        image: str | Path | Image.Image,
        labels: Picture | None = None,
        temperatures: Degrees | None = None,
        *,
        tile: int | None = None,
        depth: Depth | None = None,
    ) -> Image.Image: ...
    @overload
    def translate(
        self,
        image: NDArray[Any],
        labels: Picture | None = None,
        temperatures: Degrees | None = None,
        *,
        tile: int | None = None,
        depth: Depth | None = None,
    ) -> NDArray[Any]: ...
    @overload
    def translate(
        self,
        image: Tensor,
        labels: Picture | None = None,
        temperatures: Degrees | Sequence[Degrees] | None = None,
        *,
        tile: int | None = None,
        depth: Depth | None = None,
    ) -> Tensor: ...
    @overload
    def translate(
        self,
        image: list[Any] | tuple[Any, ...],
        labels: Sequence[Picture | None] | None = None,
        temperatures: Degrees | Sequence[Degrees] | None = None,
        *,
        tile: int | None = None,
        depth: Depth | None = None,
    ) -> list[Any]: ...

    @torch.no_grad()
    def translate(
        self,
        image: Picture | list[Any] | tuple[Any, ...],
        labels: Picture | Sequence[Picture | None] | None = None,
        temperatures: Degrees | Sequence[Degrees] | None = None,
        *,
        tile: int | None = None,
        depth: Depth | None = None,
    ) -> Image.Image | NDArray[Any] | Tensor | list[Any]:
        """Return the thermal image of a visible one, at the same size; the same call gives the same image.

        Args:
            image: a file or PIL image of any mode, giving a grey PIL image; an array [H, W, 3], [H, W, 1] or [H, W] of uint8, or
                of uint16, whose range is estimated as that of 16-bit files is, giving an array [H, W]; a tensor [3, H, W] or
                [N, 3, H, W], float in [-1, 1] or uint8, giving a tensor of one channel; or a list of these, of different sizes
                if need be, giving a list. Each image of a list or tensor comes out as it would alone.
            labels: class indices of the pixels, for models that read them: an 8-bit file, PIL image, array or tensor of the
                image's size; for a list, one for each image.
            temperatures: degrees Celsius by class name, for all images or in a list one for each; classes left out have their
                mean over the training set.
            tile: side in pixels, rounded up to what the networks take: images are translated in overlapping tiles of this
                size, which need less memory, and blended without seams. A network with statistics over the image
                (instance norm) draws each tile by its own, so that contrast may differ from that of the whole image. With a
                tile, files may have more pixels than Pillow's limit.
            depth: 8 for 0 to 255, 16 for 0 to 65535, "float" for float32 in [-1, 1]; by default floats for tensors, else 8.

        Raises:
            DataError: a path is empty, a file is not a readable image or is too large without a tile, or an array or tensor has
                another shape or type.
            UsageError: the model reads labels and got none, or does not read what it got; a class is unknown; or the tile or
                depth cannot be.
        """
        if tile is not None and tile < SMALLEST_TILE:
            raise UsageError(
                f"tile is {tile}; it must be {SMALLEST_TILE} pixels or more", "The larger, the better: 512 or 1024"
            )
        if isinstance(image, list | tuple):
            return [
                self.translate(one, its_labels, its_degrees, tile=tile, depth=depth)
                for one, its_labels, its_degrees in zip(
                    image, _for_each(labels, len(image)), _for_each(temperatures, len(image)), strict=True
                )
            ]
        visible = visible_tensor(image, any_size=tile is not None)
        thermal = self._thermal(self._batch(visible, labels, temperatures, any_size=tile is not None), tile)
        return like(thermal, image, depth)

    @overload
    def to_celsius(self, thermal: str | Path | Image.Image | NDArray[Any]) -> NDArray[np.float32]: ...
    @overload
    def to_celsius(self, thermal: Tensor) -> Tensor: ...
    @overload
    def to_celsius(self, thermal: list[Any] | tuple[Any, ...]) -> list[Any]: ...

    def to_celsius(self, thermal: Picture | list[Any] | tuple[Any, ...]) -> NDArray[np.float32] | Tensor | list[Any]:
        """Return the degrees Celsius of every pixel of a translation, linear over `thermal_range`.

        An 8-bit image holds 256 temperatures only; translate with `depth="float"` to keep them all. A pixel at either end of
        the range stands for that temperature or beyond.

        Args:
            thermal: what `translate` gave, of any depth, or a file of it; a picture, file or array gives a float32 array [H, W],
                a tensor a float32 tensor of its shape, a list a list.

        Raises:
            UsageError: the weights know grey levels only.
            DataError: the image is of another type or range.
        """
        low, high = self.require_degrees()
        if isinstance(thermal, list | tuple):
            return [celsius(one, (low, high)) for one in thermal]
        return celsius(thermal, (low, high))

    def require_degrees(self) -> tuple[float, float]:
        """Return `thermal_range`, of weights that know it.

        Raises:
            UsageError: they know grey levels only.
        """
        if self.thermal_range is None:
            data = self.config.dataset.name
            raise UsageError(
                f"these weights know grey levels, not degrees: their training data, {data}, has no temperatures",
                "Train on data in degrees, such as scenes",
            )
        return self.thermal_range

    def require_inputs(self, *, labels: bool, temperatures: Degrees | None = None) -> None:
        """Check what is given beside the visible image against what the model reads.

        Args:
            labels: whether class labels are given.
            temperatures: degrees Celsius by class name; None or empty where none are given.

        Raises:
            UsageError: the model reads labels and gets none, gets what it does not read, or a class is unknown.
        """
        name = self.config.recipe.method.name
        require_read(name, self.classes, self.reads, labels=labels, temperatures=temperatures)

    def _batch(
        self, visible: Tensor, labels: Any, temperatures: Degrees | Sequence[Degrees] | None, *, any_size: bool
    ) -> Batch:
        """Assemble what the model reads; a sequence of temperatures has one entry for each image."""
        given = _for_each(temperatures, len(visible))
        for one in given:
            self.require_inputs(labels=labels is not None, temperatures=one)
        if labels is None:
            return {"visible": visible}
        data = self.config.dataset
        degrees = [temperature_vector(one or {}, self.classes, data.class_temperatures) for one in given]
        maps = labels_of(labels, self.classes, visible, any_size=any_size)
        return {"visible": visible} | told(maps, torch.stack(degrees), data.thermal_range)

    def _thermal(self, batch: Batch, tile: int | None) -> Tensor:
        """Pad to a size that the networks take, translate, and crop back to [N, 1, H, W]."""
        height, width = batch["visible"].shape[-2:]
        rows, columns = self.grid(height), self.grid(width)
        padded = {name: _padded(entry, rows, columns) for name, entry in batch.items()}
        if tile is None:
            return self._drawn(padded)[..., :height, :width]
        sides = min(self.grid(tile), rows), min(self.grid(tile), columns)
        return in_tiles(self._drawn, padded, tile=sides, multiple=self.size_multiple)[..., :height, :width]

    def _drawn(self, batch: Batch) -> Tensor:
        """Return thermal images [N, 1, H, W], float32 in [-1, 1], for what the networks take."""
        if self.method.training and len(batch["visible"]) > 1:
            # Dropout and the statistics of a batch would make an image depend on those beside it.
            singles = [{name: entry[i : i + 1] for name, entry in batch.items()} for i in range(len(batch["visible"]))]
            return torch.cat([self._drawn(single) for single in singles])
        with torch.random.fork_rng():
            torch.manual_seed(0)  # methods that keep dropout on when they translate draw the same every time
            return grey(self({name: self._placed(entry) for name, entry in batch.items()}))

    def _placed(self, entry: Tensor) -> Tensor:
        """Return a tensor where the networks are; images also in the type that they compute in."""
        placed = entry.to(self.device)
        if placed.dtype == torch.uint8 and placed.dim() == 4:
            placed = from_bytes(placed)
        is_image = placed.dim() == 4 and placed.is_floating_point()
        return placed.to(self.dtype).contiguous() if is_image else placed  # laid out as scored images are


def _padded(entry: Tensor, height: int, width: int) -> Tensor:
    """Enlarge images [N, C, H, W] and maps [N, H, W] at the bottom and right; leave what has no pixels."""
    return pad_to(entry, height, width) if entry.dim() > 2 else entry


def _for_each(values: Any, count: int) -> Sequence[Any]:
    """Return one value for each of `count` images, from a list of them or one for all."""
    if not isinstance(values, list | tuple):
        return [values] * count
    if len(values) != count:
        raise DataError(f"there are {count} images and {len(values)} labels or temperatures", "Give one for each image")
    return values
