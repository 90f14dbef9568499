"""A trained model with its pre- and post-processing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from zoo.contracts import Batch, Method
from zoo.errors import DataError, UsageError
from zoo.layers.pixels import grey
from zoo.model_folder import ModelConfig
from zoo.recipe import choice_of
from zoo.translation import summary
from zoo.translation.inputs import (
    Degrees,
    Picture,
    Temperatures,
    for_each,
    in_dtype,
    label_entries,
    labels_tensor,
    pad_to,
    require_inputs,
    require_pixels,
    require_tensor,
    temperature_vector,
    to_network,
    visible_tensor,
)
from zoo.translation.outputs import Depth, celsius, like_input
from zoo.translation.tiles import Progress, in_tiles

Same = TypeVar("Same", Image.Image, NDArray[Any], Tensor)
Images = list[Any] | tuple[Any, ...]
Labels = Picture | Sequence[Picture | None] | None

SMALLEST_TILE = 32
"""Pixels; of smaller tiles the overlap is most of the image."""


class Translator(nn.Module):
    """A trained method that translates visible images to thermal ones; `zoo.load` returns it.

    Calling it maps visible images [N, 3, H, W], or a batch with `visible` and the other entries in `reads`, to thermal
    [N, C, H, W], all in [-1, 1], and gradients pass through it; `translate` takes files, pictures, arrays and tensors of any size
    and returns thermal images of the same size. The layers are those of `translator.method`.
    """

    def __init__(
        self, method: Method, config: ModelConfig, *, card: str = "", name: str = "", folder: Path | None = None
    ) -> None:
        super().__init__()
        self.method = method
        self.config = config
        """Recipe and training data of the model."""
        self.card = card
        """The model card as Markdown; empty if the weights have none."""
        self.name = name
        """The name of the weights, or of their folder or repository."""
        self.folder = folder
        """Where the weights were loaded from; None for a model that was not loaded."""
        self.on_tile: Progress | None = None
        """Called after each tile with the number of finished tiles and of all; for images translated in tiles."""
        # Values of the contracts, not the contracts: those of plugins cannot be pickled.
        contracts = [choice_of("method", config.recipe.method).contract]
        if config.recipe.generator:
            contracts.append(choice_of("generator", config.recipe.generator).contract)
        self.reads = config.recipe.reads()
        """Entries of a batch that the model uses (see `zoo.contracts.Batch`), `visible` first."""
        self.size_multiple = int(np.lcm.reduce([contract.size_multiple for contract in contracts]))
        """The networks need heights and widths that are multiples of this."""
        self.min_size = max(contract.min_size for contract in contracts)
        """Smallest height and width of the networks."""

    @property
    def device(self) -> torch.device:
        """Device of the networks."""
        return next((tensor.device for tensor in self.method.state_dict().values()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the networks."""
        tensors = self.method.state_dict().values()
        return next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of label indices 0, 1, ...; empty if the training data had none."""
        return self.config.dataset.classes

    @property
    def thermal_range(self) -> tuple[float, float] | None:
        """Degrees Celsius of the lowest and highest thermal value, or None if the training data was not calibrated."""
        return self.config.dataset.thermal_range

    @property
    def reads_labels(self) -> bool:
        """Whether class labels are an additional input."""
        return bool({"labels", "thermal_segmentation"} & set(self.reads))

    @property
    def reads_temperatures(self) -> bool:
        """Whether degrees Celsius of the classes are an additional input."""
        return bool({"temperatures", "thermal_segmentation"} & set(self.reads))

    def grid(self, length: int) -> int:
        """Return the smallest side, at least `length`, that suits the networks.

        Raises:
            UsageError: it is no whole number, or less than 1.
        """
        return -(-max(require_pixels(length, "a side"), self.min_size) // self.size_multiple) * self.size_multiple

    def forward(self, batch: Batch | Tensor) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] for visible ones whose sides suit the networks (`grid`).

        Args:
            batch: a tensor [N, 3, H, W] in [-1, 1], for models that read nothing else, or a batch with the entries in `reads`.
                Images of another floating-point type are converted to `dtype`.

        Raises:
            UsageError: it is neither, its values are outside [-1, 1], or the model reads more than the visible image.
        """
        if not isinstance(batch, Mapping):
            batch = {"visible": require_tensor(batch, self.size_multiple, self.min_size)}
            self.require_inputs(labels=False)
        dtype = self.dtype
        thermal: Tensor = self.method.translate({name: in_dtype(entry, dtype) for name, entry in batch.items()})
        return thermal

    __repr__ = summary.text
    _repr_html_ = summary.card

    @overload
    def translate(
        self,
        image: str | Path,
        labels: Labels = ...,
        temperatures: Temperatures = ...,
        *,
        tile: int | None = ...,
        depth: Depth | None = ...,
    ) -> Image.Image: ...
    @overload
    def translate(
        self,
        image: Same,
        labels: Labels = ...,
        temperatures: Temperatures = ...,
        *,
        tile: int | None = ...,
        depth: Depth | None = ...,
    ) -> Same: ...
    @overload
    def translate(
        self,
        image: Images,
        labels: Labels = ...,
        temperatures: Temperatures = ...,
        *,
        tile: int | None = ...,
        depth: Depth | None = ...,
    ) -> list[Any]: ...

    @torch.no_grad()
    def translate(
        self,
        image: Picture | Images,
        labels: Labels = None,
        temperatures: Temperatures = None,
        *,
        tile: int | None = None,
        depth: Depth | None = None,
    ) -> Image.Image | NDArray[Any] | Tensor | list[Any]:
        """Return the thermal image of a visible one, at the same size; the same call returns the same image.

        Args:
            image: a file or PIL image of any mode, for which a grey PIL image is returned; an array [H, W, 3], [H, W, 1] or
                [H, W] of uint8, or of uint16, whose range is estimated as that of 16-bit files is, for an array [H, W]; a tensor
                [3, H, W] or [N, 3, H, W], float in [-1, 1] or uint8, for a tensor of one channel; or a list of these, also of
                different sizes, for a list. The images of a list or tensor do not depend on each other.
            labels: class indices of the pixels, for models with `reads_labels`: an 8-bit file, PIL image, array or tensor of the
                image's size; for a list, one for each image.
            temperatures: degrees Celsius by class name, for all images or in a list one for each; the other classes have their
                mean over the training set.
            tile: side in pixels, rounded up to a size that suits the networks: images are translated in overlapping tiles of this
                size, which need less memory, and blended without seams. A network with statistics over the image (instance
                norm) uses those of each tile, so that contrast may differ from that of the whole image. With a tile, files may
                have more pixels than Pillow's limit.
            depth: 8 for 0 to 255, 16 for 0 to 65535, "float" for float32 in [-1, 1]; by default floats for tensors, else 8.

        Raises:
            DataError: a path is empty, a file is not a readable image or is too large without a tile, or an array or tensor has
                another shape or type.
            UsageError: the model needs labels and got none, or does not use an input; a class is unknown; or the tile or depth
                is invalid.
        """
        if tile is not None:
            tile = require_pixels(tile, "`tile`", SMALLEST_TILE)
        if isinstance(image, list | tuple):
            inputs = zip(image, for_each(labels, len(image)), for_each(temperatures, len(image)), strict=True)
            return [self.translate(*one, tile=tile, depth=depth) for one in inputs]
        visible = visible_tensor(image, any_size=tile is not None)
        batch = {"visible": visible} | self._additional_inputs(visible, labels, temperatures, any_size=tile is not None)
        return like_input(self._translate(batch, tile), image, depth)

    @overload
    def to_celsius(self, thermal: str | Path | Image.Image | NDArray[Any]) -> NDArray[np.float32]: ...
    @overload
    def to_celsius(self, thermal: Tensor) -> Tensor: ...
    @overload
    def to_celsius(self, thermal: Images) -> list[Any]: ...

    def to_celsius(self, thermal: Picture | Images) -> NDArray[np.float32] | Tensor | list[Any]:
        """Return the degrees Celsius of every pixel of a translation, linear over `thermal_range`.

        An 8-bit image has only 256 temperatures; `depth="float"` keeps them all. A pixel at either end of the range means that
        temperature or beyond.

        Args:
            thermal: an output of `translate`, of any depth, or a file of it. The result is a float32 array [H, W] for a picture,
                file or array, a float32 tensor of the same shape for a tensor, and a list for a list.

        Raises:
            UsageError: the training data was not calibrated.
            DataError: the image is of another type or range.
        """
        low, high = self.require_degrees()
        if isinstance(thermal, list | tuple):
            return [celsius(one, (low, high)) for one in thermal]
        return celsius(thermal, (low, high))

    def require_degrees(self) -> tuple[float, float]:
        """Return `thermal_range` of weights that were trained on calibrated data.

        Raises:
            UsageError: the training data was not calibrated.
        """
        if self.thermal_range is None:
            data = self.config.dataset.name
            reason = f"these weights have grey levels, not degrees: their training data, {data}, has no temperatures"
            raise UsageError(reason, "Train on data in degrees, such as scenes")
        return self.thermal_range

    def require_inputs(self, *, labels: bool, temperatures: Degrees | None = None) -> None:
        """Check that the additional inputs are those of the model.

        Args:
            labels: whether class labels are passed.
            temperatures: degrees Celsius by class name; None or empty if none are passed.

        Raises:
            UsageError: labels are missing, an input is not used by the model, or a class is unknown.
        """
        require_inputs(
            self.config.recipe.method.name, self.reads, self.classes, labels=labels, temperatures=temperatures or {}
        )

    def _additional_inputs(self, visible: Tensor, labels: Any, temperatures: Temperatures, *, any_size: bool) -> Batch:
        """Return the entries of a batch besides `visible` [N, 3, H, W]; a sequence of temperatures has one for each image."""
        per_image = for_each(temperatures, len(visible))
        for one in per_image:
            self.require_inputs(labels=labels is not None, temperatures=one)
        if labels is None:
            return {}
        data, size = self.config.dataset, (visible.shape[-2], visible.shape[-1])
        degrees = [temperature_vector(one or {}, self.classes, data.class_temperatures) for one in per_image]
        maps = labels_tensor(labels, self.classes, size, any_size=any_size).to(visible.device)
        if len(maps) not in (1, len(visible)):
            raise DataError(f"there are {len(maps)} maps of labels for {len(visible)} images")
        return label_entries(maps.expand(len(visible), -1, -1), torch.stack(degrees), data.thermal_range)

    def _translate(self, batch: Batch, tile: int | None) -> Tensor:
        """Pad to a size that suits the networks, translate, and crop to [N, 1, H, W] of the original size."""
        height, width = batch["visible"].shape[-2:]
        rows, columns = self.grid(height), self.grid(width)
        padded = {name: pad_to(entry, rows, columns) if entry.dim() > 2 else entry for name, entry in batch.items()}
        if tile is None:
            return self._forward(padded)[..., :height, :width]
        sides = min(self.grid(tile), rows), min(self.grid(tile), columns)
        thermal = in_tiles(self._forward, padded, tile=sides, multiple=self.size_multiple, on_tile=self.on_tile)
        return thermal[..., :height, :width]

    def _forward(self, batch: Batch) -> Tensor:
        """Return thermal images [N, 1, H, W], float32 in [-1, 1], for a batch whose size suits the networks."""
        if self.method.training and len(batch["visible"]) > 1:
            # Dropout and batch statistics would make an image depend on the others of the batch.
            singles = [{name: entry[i : i + 1] for name, entry in batch.items()} for i in range(len(batch["visible"]))]
            return torch.cat([self._forward(single) for single in singles])
        device, dtype = self.device, self.dtype
        with torch.random.fork_rng():
            torch.manual_seed(0)  # methods that keep dropout at inference use the same random numbers each time
            return grey(self({name: to_network(entry, device, dtype) for name, entry in batch.items()}))
