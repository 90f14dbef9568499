"""The check after a conversion: the folder must compute what the network in memory computes, with every one of its tensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.contracts import Method
from zoo.errors import ZooError
from zoo.model_folder import WEIGHTS_FILE, ModelConfig
from zoo.translation.loading import load
from zoo.translation.translator import Translator

SIDE = 64
"""Height and width in pixels of the input, or the next size that the network takes."""
_TOLERANCE = 1e-6


def check_translation(folder: Path, method: Method, config: ModelConfig) -> str:
    """Translate one image with the folder and with the method that was written to it, and return what was verified.

    Raises:
        ZooError: the translations differ, are not images in [-1, 1] of the input's size, or a tensor was not used.
    """
    written = load(folder, device="cpu")
    side = written.grid(SIDE)
    images = _noise(3, side)
    labels = None
    if written.reads_labels:
        labels = torch.arange(side * side).view(1, side, side) % max(1, len(written.classes))
    network = getattr(written.method, written.method.inference[0])
    raw, thermal = _watched(folder, network, lambda: written.translate(images, labels=labels))
    in_memory = Translator(method, config)
    method.train(method.test_mode == "train")
    if not torch.equal(thermal, in_memory.translate(images, labels=labels)):
        raise _failed(folder, "the folder and the file give different outputs for an image")
    in_range = bool(torch.isfinite(raw).all()) and float(raw.abs().max()) <= 1 + _TOLERANCE
    if raw.shape[-2:] != images.shape[-2:] or not in_range:
        raise _failed(folder, "the network does not give images in [-1, 1] of the size of its input")
    same = f"an image of {side}x{side} pixels has the same output as with the file"
    return f"{same}, in [-1, 1], and every tensor is used"


def check_network(folder: Path, network: nn.Module, channels: int, side: int) -> str:
    """Run a network that does not translate with the tensors in memory and in the folder, and return what was verified.

    Raises:
        ZooError: the outputs differ or are not finite, or a tensor was not used.
    """
    from safetensors.torch import load_file

    images = _noise(channels, side)
    network.eval()
    with torch.no_grad():
        raw, expected = _watched(folder, network, lambda: network(images))
        network.load_state_dict(load_file(folder / WEIGHTS_FILE))
        reloaded: Tensor = network(images)
    if not torch.equal(reloaded, expected):
        raise _failed(folder, "the folder and the file give different logits for an image")
    if not raw.numel() or not bool(torch.isfinite(raw).all()):
        raise _failed(folder, "the network does not give finite numbers")
    return f"an image of {side}x{side} pixels has the same, finite logits as with the file, and every tensor is used"


def _watched(folder: Path, network: nn.Module, run: Callable[[], Any]) -> tuple[Tensor, Any]:
    """Return a network's own output and the result of `run`."""
    outputs: list[Tensor] = []
    tensors = [*network.named_parameters(), *network.named_buffers()]
    unused = {name.rpartition(".")[0] for name, _ in tensors}
    hooks = [network.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))]
    for name, module in network.named_modules():
        hooks.append(module.register_forward_hook(lambda _module, _inputs, _output, name=name: unused.discard(name)))
    try:
        result = run()
    finally:
        for hook in hooks:
            hook.remove()
    if unused:
        raise _failed(folder, f"the network does not use {min(unused)}")
    return outputs[0], result


def _noise(channels: int, side: int) -> Tensor:
    return torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def _failed(folder: Path, reason: str) -> ZooError:
    fix = "No file was kept; please report the file's format"
    return ZooError(f"the conversion to `{folder}` failed: {reason}", fix)
