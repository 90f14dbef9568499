"""zoo.load: a trained model with its pre- and post-processing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.build import build_method, choice_of
from zoo.contracts import Method
from zoo.data.images import read_visible
from zoo.errors import DataError, UsageError
from zoo.weights.folder import ModelConfig, load_weights, read_config

_LUMA = (0.299, 0.587, 0.114)


class Translator(nn.Module):
    """A trained method that turns visible images into thermal ones; `zoo.load` makes it.

    `forward` maps visible [N, 3, H, W] to thermal [N, C, H, W], both in [-1, 1]; `translate` takes files, pictures, arrays and
    tensors of any size and gives thermal images of the same size.
    """

    def __init__(self, method: Method, config: ModelConfig) -> None:
        super().__init__()
        self.method = method
        self.config = config

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next((tensor.device for tensor in self.method.state_dict().values()), torch.device("cpu"))

    def forward(self, visible: Tensor) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] for visible ones [N, 3, H, W] whose sizes the network takes."""
        thermal: Tensor = self.method.translate({"visible": visible})
        return thermal

    @overload
    def translate(self, image: str | Path | Image.Image) -> Image.Image: ...
    @overload
    def translate(self, image: NDArray[Any]) -> NDArray[np.uint8]: ...
    @overload
    def translate(self, image: Tensor) -> Tensor: ...

    @torch.no_grad()
    def translate(
        self, image: str | Path | Image.Image | NDArray[Any] | Tensor
    ) -> Image.Image | NDArray[np.uint8] | Tensor:
        """Return the thermal image of a visible one, at the same size.

        Args:
            image: a file or PIL image of any mode, giving an 8-bit grey PIL image; a uint8 array [H, W, 3], giving a uint8 array
                [H, W]; or a float tensor [3, H, W] or [N, 3, H, W] in [-1, 1], giving a float tensor of one channel in [-1, 1].

        Raises:
            DataError: the file is not a readable image, or the array or tensor has another shape or type.
        """
        if isinstance(image, Tensor):
            if not image.is_floating_point() or image.dim() not in (3, 4) or image.shape[-3] != 3:
                found = f"{image.dtype} {list(image.shape)}"
                raise DataError(f"a tensor to translate is float [3, H, W] or [N, 3, H, W] in [-1, 1]; this is {found}")
            thermal = self._thermal(image if image.dim() == 4 else image[None])
            return thermal if image.dim() == 4 else thermal[0]
        if isinstance(image, np.ndarray):
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise DataError(f"an array to translate is uint8 [H, W, 3]; this is {image.dtype} {list(image.shape)}")
            return self._pixels(image)
        pixels = np.array(image.convert("RGB")) if isinstance(image, Image.Image) else read_visible(Path(image))
        return Image.fromarray(self._pixels(pixels))

    def _pixels(self, visible: NDArray[np.uint8]) -> NDArray[np.uint8]:
        tensor = torch.from_numpy(visible.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        levels: NDArray[np.uint8] = (
            ((self._thermal(tensor)[0, 0] + 1) * 127.5).round().clamp(0, 255).byte().cpu().numpy()
        )
        return levels

    def _thermal(self, visible: Tensor) -> Tensor:
        """Pad to a size that the network takes, translate, crop back, and reduce RGB copies to one channel."""
        height, width = visible.shape[-2:]
        thermal = self(pad_to(visible.to(self.device), self._grid(height), self._grid(width)))[..., :height, :width]
        if thermal.shape[1] == 3:
            thermal = (thermal * thermal.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
        bounded: Tensor = thermal.clamp(-1, 1)
        return bounded

    def _grid(self, length: int) -> int:
        """Return the smallest side that the recipe's networks take and that is not shorter than `length`."""
        recipe = self.config.recipe
        contracts = [choice_of("method", recipe.method).contract]
        if recipe.generator:
            contracts.append(choice_of("generator", recipe.generator).contract)
        multiple = int(np.lcm.reduce([contract.size_multiple for contract in contracts]))
        return -(-max(length, *(contract.min_size for contract in contracts)) // multiple) * multiple


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
    method = build_method(config.recipe, config.dataset, torch.Generator(), training=False)
    load_weights(folder, method)
    return Translator(method, config).to(pick_device(device)).eval().requires_grad_(False)


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


def pad_to(x: Tensor, height: int, width: int) -> Tensor:
    """Enlarge images [N, C, H, W] at the bottom and right by reflection, and by their edge where reflection runs out."""
    bottom, right = height - x.shape[-2], width - x.shape[-1]
    reflect = (min(right, x.shape[-1] - 1), min(bottom, x.shape[-2] - 1))
    x = F.pad(x, (0, reflect[0], 0, reflect[1]), mode="reflect")
    return F.pad(x, (0, right - reflect[0], 0, bottom - reflect[1]), mode="replicate")
