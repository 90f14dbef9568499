"""A model folder: `model.safetensors` and `config.json`, all that a translation needs. Nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from zoo.checkpoints.entries import shown
from zoo.checksums import is_run, repair, require_whole
from zoo.composition import digest
from zoo.converted_config import Converted, NetworkConfig, refuse_network
from zoo.data.layout import DatasetInfo
from zoo.errors import DamagedError, UsageError, ZooError
from zoo.files import write_atomically
from zoo.recipe import Recipe
from zoo.version import __version__

if TYPE_CHECKING:
    import torch

    from zoo.contracts import Method

WEIGHTS_FILE, CONFIG_FILE, CARD_FILE = "model.safetensors", "config.json", "README.md"
MOST_CARD = 2**20
"""Bytes of a model card that are read."""
MOST_CONFIG = 64 * 2**20
"""Bytes of a config; those of datasets that name many files take a few megabytes."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What `config.json` says: how to build the network and what it was trained on."""

    zoo_version: str = __version__
    recipe: Recipe
    dataset: DatasetInfo
    plugins: dict[str, dict[str, str]]
    """Plugin, distribution and version of each part, by kind."""
    converted: Converted | None = None
    """The other program's file that `zoo convert` took the weights from; None for weights that zoo trained."""


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
    write_config(folder, config)
    write_atomically(folder / WEIGHTS_FILE, canonical(save(tensors, metadata)))


def write_config(folder: Path, config: ModelConfig) -> None:
    """Write `config.json`.

    Raises:
        ZooError: the folder cannot be written.
    """
    write_atomically(folder / CONFIG_FILE, msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n")


def save_network(folder: Path, tensors: Mapping[str, torch.Tensor], config: NetworkConfig) -> None:
    """Write a converted network that does not translate; each file appears whole or not at all.

    Raises:
        ZooError: the folder cannot be written.
    """
    from safetensors.torch import save

    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, {"format": "pt"})
    write_atomically(folder / CONFIG_FILE, msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n")
    write_atomically(folder / WEIGHTS_FILE, canonical(content))


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


def read_config(folder: Path, file: str = WEIGHTS_FILE) -> ModelConfig:
    """Return what a model folder's `config.json` says.

    Raises:
        UsageError: the folder is not a finished run.
        DamagedError: the file is not the one that its run wrote, or one of the two files is missing from a run.
        ZooError: the file is damaged, and no record speaks of it.
    """
    path = folder / CONFIG_FILE
    if not folder.is_dir():
        raise UsageError(
            f"there is no model folder `{folder}`", "Name a run folder, e.g. results/RUN; zoo bench makes them"
        )
    if not path.is_file() or not (folder / file).is_file():
        runs = sorted(other.parent.name for other in folder.glob(f"*/{WEIGHTS_FILE}"))
        if is_run(folder):
            missing = CONFIG_FILE if (folder / file).is_file() else file
            raise DamagedError(f"`{folder / missing}` is missing or no file", repair(folder))
        inside = f"It holds runs; name one, e.g. {folder / runs[0]}" if runs else "Name a run folder, e.g. results/RUN"
        raise UsageError(f"`{folder}` has no {CONFIG_FILE} and {file}: it is not a finished run", inside)
    require_whole(folder, [CONFIG_FILE])
    try:
        if path.stat().st_size > MOST_CONFIG:
            raise ZooError(f"`{path}` has {path.stat().st_size:,} bytes, more than any zoo wrote", "Fetch it again")
        content = path.read_bytes()
        return msgspec.json.decode(content, type=ModelConfig)
    except (OSError, UnicodeDecodeError, RecursionError, msgspec.MsgspecError) as error:
        if isinstance(error, msgspec.ValidationError):
            refuse_network(folder, content)
        fix = repair(folder) if is_run(folder) else "It was changed or written by another version"
        raise ZooError(f"`{path}` cannot be read: {shown(str(error))}", fix) from error


def read_card(folder: Path) -> str:
    """Return the beginning of the model card beside the weights; empty where none can be read."""
    path = folder / CARD_FILE
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            return file.read(MOST_CARD).decode(errors="replace")
    except OSError:  # a card is for people, and no translation needs it
        return ""


def count_tensors(path: Path) -> int:
    """Return the number of tensors in a file, reading only its header.

    Raises:
        ZooError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return len(file.keys())
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from error


def check_tensors(path: Path, method: Method) -> None:
    """Compare the names and shapes of a file's tensors with a method's, reading only the file's header.

    Raises:
        ZooError: the file is damaged, or a tensor is missing, left over or of another shape.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            # An open file has keys(), and is not iterable.
            found = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from error
    wanted = {name: list(tensor.shape) for name, tensor in inference_state(method).items()}
    faults = [f"{name} is missing" for name in wanted if name not in found]
    faults += [f"{name} is not part of the network" for name in found if name not in wanted]
    faults += [
        f"{name} has shape {found[name]}, not {shape}"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    if faults:
        raise ZooError(
            f"`{path}` does not fit its {CONFIG_FILE}: {faults[0]} ({len(faults)} tensors in all)",
            "One of the two was changed, or another version wrote them: fetch or train both again",
        )


def load_weights(folder: Path, method: Method, file: str = WEIGHTS_FILE) -> None:
    """Load a model folder's tensors into a method; every one must be there, none may be left over.

    Raises:
        DamagedError: the file is not the one that its run wrote.
        ZooError: the file is damaged, or its tensors do not fit the network that `config.json` describes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / file
    require_whole(folder, [file])
    check_tensors(path, method)
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from error
    method.load_state_dict(tensors, strict=False)


def _damaged(path: Path, error: Exception) -> ZooError:
    fix = repair(path.parent) if is_run(path.parent) else "It is damaged; fetch or train it again"
    return ZooError(f"`{path}` cannot be read: {error}", fix)
