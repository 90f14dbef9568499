"""zoo.load: a trained model with its pre- and post-processing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from zoo.build import build_method, choice_of
from zoo.contracts import Batch, Method
from zoo.errors import UsageError
from zoo.layers.conditions import paint_temperatures
from zoo.weights.folder import ModelConfig, load_weights, read_config
from zoo.weights.inputs import Picture, labels_tensor, pad_to, temperature_vector, visible_tensor

_LUMA = (0.299, 0.587, 0.114)


class Translator(nn.Module):
    """A trained method that turns visible images into thermal ones; `zoo.load` makes it.

    `forward` maps a batch's `visible` [N, 3, H, W] (and what else the model reads) to thermal [N, C, H, W], all in [-1, 1];
    `translate` takes files, pictures, arrays and tensors of any size and gives thermal images of the same size.
    """

    def __init__(self, method: Method, config: ModelConfig) -> None:
        super().__init__()
        self.method = method
        self.config = config
        recipe = config.recipe
        self.contracts = [choice_of("method", recipe.method).contract]
        if recipe.generator:
            self.contracts.append(choice_of("generator", recipe.generator).contract)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next((tensor.device for tensor in self.method.state_dict().values()), torch.device("cpu"))

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of label indices 0, 1, ...; empty where the training data had none."""
        return self.config.dataset.classes

    @property
    def reads(self) -> tuple[str, ...]:
        """What the model reads, `visible` first (see `zoo.contracts.Batch`)."""
        return tuple(dict.fromkeys(entry for contract in self.contracts for entry in contract.reads))

    def forward(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] for a batch whose image size the networks take."""
        thermal: Tensor = self.method.translate(batch)
        return thermal

    @overload
    def translate(
        self,
        image: str | Path | Image.Image,
        labels: Picture | None = None,
        temperatures: Mapping[str, float] | None = None,
    ) -> Image.Image: ...
    @overload
    def translate(
        self, image: NDArray[Any], labels: Picture | None = None, temperatures: Mapping[str, float] | None = None
    ) -> NDArray[np.uint8]: ...
    @overload
    def translate(
        self, image: Tensor, labels: Picture | None = None, temperatures: Mapping[str, float] | None = None
    ) -> Tensor: ...

    @torch.no_grad()
    def translate(
        self, image: Picture, labels: Picture | None = None, temperatures: Mapping[str, float] | None = None
    ) -> Image.Image | NDArray[np.uint8] | Tensor:
        """Return the thermal image of a visible one, at the same size; the same call gives the same image.

        Args:
            image: a file or PIL image of any mode, giving an 8-bit grey PIL image; a uint8 array [H, W, 3], giving a uint8 array
                [H, W]; or a float tensor [3, H, W] or [N, 3, H, W] in [-1, 1], giving a float tensor of one channel in [-1, 1].
            labels: class indices of the pixels, for models that read them: an 8-bit file, PIL image, array or tensor of the
                image's size.
            temperatures: degrees Celsius by class name; classes left out have their mean over the training set.

        Raises:
            DataError: a file is not a readable image, or an array or tensor has another shape or type.
            UsageError: the model reads labels and got none, or a class is unknown.
        """
        visible = visible_tensor(image)
        thermal = self._thermal(self._batch(visible, labels, temperatures or {}))
        if isinstance(image, Tensor):
            return thermal if image.dim() == 4 else thermal[0]
        levels: NDArray[np.uint8] = ((thermal[0, 0] + 1) * 127.5).round().clamp(0, 255).byte().cpu().numpy()
        return levels if isinstance(image, np.ndarray) else Image.fromarray(levels)

    def _batch(self, visible: Tensor, labels: Picture | None, temperatures: Mapping[str, float]) -> Batch:
        """Assemble what the model reads."""
        data, batch = self.config.dataset, {"visible": visible}
        if labels is None:
            if set(self.reads) & {"labels", "thermal_segmentation"}:
                classes = ", ".join(f"{index} {name}" for index, name in enumerate(self.classes))
                raise UsageError(
                    f"this model ({self.config.recipe.method.name}) reads class labels beside the image and got none",
                    f"Give labels=... in Python or --labels FILE; the indices are {classes}",
                )
            return batch
        batch["labels"] = labels_tensor(labels, self.classes, (visible.shape[-2], visible.shape[-1]))
        degrees = temperature_vector(temperatures, self.classes, data.class_temperatures)
        present = torch.stack([torch.bincount(row.flatten(), minlength=len(degrees)) > 0 for row in batch["labels"]])
        batch["temperatures"] = torch.where(present, degrees, torch.nan)
        if data.thermal_range:
            batch["thermal_segmentation"] = paint_temperatures(
                batch["labels"], batch["temperatures"], data.thermal_range
            )
        return batch

    def _thermal(self, batch: Batch) -> Tensor:
        """Pad to a size that the networks take, translate, crop back, and reduce RGB copies to one channel."""
        height, width = batch["visible"].shape[-2:]
        padded = {}
        for name, tensor in batch.items():
            whole = tensor.to(self.device)
            if name == "labels":
                whole = pad_to(whole[:, None].float(), self._grid(height), self._grid(width))[:, 0].long()
            elif tensor.dim() == 4:
                whole = pad_to(whole, self._grid(height), self._grid(width))
            padded[name] = whole
        with torch.random.fork_rng():
            torch.manual_seed(0)  # methods that keep dropout on when they translate draw the same every time
            thermal = self(padded)[..., :height, :width]
        if thermal.shape[1] == 3:
            thermal = (thermal * thermal.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
        bounded: Tensor = thermal.clamp(-1, 1)
        return bounded

    def _grid(self, length: int) -> int:
        """Return the smallest side that the recipe's networks take and that is not shorter than `length`."""
        multiple = int(np.lcm.reduce([contract.size_multiple for contract in self.contracts]))
        return -(-max(length, *(contract.min_size for contract in self.contracts)) // multiple) * multiple


def load(source: str | Path, *, device: str = "auto") -> Translator:
    """Return the translator of a run folder that `zoo bench` left.

    Args:
        source: the folder with `model.safetensors` and `config.json`.
        device: `auto` (CUDA where there is one), `cpu`, `cuda`, `cuda:1`, ...

    Raises:
        UsageError: the folder is not a finished run, or a plugin that it needs is not installed.
        ZooError: its files are damaged or do not fit together.
    """
    folder = Path(source)
    config = read_config(folder)
    with torch.random.fork_rng():  # the initial weights are about to be replaced
        method = build_method(config.recipe, config.dataset, torch.Generator(), training=False)
    load_weights(folder, method)
    translator = Translator(method, config).to(pick_device(device)).requires_grad_(False)
    method.train(method.test_mode == "train")
    return translator


def pick_device(name: str) -> torch.device:
    """Return the device that `auto`, `cpu` or `cuda` means here.

    Raises:
        UsageError: CUDA was asked for and is not there, or the name is unknown.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"{name!r} is not a device", "Type auto, cpu or cuda") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device is available", "Type --device cpu, or --device auto")
    return device
