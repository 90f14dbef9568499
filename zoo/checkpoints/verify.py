"""What is computed after a conversion: the folder must give what the network in memory gives, from every one of its tensors."""

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
"""Height and width in pixels of the input, where the network takes it; else the next size that it takes."""
_SLACK = 1e-6


def check_translation(folder: Path, method: Method, config: ModelConfig) -> str:
    """Translate one image by the folder and by the method that was written to it, and say what was found to hold.

    Raises:
        ZooError: the translations differ, are not images in [-1, 1] of the input's size, or a tensor was not used.
    """
    written = load(folder, device="cpu")
    side = written.grid(SIDE)
    images = _noise(3, side)
    labels = (
        torch.arange(side * side).view(1, side, side) % max(1, len(written.classes)) if written.reads_labels else None
    )
    network = getattr(written.method, written.method.inference[0])
    outputs, unused = _watched(network, lambda: written.translate(images, labels=labels))
    in_memory = Translator(method, config)
    method.train(method.test_mode == "train")
    raw, thermal = outputs
    if not torch.equal(thermal, in_memory.translate(images, labels=labels)):
        raise _failed(folder, "an image comes out differently from the folder and from the file")
    if (
        raw.shape[-2:] != images.shape[-2:]
        or not bool(torch.isfinite(raw).all())
        or float(raw.abs().max()) > 1 + _SLACK
    ):
        raise _failed(folder, "the network does not give images in [-1, 1] of the size of its input")
    if unused:
        raise _failed(folder, f"the network does not use {unused[0]}")
    return f"an image of {side}x{side} pixels comes out as from the file, in [-1, 1], and every tensor is used"


def check_network(folder: Path, network: nn.Module, channels: int, side: int) -> str:
    """Run a network that is no translator with the folder's tensors and with those in memory, and say what was found to hold.

    Raises:
        ZooError: the outputs differ or are not finite, or a tensor was not used.
    """
    from safetensors.torch import load_file

    images = _noise(channels, side)
    network.eval()
    with torch.no_grad():
        (raw, expected), unused = _watched(network, lambda: network(images))
        network.load_state_dict(load_file(folder / WEIGHTS_FILE))
        again: Tensor = network(images)
    if not torch.equal(again, expected):
        raise _failed(folder, "the folder and the file give different logits for an image")
    if not raw.numel() or not bool(torch.isfinite(raw).all()):
        raise _failed(folder, "the network does not give finite numbers")
    if unused:
        raise _failed(folder, f"the network does not use {unused[0]}")
    return f"an image of {side}x{side} pixels has the same, finite logits as with the file, and every tensor is used"


def _watched(network: nn.Module, run: Callable[[], Any]) -> tuple[tuple[Tensor, Any], list[str]]:
    """Return a network's own output and what `run` makes of it, and the layers with tensors that were not called."""
    outputs: list[Tensor] = []
    called: set[str] = set()
    owners = {
        name: module
        for name, module in network.named_modules()
        if any(True for _ in module.parameters(recurse=False)) or any(True for _ in module.buffers(recurse=False))
    }
    hooks = [network.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))]
    for name, module in owners.items():
        hooks.append(module.register_forward_hook(lambda _module, _inputs, _output, name=name: called.add(name)))
    try:
        result = run()
    finally:
        for hook in hooks:
            hook.remove()
    return (outputs[0], result), [name for name in owners if name not in called]


def _noise(channels: int, side: int) -> Tensor:
    return torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def _failed(folder: Path, reason: str) -> ZooError:
    return ZooError(
        f"the conversion to `{folder}` failed: {reason}", "Nothing was kept; please report the file's format"
    )
