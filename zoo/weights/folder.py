"""A model folder: `model.safetensors` and `config.json`, all that a translation needs. Nothing is ever unpickled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from zoo.composition import digest
from zoo.data.layout import DatasetInfo
from zoo.errors import UsageError, ZooError
from zoo.files import write_atomically
from zoo.recipe import Recipe
from zoo.version import __version__

if TYPE_CHECKING:
    import torch

    from zoo.contracts import Method

WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What `config.json` says: how to build the network and what it was trained on."""

    zoo_version: str = __version__
    recipe: Recipe
    dataset: DatasetInfo
    plugins: dict[str, dict[str, str]]
    """Plugin, distribution and version of each part, by kind."""


def save_model(folder: Path, method: Method, config: ModelConfig) -> None:
    """Write what `method.translate` needs; each file appears whole or not at all.

    Raises:
        ZooError: the folder cannot be written.
    """
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in inference_state(method).items()}
    metadata = {
        "format": "pt",
        "architecture": config.recipe.method.name,
        "config_sha256": digest(config),
        "zoo_version": config.zoo_version,
    }
    encoded = msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n"
    write_atomically(folder / CONFIG_FILE, encoded)
    write_atomically(folder / WEIGHTS_FILE, canonical(save(tensors, metadata)))


def canonical(content: bytes) -> bytes:
    """Return a safetensors file with its metadata in alphabetical order.

    The library writes it in an order that differs from process to process, and the same weights are to have the same SHA-256.
    """
    length = int.from_bytes(content[:8], "little")
    header = msgspec.json.decode(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % 8)  # tensors start at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def inference_state(method: Method) -> dict[str, torch.Tensor]:
    """Return the part of a method's state dict that `translate` needs (`Method.inference`)."""
    state: dict[str, torch.Tensor] = method.state_dict()
    prefixes = tuple(f"{name}." for name in method.inference)
    return {name: tensor for name, tensor in state.items() if name in method.inference or name.startswith(prefixes)}


def read_config(folder: Path) -> ModelConfig:
    """Return what a model folder's `config.json` says.

    Raises:
        UsageError: the folder is not a finished run.
        ZooError: the file is damaged.
    """
    path = folder / CONFIG_FILE
    if not folder.is_dir():
        raise UsageError(
            f"there is no model folder `{folder}`", "Name a run folder, e.g. results/RUN; zoo bench makes them"
        )
    if not path.is_file() or not (folder / WEIGHTS_FILE).is_file():
        runs = sorted(other.parent.name for other in folder.glob(f"*/{WEIGHTS_FILE}"))
        inside = f"It holds runs; name one, e.g. {folder / runs[0]}" if runs else "Run the bench again; it goes on"
        raise UsageError(f"`{folder}` has no {CONFIG_FILE} and {WEIGHTS_FILE}: it is not a finished run", inside)
    try:
        return msgspec.json.decode(path.read_bytes(), type=ModelConfig)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise ZooError(f"`{path}` cannot be read: {error}", "It was changed or written by another version") from error


def load_weights(folder: Path, method: Method) -> None:
    """Load a model folder's tensors into a method; every one must be there, none may be left over.

    Raises:
        ZooError: the file is damaged, or its tensors do not fit the network that `config.json` describes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS_FILE
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ZooError(f"`{path}` cannot be read: {error}", "It is damaged; fetch or train it again") from error
    wanted = inference_state(method)
    faults = [f"{name} is missing" for name in wanted if name not in tensors]
    faults += [f"{name} is not part of the network" for name in tensors if name not in wanted]
    faults += [
        f"{name} has shape {list(tensors[name].shape)}, not {list(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    if faults:
        raise ZooError(f"`{path}` does not fit its {CONFIG_FILE}: {faults[0]} ({len(faults)} tensors in all)")
    method.load_state_dict(tensors, strict=False)
