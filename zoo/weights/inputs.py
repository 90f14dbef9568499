"""From a user's pictures to the tensors that networks read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from zoo.contracts import Batch
from zoo.data.images import read_labels, read_visible, to_rgb
from zoo.errors import DataError, UsageError, did_you_mean
from zoo.layers.conditions import paint_temperatures

RANGE_SLACK = 1e-3
"""How far beyond [-1, 1] interpolation may have carried a tensor."""

Picture = str | Path | Image.Image | NDArray[Any] | Tensor
"""What users hand in: a file, a PIL image, an array or a tensor."""


def visible_tensor(image: Picture) -> Tensor:
    """Return visible images as float32 [N, 3, H, W] in [-1, 1].

    Args:
        image: a file or PIL image of any mode, a uint8 array [H, W, 3], or a float tensor [3, H, W] or [N, 3, H, W] in [-1, 1].

    Raises:
        DataError: the file is not a readable image, or the array or tensor has another shape or type.
    """
    if isinstance(image, Tensor):
        if not image.is_floating_point() or image.dim() not in (3, 4) or image.shape[-3] != 3:
            found = f"{image.dtype} {list(image.shape)}"
            raise DataError(f"a tensor to translate is float [3, H, W] or [N, 3, H, W] in [-1, 1]; this is {found}")
        if image.numel() == 0 or not bool(torch.isfinite(image).all()) or float(image.abs().max()) > 1 + RANGE_SLACK:
            raise DataError("a tensor to translate is not empty and holds finite values in [-1, 1]; this one does not")
        return image.float() if image.dim() == 4 else image[None].float()
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise DataError(f"an array to translate is uint8 [H, W, 3]; this is {image.dtype} {list(image.shape)}")
        pixels = image
    else:
        pixels = to_rgb(image) if isinstance(image, Image.Image) else read_visible(Path(image))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def labels_tensor(labels: Picture, classes: Sequence[str], size: tuple[int, int]) -> Tensor:
    """Return class indices as int64 [N, H, W].

    Args:
        labels: an 8-bit label file or PIL image, an integer array [H, W], or an integer tensor [H, W] or [N, H, W].
        classes: names of the indices.
        size: height and width of the image that the labels belong to.

    Raises:
        DataError: the size differs from the image's, or an index has no class.
    """
    if isinstance(labels, Tensor):
        tensor = labels
    elif isinstance(labels, np.ndarray):
        tensor = torch.from_numpy(labels.astype(np.int64))
    else:
        tensor = torch.from_numpy(np.array(labels if isinstance(labels, Image.Image) else read_labels(Path(labels))))
    tensor = tensor.long() if tensor.dim() == 3 else tensor.long()[None]
    if tuple(tensor.shape[-2:]) != size:
        raise DataError(
            f"the labels are {tensor.shape[-1]}x{tensor.shape[-2]} and the image {size[1]}x{size[0]} pixels"
        )
    if tensor.min() < 0 or tensor.max() >= len(classes):
        raise DataError(f"label {int(tensor.max())} has no class; the model knows 0 to {len(classes) - 1}")
    return tensor


def labels_of(labels: Picture, classes: Sequence[str], visible: Tensor) -> Tensor:
    """Return class indices as int64 [N, H, W] on the device of the visible images [N, 3, H, W] that they belong to.

    One map does for several images.

    Raises:
        DataError: as `labels_tensor`, or there are fewer or more maps than images.
    """
    maps = labels_tensor(labels, classes, (visible.shape[-2], visible.shape[-1])).to(visible.device)
    if len(maps) not in (1, len(visible)):
        raise DataError(f"there are {len(maps)} maps of labels for {len(visible)} images")
    return maps.expand(len(visible), -1, -1)


def told(labels: Tensor, degrees: Tensor, thermal_range: tuple[float, float] | None) -> Batch:
    """Return what models may read beside the visible image, from class indices and the degrees of each class.

    Args:
        labels: int64 [N, H, W].
        degrees: Celsius [N, K] or [K]; NaN where nothing is known.
        thermal_range: degrees at -1 and 1.

    Returns:
        `labels`; `temperatures` [N, K], NaN for classes that an image lacks, as datasets have them; and where the range is
        known `thermal_segmentation` [N, 1, H, W].
    """
    absent = torch.zeros(labels.shape[0], degrees.shape[-1], dtype=torch.bool, device=labels.device)
    present = absent.scatter(1, labels.flatten(1), True)
    temperatures = torch.where(present, degrees.to(labels.device), torch.nan)
    batch = {"labels": labels, "temperatures": temperatures}
    if thermal_range:
        batch["thermal_segmentation"] = paint_temperatures(labels, temperatures, thermal_range)
    return batch


def temperature_vector(given: Mapping[str, float], classes: Sequence[str], usual: Mapping[str, float]) -> Tensor:
    """Return degrees Celsius [K] by class: those given, else the means of the training set, else NaN.

    Raises:
        UsageError: a name is not one of the classes.
    """
    for name in given:
        if name not in classes:
            known = did_you_mean(name, classes) or f"The classes are {', '.join(classes)}"
            raise UsageError(f"the model knows no class {name!r}", known)
    return torch.tensor([given.get(name, usual.get(name, float("nan"))) for name in classes])


def pad_to(x: Tensor, height: int, width: int) -> Tensor:
    """Enlarge images [N, C, H, W] at the bottom and right by reflection, and by their edge where that runs out."""
    bottom, right = height - x.shape[-2], width - x.shape[-1]
    reflect = (min(right, x.shape[-1] - 1), min(bottom, x.shape[-2] - 1))
    x = F.pad(x, (0, reflect[0], 0, reflect[1]), mode="reflect")
    return F.pad(x, (0, right - reflect[0], 0, bottom - reflect[1]), mode="replicate")
