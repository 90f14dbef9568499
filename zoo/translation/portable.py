"""A translator as one function of tensors, for `torch.export`, and the metadata of its file."""

from __future__ import annotations

import json
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.build import build_method
from zoo.composition import digest
from zoo.contracts import Method
from zoo.layers.pixels import grey
from zoo.model_folder import inference_state
from zoo.sizes import Size, height_width
from zoo.translation.inputs import label_entries
from zoo.translation.translator import Translator
from zoo.version import __version__

Inputs = dict[str, Tensor]
Free = tuple[Literal["batch", "size"], ...]
"""Dynamic dimensions of an exported model."""


class Portable(nn.Module):
    """A translator as a deterministic function of tensors, in which images do not depend on each other.

    forward(visible [N, 3, H, W] in [-1, 1], and if the model reads them labels [N, H, W] and temperatures [N, K] in degrees
    Celsius, NaN for the mean of a class over the training set) -> thermal [N, 1, H, W] in [-1, 1].
    """

    means: Tensor
    """Mean degrees Celsius of each class over the training set [K]."""

    def __init__(self, translator: Translator) -> None:
        super().__init__()
        translator.require_inputs(labels=translator.reads_labels)
        data = translator.config.dataset
        self.method = _deterministic(translator).cpu().float()
        self.thermal_range = data.thermal_range
        means = [data.class_temperatures.get(name, float("nan")) for name in data.classes]
        self.register_buffer("means", torch.tensor(means, dtype=torch.float32), persistent=False)
        labels, temperatures = ["labels"] * translator.reads_labels, ["temperatures"] * translator.reads_temperatures
        self.reads = ("visible", *labels, *temperatures)
        """Names of the inputs."""

    def forward(self, visible: Tensor, labels: Tensor | None = None, temperatures: Tensor | None = None) -> Tensor:
        """Return the thermal images."""
        batch = {"visible": visible}
        if labels is not None:
            given = self.means if temperatures is None else torch.where(temperatures.isnan(), self.means, temperatures)
            batch |= label_entries(labels, given, self.thermal_range)
        return grey(self.method.translate(batch))

    def example(self, count: int, height: int, width: int, seed: int = 0) -> Inputs:
        """Return random inputs: noise, labels in blocks and temperatures within the range."""
        rng = torch.Generator().manual_seed(seed)
        inputs = {"visible": torch.rand(count, 3, height, width, generator=rng) * 2 - 1}
        classes = len(self.means)
        if "labels" in self.reads:
            blocks = torch.randint(classes, (count, -(-height // 8), -(-width // 8)), generator=rng)
            inputs["labels"] = blocks.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, :height, :width].contiguous()
        if "temperatures" in self.reads:
            low, high = self.thermal_range or (0.0, 1.0)
            inputs["temperatures"] = torch.rand(count, classes, generator=rng) * (high - low) + low
            inputs["temperatures"][:, ::2] = torch.nan
        return inputs


def _deterministic(translator: Translator) -> Method:
    """Return a copy of a translator's method without dropout and with normalization statistics of each image.

    A method with `test_mode` `train` uses dropout and the statistics of the batch; for a single image these are the statistics
    of instance norm.
    """
    config, rng = translator.config, torch.Generator()
    with torch.random.fork_rng():
        method = build_method(config.recipe, config.dataset, rng, training=False)
    method.load_state_dict(inference_state(translator.method), strict=False)
    for parent in list(method.modules()) if translator.method.training else []:
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                norm = nn.InstanceNorm2d(child.num_features, eps=child.eps, affine=child.affine)
                norm.weight, norm.bias = child.weight, child.bias
                setattr(parent, name, norm)
    return method.eval().requires_grad_(False)


def metadata(translator: Translator, module: Portable, *, name: str, size: Size, free: Free) -> dict[str, str]:
    """Return the metadata of a file: names, value ranges, sizes and origin."""
    config = translator.config
    count = "N" if "batch" in free else "1"
    height, width = ("H", "W") if "size" in free else map(str, height_width(size))
    classes = len(translator.classes)
    about = {
        "name": name,
        "visible": f"float32 [{count}, 3, {height}, {width}], red, green, blue; -1 is black, 1 is white",
        "thermal": f"float32 [{count}, 1, {height}, {width}]; -1 is the coldest, 1 the hottest",
        "config_sha256": digest(config),
        "zoo_version": __version__,
    }
    if "size" in free:
        about["sizes"] = f"H and W are multiples of {translator.size_multiple}, at least {least_side(translator)}"
    if "labels" in module.reads:
        about["labels"] = f"int64 [{count}, {height}, {width}], class indices 0 to {classes - 1}"
        about["classes"] = json.dumps(translator.classes)
    if "temperatures" in module.reads:
        each = "degrees Celsius of each class; NaN is its mean over the training set"
        about["temperatures"] = f"float32 [{count}, {classes}], {each}"
    if translator.thermal_range:
        about["thermal_range_celsius"] = json.dumps(translator.thermal_range)
    return about


def least_side(translator: Translator) -> int:
    """Return the smallest dynamic height and width of an exported model, in pixels."""
    return max(translator.grid(1), 2)  # graphs broadcast a side of one pixel
