"""Feature extractors of FID and KID: a network, its weights and its preprocessing."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torchvision.transforms import v2

from zoo.checkpoints.packaged import PACKAGED, packaged_path
from zoo.checkpoints.published import find, sha256_of
from zoo.errors import UsageError, ZooError, did_you_mean

from .networks import INCEPTION, INCEPTION_FILE, PUBLISHED, RANDOM, network_label, weights_path

SEED = 0
"""Seed of random weights."""


class Extractor:
    """A frozen network from grey images to features.

    Args:
        name: `inception`, or the name of a network in timm.
        weights: `published`, `random`, or a file.

    Raises:
        UsageError: there is no such network or file, or the file has other tensors.
        ZooError: the published weights are not on this machine and cannot be downloaded.
    """

    def __init__(self, name: str, weights: str) -> None:
        self.label = network_label(name, weights)
        self.network, self._input, self._weights = (
            _inception(weights) if name == INCEPTION else _timm_network(name, weights)
        )
        self.network.eval().requires_grad_(False)

    def protocol(self) -> dict[str, Any]:
        """Return the extractor's name, its weights and its input."""
        return {"extractor": self.label, "weights": self._weights, "input": f"grey to 3 equal channels; {self._input}"}

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Return float64 features [N, D] of grey images [N, 1, H, W] in [0, 1], one image at a time.

        Convolutions round differently in a batch, and a score must not depend on the batch size.
        """
        self.network.to(images.device)
        rgb = images.float().expand(-1, 3, -1, -1)
        return torch.cat([self.network(image[None]) for image in rgb]).double()


def load_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors or PyTorch file without executing anything in it.

    Raises:
        UsageError: the file is damaged, or is not a state dict of tensors.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        fix = "Save a state dict of tensors"
        raise UsageError(f"`{path}` cannot be read as weights: {_reason(error)}", fix) from error
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise UsageError(f"`{path}` is not a state dict of tensors", "Save the network's state dict")
    return dict(state)


def load_into(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Load a state dict strictly.

    Raises:
        UsageError: the file is of another network.
    """
    try:
        network.load_state_dict(dict(state))
    except RuntimeError as error:
        fix = "Use weights of this network"
        raise UsageError(f"`{path}` does not fit the network: {' '.join(str(error).split())[:200]}", fix) from error


def build_seeded(build: Callable[[], nn.Module]) -> nn.Module:
    """Return a network with the same random weights every time, without a change of the global random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return build()


def _inception(weights: str) -> tuple[nn.Module, str, str]:
    from .inception import SIDE, UNUSED, Inception

    network = build_seeded(Inception)
    source = f"random, seed {SEED}"
    if weights != RANDOM:
        path = find(INCEPTION_FILE) if weights == PUBLISHED else weights_path(weights)
        state = {name: tensor for name, tensor in load_state(path).items() if name not in UNUSED}
        load_into(network, state, path)
        source = f"sha256 {sha256_of(path)}"
    return network, f"{SIDE}x{SIDE} bilinear, not antialiased; 2 x - 1", source


def _timm_network(name: str, weights: str) -> tuple[nn.Module, str, str]:
    import timm

    if not timm.is_model(name):
        hint = did_you_mean(name.partition(".")[0], [INCEPTION, *timm.list_models()])
        raise UsageError(f"timm has no network named {name!r} to extract features", hint or f"Use {INCEPTION}")
    packaged = PACKAGED.get(name)
    if weights == PUBLISHED and not packaged:
        network, source = _from_timm(name)
    else:
        network, source = build_seeded(lambda: timm.create_model(name, num_classes=0)), f"random, seed {SEED}"
        if weights != RANDOM:
            path = packaged_path(name) if weights == PUBLISHED else weights_path(weights)
            _load_timm(name, network, path)
            source = f"sha256 {sha256_of(path)}"
    defaults: Any = network.pretrained_cfg
    height, width = defaults["input_size"][1:]
    mean, std = torch.tensor(defaults["mean"]), torch.tensor(defaults["std"])
    if packaged and source == f"sha256 {packaged.sha256}":
        mean, std = torch.full((3,), packaged.mean), torch.full((3,), packaged.std)
    shown = f"{height}x{width} bilinear, antialiased; mean {_numbers(mean)}, deviation {_numbers(std)}"
    resize = v2.Resize((height, width), antialias=True)
    return nn.Sequential(resize, v2.Normalize(mean.tolist(), std.tolist()), network), shown, source


def _from_timm(name: str) -> tuple[nn.Module, str]:
    """Return a network with timm's published weights, and their name."""
    import timm

    published = timm.get_pretrained_cfg(name)
    if published is None or not timm.is_model_pretrained(name):
        reason = f"timm publishes no weights for {name}, and features of a random network are not informative"
        raise UsageError(reason, f"Use weights=FILE, or weights={RANDOM} for random weights")
    try:
        network = timm.create_model(name, pretrained=True, num_classes=0)
    except (OSError, RuntimeError) as error:
        reason = f"the published weights of {name} are not on this machine and cannot be downloaded: {_reason(error)}"
        fix = f"Connect to the network once, or use weights=FILE, or weights={RANDOM} for random weights"
        raise ZooError(reason, fix) from error
    return network, f"timm {published.architecture}.{published.tag}"


def _load_timm(name: str, network: nn.Module, path: Path) -> None:
    """Load weights of the whole network, with its classifier, into a network without one."""
    import timm

    state = load_state(path)
    with torch.device("meta"):
        whole = timm.create_model(name).state_dict()
    if name in PACKAGED and sha256_of(path) == PACKAGED[name].sha256:
        state = dict(zip(whole, state.values(), strict=True))
    own = network.state_dict()
    load_into(network, {key: tensor for key, tensor in state.items() if key in own or key not in whole}, path)


def _reason(error: Exception) -> str:
    """Return the first line of an error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _numbers(values: Tensor) -> str:
    return " ".join(f"{value:.4g}" for value in values.tolist())
