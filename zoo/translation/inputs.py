"""From images and labels of a user to tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import index
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
from zoo.layers.pixels import from_bytes

RANGE_SLACK = 1e-3
"""Largest excess over [-1, 1], as interpolation causes it."""

Degrees = Mapping[str, float]
"""Degrees Celsius by class name."""
Temperatures = Degrees | Sequence[Degrees] | None
Picture = str | Path | Image.Image | NDArray[Any] | Tensor
"""A file, a PIL image, an array or a tensor."""


_INPUTS = {"visible", "labels", "temperatures", "thermal_segmentation"}
"""Entries of a batch that a translation is given or computes from what is given."""


def visible_tensor(image: Picture, *, any_size: bool = False) -> Tensor:
    """Return visible images [N, 3, H, W]: float32 in [-1, 1] of float tensors, uint8 of all others (`pixels.from_bytes`).

    Args:
        image: a file or PIL image of any mode; an array [H, W, 3], [H, W, 1] or [H, W] of uint8, or of uint16, whose range is
            estimated; or a tensor [3, H, W] or [N, 3, H, W], float in [-1, 1] or uint8.
        any_size: also decode files above Pillow's limit of pixels.

    Raises:
        DataError: the path is empty, the file is not a readable image, or the array or tensor has another shape or type.
    """
    if isinstance(image, Tensor):
        is_float = image.is_floating_point()
        if not (is_float or image.dtype == torch.uint8) or image.dim() not in (3, 4) or image.shape[-3] != 3:
            found = f"{image.dtype} {list(image.shape)}"
            raise DataError(f"a tensor to translate is float [3, H, W] or [N, 3, H, W] in [-1, 1]; this is {found}")
        if not image.numel():
            raise DataError(f"a tensor to translate is not empty; this one is {list(image.shape)}")
        if is_float:
            _require_range(image, "a tensor to translate")
        images = image if image.dim() == 4 else image[None]
        return images.float() if is_float else images
    if isinstance(image, np.ndarray):
        pixels = _rgb_array(image)
    elif isinstance(image, Image.Image):
        pixels = to_rgb(image)
    elif isinstance(image, str | Path):
        pixels = read_visible(require_path(image, "the image to translate"), any_size=any_size)
    else:
        raise DataError(
            f"an image to translate is a file, a PIL image, an array or a tensor; this is {type(image).__name__}",
            "Several images are a list of these",
        )
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]


def require_path(path: str | Path, what: str) -> Path:
    """Return a path; `what` names it in the error.

    Raises:
        DataError: it is empty, and would be the current folder, or it is a folder.
    """
    if str(path) in ("", "."):
        found = "the current folder" if str(path) else "an empty path"
        raise DataError(f"{what} is {found}", "Name a file; several files are a list")
    if Path(path).is_dir():
        raise DataError(f"{what}, `{path}`, is a folder", "Name a file; several files are a list")
    return Path(path)


def _require_range(images: Tensor, what: str) -> None:
    """Refuse float images outside [-1, 1]; `what` names them in the error."""
    low, high = (float(end) for end in images.detach().aminmax())
    if not (low >= -1 - RANGE_SLACK and high <= 1 + RANGE_SLACK):  # also NaN
        raise DataError(
            f"{what} has values in [-1, 1]; the values of this one are {low:.4g} to {high:.4g}",
            "Scale levels of 0 to 255 by `x / 127.5 - 1`, and of 0 to 1 by `x * 2 - 1`",
        )


def require_pixels(value: Any, name: str, least: int = 1) -> int:
    """Return a side in pixels, an integer of any type.

    Raises:
        UsageError: it is no integer, or is smaller than `least`.
    """
    try:
        pixels = index(value)
    except TypeError:
        raise UsageError(f"{name} is {value!r}; it must be a whole number of pixels", "Use e.g. 512") from None
    if pixels < least:
        raise UsageError(f"{name} is {pixels}; it must be {least} pixels or more", "Use e.g. 512")
    return pixels


def require_tensor(images: object, multiple: int, least: int) -> Tensor:
    """Return the argument of a network, a float tensor [N, 3, H, W] in [-1, 1] whose sides are multiples and large enough.

    Raises:
        UsageError: it is something else.
    """
    fix = "Use `.translate(...)`, which takes files, PIL images, arrays and tensors of any size"
    if not isinstance(images, Tensor):
        raise UsageError(
            f"a model is called with a tensor [N, 3, H, W] or a batch; this is {type(images).__name__}", fix
        )
    found = f"{str(images.dtype).removeprefix('torch.')} {list(images.shape)}"
    if not images.is_floating_point() or images.dim() != 4 or images.shape[1] != 3:
        raise UsageError(f"a model is called with float images [N, 3, H, W] in [-1, 1]; this is {found}", fix)
    if any(side % multiple or side < least for side in images.shape[2:]):
        sides = f"multiples of {multiple} and {max(least, multiple)} or more"
        raise UsageError(f"the networks need sides that are {sides}; this is {found}", fix)
    if images.numel() and not torch.compiler.is_compiling():  # a graph cannot depend on values
        _require_range(images, "the tensor that a model is called with")
    return images


def to_network(entry: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return an entry of a batch on the networks' device; images also as floats in their type."""
    moved = entry.to(device)
    if moved.dtype == torch.uint8 and moved.dim() == 4:
        moved = from_bytes(moved)
    return in_dtype(moved, dtype).contiguous() if moved.dim() == 4 else moved  # in the memory layout of scored images


def in_dtype(entry: Tensor, dtype: torch.dtype) -> Tensor:
    """Return images of floats in this type, other entries of a batch as they are."""
    return entry.to(dtype) if entry.dim() == 4 and entry.is_floating_point() else entry


def require_inputs(
    method: str, reads: Sequence[str], classes: Sequence[str], *, labels: bool, temperatures: Degrees
) -> None:
    """Check that the additional inputs are those of a model.

    Args:
        method: its name.
        reads, classes: of the model.
        labels: whether class labels are passed.
        temperatures: degrees Celsius by class name.

    Raises:
        UsageError: labels are missing, an input is not used by the model, or a class is unknown.
    """
    reads_labels = bool({"labels", "thermal_segmentation"} & set(reads))
    reads_temperatures = bool({"temperatures", "thermal_segmentation"} & set(reads))
    model = f"this model ({method})"
    others = sorted(set(reads) - _INPUTS)
    if others:
        found = f"{model} reads {', '.join(others)}, which only a dataset that declares them brings"
        raise UsageError(found, "Score it on such a dataset")
    inputs = "the visible image and class labels" if reads_labels else "the visible image only"
    if labels and not reads_labels:
        raise UsageError(f"{model} reads {inputs}, no labels", "Leave out `labels`")
    if temperatures and not reads_temperatures:
        raise UsageError(f"{model} reads {inputs}, no temperatures", "Leave out `temperatures`")
    if reads_labels and not labels:
        known = ", ".join(f"{index} {name}" for index, name in enumerate(classes))
        raise UsageError(f"{model} reads {inputs}, and got no labels", f"Pass `labels`; the indices are {known}")
    temperature_vector(temperatures, classes, {})


def for_each(values: Any, count: int) -> Sequence[Any]:
    """Return one value for each of `count` images, from a list of them or one for all.

    Raises:
        DataError: the list has another length.
    """
    if not isinstance(values, list | tuple):
        return [values] * count
    if len(values) != count:
        raise DataError(f"there are {count} images and {len(values)} labels or temperatures", "Pass one for each image")
    return values


def _rgb_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an array to translate as uint8 [H, W, 3]."""
    pixels = array[..., None] if array.ndim == 2 else array
    if array.dtype not in (np.uint8, np.uint16) or pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or not array.size:
        found = f"{array.dtype} {list(array.shape)}"
        expected = "uint8 or uint16 [H, W, 3], [H, W, 1] or [H, W]"
        raise DataError(f"an array to translate is {expected}; this is {found}")
    pixels = pixels if array.dtype == np.uint8 else to_bytes(pixels)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


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
    tensor = labels if isinstance(labels, Tensor) else torch.from_numpy(_label_array(labels, any_size=any_size))
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dim() not in (2, 3):
        found = f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
        raise DataError(f"labels are integers [H, W], or [N, H, W] in a tensor; these are {found}")
    tensor = tensor.long() if tensor.dim() == 3 else tensor.long()[None]
    height, width = tensor.shape[-2:]
    if (height, width) != size or not len(tensor):
        raise DataError(f"the labels are {width}x{height} and the image {size[1]}x{size[0]} pixels")
    low, high = int(tensor.min()), int(tensor.max())
    if low < 0 or high >= len(classes):
        raise DataError(f"label {low if low < 0 else high} has no class; the model has 0 to {len(classes) - 1}")
    return tensor


def _label_array(labels: str | Path | Image.Image | NDArray[Any], *, any_size: bool) -> NDArray[np.int64]:
    if isinstance(labels, Image.Image):
        return label_indices(labels).astype(np.int64)
    if not isinstance(labels, np.ndarray):
        return read_labels(require_path(labels, "the label image"), any_size=any_size).astype(np.int64)
    indices = one_channel(labels)
    if labels.dtype.kind not in "bui" or indices.ndim != 2:
        raise DataError(f"labels are integers [H, W] or [H, W, 1]; these are {labels.dtype} {list(labels.shape)}")
    if indices.dtype == np.uint64:  # larger ones would become negative
        indices = np.minimum(indices, np.iinfo(np.int64).max)
    return indices.astype(np.int64)


def label_entries(labels: Tensor, degrees: Tensor, thermal_range: tuple[float, float] | None) -> Batch:
    """Return the entries of a batch that follow from class indices and the degrees of each class.

    Args:
        labels: int64 [N, H, W].
        degrees: Celsius [N, K] or [K]; NaN if unknown.
        thermal_range: degrees at -1 and 1.

    Returns:
        `labels`; `temperatures` [N, K], NaN for classes that an image does not contain, as in datasets; and if the range is
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
    """Return degrees Celsius [K] by class: the given ones, else the means of the training set, else NaN.

    Raises:
        UsageError: a name is not one of the classes, or its degrees are not finite.
    """
    for name in given:
        if not math.isfinite(given[name]):
            raise UsageError(f"the temperature of {name!r} is {given[name]}, not a number of degrees")
        if name not in classes:
            known = did_you_mean(name, classes) or f"The classes are {', '.join(classes)}"
            raise UsageError(f"the model has no class {name!r}", known)
    return torch.tensor([given.get(name, usual.get(name, float("nan"))) for name in classes])


def pad_to(x: Tensor, height: int, width: int) -> Tensor:
    """Enlarge images [..., H, W] of any type at the bottom and right by reflection, and beyond their size by their edge."""
    for side, length in ((-2, height), (-1, width)):
        size = x.shape[side]
        if length > size:
            # After the last pixel come the previous ones in reverse, down to the first, which is then repeated.
            padding = (2 * (size - 1) - torch.arange(size, length, device=x.device)).clamp(min=0)
            x = torch.cat((x, x.index_select(side, padding)), dim=side)
    return x
