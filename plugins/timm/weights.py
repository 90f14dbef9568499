"""The published weights of timm's networks: which file they are, on this machine, in a Python package or downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor
from torch.hub import HASH_REGEX

from zoo.checkpoints.hub_file import find_hub_file
from zoo.checkpoints.packaged import PACKAGED, find_packaged, packaged_path
from zoo.checkpoints.published import PublishedFile, find, find_copy
from zoo.errors import UsageError, ZooError, did_you_mean

LIST = "Run zoo list generator --timm '*'"
NAMES = ("model.safetensors", "pytorch_model.bin")
"""Names of a file of weights on the Hub, in timm's order."""


def weights_file(name: str, *, fetch: bool) -> Path | None:
    """Return the verified file of a network's published weights; None where it is not on this machine and is not to be fetched.

    Raises:
        UsageError: timm has no such network, or publishes no weights for it.
        ZooError: they are not on this machine and cannot be downloaded.
    """
    require_known(name)
    if name in PACKAGED:
        return packaged_path(name) if fetch else find_packaged(name)
    config = _published(name)
    if not (config and (config.hf_hub_id or config.url)):
        raise UsageError(f"timm publishes no weights for {name}", f"Leave out pretrained=true. {LIST}")
    try:
        if config.hf_hub_id:
            names = (config.hf_hub_filename,) if config.hf_hub_filename else NAMES
            return find_hub_file(config.hf_hub_id, names, fetch=fetch)
        return _of_address(config.url, fetch=fetch)
    except ZooError as error:
        raise ZooError(
            f"the published weights of {name} are not on this machine and cannot be downloaded: {error.message}",
            f"Leave out pretrained=true, or connect to the internet once and run the same command again. {error.fix}",
        ) from error


def require_known(name: str) -> None:
    """Refuse the name of no network of timm, with close matches."""
    if not timm.is_model(name):
        hint = did_you_mean(name.partition(".")[0], timm.list_models())
        raise UsageError(f"timm has no network named {name!r}", hint or LIST)


def loading(name: str) -> dict[str, Any]:
    """Return the options of `timm.create_model` that load the published weights from the file of `weights_file`."""
    if name in PACKAGED:
        state = torch.load(packaged_path(name), weights_only=True)
        return {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": _named(name, state)}}
    path = weights_file(name, fetch=True)
    config = _published(name)
    # A network with a loader of its own has it for files of its authors, not for those that timm has on the Hub.
    own = bool(config.custom_load) and not config.hf_hub_id
    return {"pretrained": True, "pretrained_cfg_overlay": {"file": str(path), "custom_load": own}}


def preprocessing(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel that the network's weights expect, for images in [0, 1]; 0.5 if unknown."""
    if file := PACKAGED.get(name):
        return (file.mean,) * 3, (file.std,) * 3
    config = timm.get_pretrained_cfg(name)
    return (config.mean, config.std) if config else ((0.5,) * 3, (0.5,) * 3)


def _named(name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a package, which are in timm's order, under timm's names."""
    with torch.device("meta"):
        names = timm.create_model(name).state_dict()
    return dict(zip(names, state.values(), strict=True))


def _published(name: str) -> Any:
    """Return timm's facts of a network's weights."""
    try:
        return timm.get_pretrained_cfg(name)
    except RuntimeError as error:  # a tag that it does not have
        raise UsageError(f"timm has no weights {name!r}: {error}", LIST) from error


def _of_address(url: str, *, fetch: bool) -> Path | None:
    """Return a file that is on no Hub; its name has the start of its SHA-256."""
    name = url.rpartition("/")[2]
    start = HASH_REGEX.search(name)
    file = PublishedFile(name=name, url=url, sha256=start[1] if start else "")
    return find(file) if fetch else find_copy(file)
