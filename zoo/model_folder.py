"""A model folder: `model.safetensors` and `config.json`, all that a translation needs. Nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from zoo.checkpoints.entries import shown
from zoo.checksums import is_run, recorded_command, repair, require_undamaged
from zoo.composition import digest
from zoo.data.layout import DatasetInfo
from zoo.errors import DamagedError, UsageError, ZooError
from zoo.files import write_atomically
from zoo.recipe import Recipe
from zoo.version import __version__

if TYPE_CHECKING:
    import torch

    from zoo.contracts import Method

WEIGHTS_FILE, CONFIG_FILE, CARD_FILE = "model.safetensors", "config.json", "README.md"
LAST_FILE = "last.safetensors"
"""The last weights of a run whose `model.safetensors` has their average."""
MOST_CARD = 2**20
"""Bytes of a model card that are read."""
MOST_CONFIG = 64 * 2**20
"""Bytes of a config; those of datasets that name many files take a few megabytes."""


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """Another program's file, which weights were converted from."""

    format: str
    """Name of the checkpoint format."""
    title: str
    """A description, e.g. `CycleGAN ResNet-9 generator, instance norm, 3 -> 3, from pytorch-CycleGAN-and-pix2pix`."""
    file: str
    """Its name, without folders."""
    sha256: str
    part: str = ""
    """The part of the file that holds the network, where it holds several."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The content of `config.json`: how to build the network, and its training data."""

    zoo_version: str = __version__
    recipe: Recipe
    dataset: DatasetInfo
    plugins: dict[str, dict[str, str]]
    """Plugin, distribution and version of each part, by kind."""
    converted: SourceFile | None = None
    """The file that `zoo convert` read; None for weights that zoo trained."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The content of `config.json` of a converted network that does not translate."""

    zoo_version: str = __version__
    network: str
    """Kind and name of the component with its options; empty where it is not a component."""
    purpose: str
    """Why it does not translate, as the end of a sentence about it."""
    converted: SourceFile
    plugins: dict[str, dict[str, str]] = field(default_factory=dict)
    """Plugin, distribution and version that build it, by kind."""


def save_model(folder: Path, method: Method, config: ModelConfig) -> None:
    """Write what `method.translate` needs; each file is written completely or not at all.

    Raises:
        ZooError: the folder cannot be written.
    """
    metadata = {
        "format": "pt",
        "architecture": config.recipe.method.name,
        "config_sha256": digest(config),
        "zoo_version": config.zoo_version,
    }
    _save(folder, inference_state(method), metadata, config)


def save_last(folder: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write the last weights of a method that averages its weights; it is written completely or not at all.

    Raises:
        ZooError: the folder cannot be written.
    """
    from safetensors.torch import save

    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, {"format": "pt"})
    write_atomically(folder / LAST_FILE, content)


def save_network(folder: Path, tensors: Mapping[str, torch.Tensor], config: NetworkConfig) -> None:
    """Write a converted network that does not translate; each file is written completely or not at all.

    Raises:
        ZooError: the folder cannot be written.
    """
    _save(folder, tensors, {"format": "pt"}, config)


def _save(
    folder: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str], config: ModelConfig | NetworkConfig
) -> None:
    from safetensors.torch import save

    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata)
    write_config(folder, config)
    write_atomically(folder / WEIGHTS_FILE, _with_sorted_metadata(content))


def write_config(folder: Path, config: ModelConfig | NetworkConfig) -> None:
    """Write `config.json`.

    Raises:
        ZooError: the folder cannot be written.
    """
    write_atomically(folder / CONFIG_FILE, msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n")


def _with_sorted_metadata(content: bytes) -> bytes:
    """Return a safetensors file with its metadata in alphabetical order.

    The library's order differs from process to process, and the same weights must have the same SHA-256.
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
    """Return the content of a model folder's `config.json`.

    Args:
        folder: the model folder.
        file: the name of its weights.

    Raises:
        UsageError: the folder is not a finished run, or holds a network that does not translate.
        DamagedError: the config is not the one that its run wrote, or one of the two files is missing from a run.
        ZooError: the config is damaged, and no record has its SHA-256.
    """
    path = folder / CONFIG_FILE
    if not path.is_file() or not (folder / file).is_file():
        raise _no_model(folder, file)
    require_undamaged(folder, [CONFIG_FILE])
    try:
        if path.stat().st_size > MOST_CONFIG:
            raise ZooError(f"`{path}` has {path.stat().st_size:,} bytes, more than any config of zoo", "Fetch it again")
        content = path.read_bytes()
        return msgspec.json.decode(content, type=ModelConfig)
    except (OSError, UnicodeDecodeError, RecursionError, msgspec.MsgspecError) as error:
        if isinstance(error, msgspec.ValidationError):
            _refuse_network(folder, content)
        fix = repair(folder) if is_run(folder) else "It was changed or written by another version: fetch it again"
        raise ZooError(f"`{path}` cannot be read: {shown(str(error))}", fix) from error


def _no_model(folder: Path, file: str) -> ZooError:
    """Return the error to show for a folder without config or weights."""
    fix = "Name a run folder, e.g. results/RUN"
    if not folder.is_dir():
        return UsageError(f"there is no model folder `{folder}`", f"{fix}; `zoo.bench(...)` makes them")
    if recorded_command(folder).startswith("zoo score "):
        return UsageError(f"`{folder}` holds scores only: there are no weights", "Name the folder of a trained run")
    if is_run(folder):
        missing = CONFIG_FILE if (folder / file).is_file() else file
        return DamagedError(f"`{folder / missing}` is missing or not a file", repair(folder))
    if runs := sorted(other.parent.name for other in folder.glob(f"*/{WEIGHTS_FILE}")):
        fix = f"It holds runs; name one, e.g. {folder / runs[0]}"
    return UsageError(f"`{folder}` has no {CONFIG_FILE} and {file}: it is not a finished run", fix)


def _refuse_network(folder: Path, content: bytes) -> None:
    """Raise UsageError where a folder's config is that of a network which does not translate."""
    try:
        config = msgspec.json.decode(content, type=NetworkConfig)
    except (UnicodeDecodeError, RecursionError, msgspec.MsgspecError):
        return
    kind, _, spec = config.network.partition(" ")
    weights = folder / WEIGHTS_FILE
    build = f'In Python: zoo.create("{spec}", kind="{kind}").load_state_dict(safetensors.torch.load_file("{weights}"))'
    raise UsageError(
        f"`{folder}` holds a {config.converted.title}; {config.purpose}",
        build if spec else f"Its tensors are in `{weights}`",
    )


def read_card(folder: Path) -> str:
    """Return the beginning of the model card in a folder; empty where it cannot be read."""
    try:
        with (folder / CARD_FILE).open("rb") as file:
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


def load_weights(folder: Path, method: Method, file: str = WEIGHTS_FILE) -> None:
    """Load a model folder's tensors into a method; none may be missing, left over or of another shape.

    Raises:
        DamagedError: the file is not the one that its run wrote.
        ZooError: the file is damaged, or its tensors do not fit the network that `config.json` describes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / file
    require_undamaged(folder, [file])
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from error
    found, expected = _shapes(tensors), _shapes(inference_state(method))
    faults = [f"{name} is missing" for name in expected if name not in found]
    faults += [f"{name} is not part of the network" for name in found if name not in expected]
    faults += [
        f"{name} has shape {found[name]}, not {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    if faults:
        raise ZooError(
            f"`{path}` does not fit its {CONFIG_FILE}: {faults[0]} ({len(faults)} tensors in all)",
            "One of the two was changed, or another version wrote them: fetch or train both again",
        )
    method.load_state_dict(tensors, strict=False)


def _shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in tensors.items()}


def _damaged(path: Path, error: Exception) -> ZooError:
    fix = repair(path.parent) if is_run(path.parent) else "It is damaged; fetch or train it again"
    return ZooError(f"`{path}` cannot be read: {error}", fix)
