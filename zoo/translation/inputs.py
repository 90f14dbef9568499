"""From a user's pictures to the tensors that networks read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from zoo.contracts import Batch
from zoo.data.images import label_indices, one_channel, read_labels, read_visible, to_bytes, to_rgb
from zoo.errors import DataError, UsageError, did_you_mean
from zoo.layers.conditions import paint_temperatures

RANGE_SLACK = 1e-3
"""How far beyond [-1, 1] interpolation may have carried a tensor."""

Picture = str | Path | Image.Image | NDArray[Any] | Tensor
"""What users hand in: a file, a PIL image, an array or a tensor."""


def visible_tensor(image: Picture, *, any_size: bool = False) -> Tensor:
    """Return visible images [N, 3, H, W]: float32 in [-1, 1] of float tensors, uint8 of all else (`pixels.from_bytes`).

    Args:
        image: a file or PIL image of any mode; an array [H, W, 3], [H, W, 1] or [H, W] of uint8, or of uint16, whose range is
            estimated; or a tensor [3, H, W] or [N, 3, H, W], float in [-1, 1] or uint8.
        any_size: also decode files above Pillow's limit of pixels.

    Raises:
        DataError: the path is empty, the file is not a readable image, or the array or tensor has another shape or type.
    """
    if isinstance(image, Tensor) and image.dtype == torch.uint8 and image.dim() in (3, 4) and image.shape[-3] == 3:
        return image if image.dim() == 4 else image[None]
    if isinstance(image, Tensor):
        if not image.is_floating_point() or image.dim() not in (3, 4) or image.shape[-3] != 3:
            found = f"{image.dtype} {list(image.shape)}"
            raise DataError(f"a tensor to translate is float [3, H, W] or [N, 3, H, W] in [-1, 1]; this is {found}")
        if image.numel() == 0 or not bool(torch.isfinite(image).all()) or float(image.abs().max()) > 1 + RANGE_SLACK:
            raise DataError("a tensor to translate is not empty and holds finite values in [-1, 1]; this one does not")
        return image.float() if image.dim() == 4 else image[None].float()
    if isinstance(image, np.ndarray):
        pixels = _colours(image)
    elif isinstance(image, Image.Image):
        pixels = to_rgb(image)
    else:
        pixels = read_visible(given_path(image, "the image to translate"), any_size=any_size)
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]


def given_path(path: str | Path, what: str) -> Path:
    """Return a path that a user gave; `what` names it in the error.

    Raises:
        DataError: it is empty, and would be the current folder.
    """
    if str(path) in ("", "."):
        raise DataError(f"{what} is an empty path or a folder", "Name a file")
    return Path(path)


def _colours(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an array to translate as uint8 [H, W, 3]."""
    colours = array[..., None] if array.ndim == 2 else array
    if (
        array.dtype not in (np.uint8, np.uint16)
        or colours.ndim != 3
        or colours.shape[2] not in (1, 3)
        or not array.size
    ):
        found = f"{array.dtype} {list(array.shape)}"
        raise DataError(
            f"an array to translate is uint8 [H, W, 3], [H, W, 1] or [H, W], or such of uint16; this is {found}"
        )
    colours = colours if array.dtype == np.uint8 else to_bytes(colours)
    return np.broadcast_to(colours, (*colours.shape[:2], 3))


def labels_tensor(labels: Picture, classes: Sequence[str], size: tuple[int, int], *, any_size: bool = False) -> Tensor:
    """Return class indices as int64 [N, H, W].

    Args:
        labels: an 8-bit label file or PIL image, an integer array [H, W] or [H, W, 1], or an integer tensor [H, W] or [N, H, W].
        classes: names of the indices.
        size: height and width of the image that the labels belong to.
        any_size: also decode files above Pillow's limit of pixels.

    Raises:
        DataError: they cannot be decoded, are no integers, have another size than the image, or an index has no class.
    """
    tensor = labels if isinstance(labels, Tensor) else torch.from_numpy(_indices(labels, any_size=any_size))
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dim() not in (2, 3):
        found = f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
        raise DataError(f"labels are integers [H, W], or [N, H, W] in a tensor; these are {found}")
    tensor = tensor.long() if tensor.dim() == 3 else tensor.long()[None]
    if tuple(tensor.shape[-2:]) != size or not len(tensor):
        raise DataError(
            f"the labels are {tensor.shape[-1]}x{tensor.shape[-2]} and the image {size[1]}x{size[0]} pixels"
        )
    low, high = int(tensor.min()), int(tensor.max())
    if low < 0 or high >= len(classes):
        raise DataError(f"label {low if low < 0 else high} has no class; the model knows 0 to {len(classes) - 1}")
    return tensor


def _indices(labels: str | Path | Image.Image | NDArray[Any], *, any_size: bool) -> NDArray[Any]:
    """Return class indices of a file, picture or array as int64 where they are integers [H, W], else as they are."""
    if isinstance(labels, Image.Image):
        return label_indices(labels).astype(np.int64)
    if not isinstance(labels, np.ndarray):
        return read_labels(given_path(labels, "the label image"), any_size=any_size).astype(np.int64)
    if labels.dtype.kind not in "bui":
        raise DataError(f"labels are integers [H, W]; these are {labels.dtype} {list(labels.shape)}")
    one = one_channel(labels)
    if one.ndim != 2:
        raise DataError(f"labels are integers [H, W] or [H, W, 1]; these are {labels.dtype} {list(labels.shape)}")
    top = np.iinfo(np.int64).max  # larger uint64 would turn negative
    return np.minimum(one, top).astype(np.int64) if one.dtype == np.uint64 else one.astype(np.int64)


def labels_of(labels: Picture, classes: Sequence[str], visible: Tensor, *, any_size: bool = False) -> Tensor:
    """Return class indices as int64 [N, H, W] on the device of the visible images [N, 3, H, W] that they belong to.

    One map does for several images.

    Raises:
        DataError: as `labels_tensor`, or there are fewer or more maps than images.
    """
    size = visible.shape[-2], visible.shape[-1]
    maps = labels_tensor(labels, classes, size, any_size=any_size).to(visible.device)
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


def require_read(
    name: str, classes: Sequence[str], reads: Sequence[str], *, labels: bool, temperatures: Mapping[str, float] | None
) -> None:
    """Check what is given beside the visible image against what a model reads.

    Args:
        name: of the model, for the error.
        classes: class names of the label indices.
        reads: entries of a batch (`zoo.contracts.Batch`).
        labels: whether class labels are given.
        temperatures: degrees Celsius by class name; None or empty where none are given.

    Raises:
        UsageError: the model reads labels and gets none, gets what it does not read, or a class is unknown.
    """
    reads_labels = bool({"labels", "thermal_segmentation"} & set(reads))
    read = "the visible image and class labels" if reads_labels else "the visible image only"
    if labels and not reads_labels:
        raise UsageError(f"this model ({name}) reads {read}, no labels", "Leave out labels (--labels)")
    if temperatures and not {"temperatures", "thermal_segmentation"} & set(reads):
        raise UsageError(f"this model ({name}) reads {read}, no temperatures", "Leave out temperatures (--temperature)")
    if reads_labels and not labels:
        known = ", ".join(f"{index} {one}" for index, one in enumerate(classes))
        raise UsageError(
            f"this model ({name}) reads class labels beside the image and got none",
            f"Give labels=... in Python or --labels FILE; the indices are {known}",
        )
    temperature_vector(temperatures or {}, classes, {})


def temperature_vector(given: Mapping[str, float], classes: Sequence[str], usual: Mapping[str, float]) -> Tensor:
    """Return degrees Celsius [K] by class: those given, else the means of the training set, else NaN.

    Raises:
        UsageError: a name is not one of the classes, or its degrees are not finite.
    """
    for name in given:
        if not math.isfinite(given[name]):
            raise UsageError(f"the temperature of {name!r} is {given[name]}, not a number of degrees")
        if name not in classes:
            known = did_you_mean(name, classes) or f"The classes are {', '.join(classes)}"
            raise UsageError(f"the model knows no class {name!r}", known)
    return torch.tensor([given.get(name, usual.get(name, float("nan"))) for name in classes])


def pad_to(x: Tensor, height: int, width: int) -> Tensor:
    """Enlarge images [..., H, W] of any type at the bottom and right by reflection, and by their edge where that runs out."""
    for side, length in ((-2, height), (-1, width)):
        there = x.shape[side]
        if length > there:
            # After the last pixel come those before it, down to the first, which is then repeated.
            beyond = (2 * (there - 1) - torch.arange(there, length, device=x.device)).clamp(min=0)
            x = torch.cat((x, x.index_select(side, beyond)), dim=side)
    return x
