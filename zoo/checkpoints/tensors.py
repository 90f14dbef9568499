"""The tensors of a file that `peek` has accepted, compared with what was inspected. Nothing is unpickled by torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from zoo.checkpoints.archives import read_saved
from zoo.checkpoints.entries import Checkpoint, DamagedError, Entry, Place, UnsafeError, grouped, join, shown
from zoo.checkpoints.formats import Network
from zoo.checkpoints.peek import SAFETENSORS
from zoo.errors import ZooError


def read_tensors(checkpoint: Checkpoint, network: Network) -> dict[str, Tensor]:
    """Return the tensors of one network on the CPU, by their keys without prefix.

    Raises:
        ZooError: the file changed meanwhile or its values are damaged, or a tensor holds a value that is not finite.
    """
    path = checkpoint.path
    wanted = [network.prefix + key for key in network.tensors]
    found = _safetensors(path) if checkpoint.container == SAFETENSORS else _saved(path, wanted)
    tensors = {}
    for key, entry in network.tensors.items():
        tensor = found.get(network.prefix + key)
        if tensor is None or tuple(tensor.shape) != entry.shape or tensor.dtype != getattr(torch, entry.dtype):
            raise ZooError(f"`{path}` is refused: {shown(key)} is not what was inspected", "The file changed meanwhile")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ZooError(
                f"`{path}` is of no use: {shown(key)} holds values that are not finite", "Try an earlier epoch's"
            )
        tensors[key] = tensor
    return tensors


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise ZooError(f"`{path}` cannot be read: {error}", "It is damaged; fetch it again") from error


def _saved(path: Path, wanted: Sequence[str]) -> dict[str, Tensor]:
    """Return those of the wanted tensors that a file of torch.save has, each with memory of its own."""
    try:
        with path.open("rb") as file:
            _, tree = read_saved(file, path.stat().st_size)
            entries = {
                join(part, key): entry
                for part, group in grouped(tree.value, lambda value: isinstance(value, Entry)).items()
                for key, entry in group.items()
            }
            storages: dict[str, bytearray] = {}
            tensors = {}
            for name in wanted:
                entry: Entry | None = entries.get(name)
                if entry is None:
                    continue
                if entry.place is None:
                    raise DamagedError(f"{shown(name)} is a view that is computed when it is loaded")
                key = entry.place.key
                if key not in storages:
                    storages[key] = bytearray(tree.storages[key]())
                tensors[name] = _tensor(entry, entry.place, storages[key])
            return tensors
    except (DamagedError, UnsafeError, OSError) as error:
        raise ZooError(f"`{path}` cannot be read: {error}", "Fetch it again") from error


def _tensor(entry: Entry, place: Place, values: bytearray) -> Tensor:
    kind: torch.dtype = getattr(torch, entry.dtype)
    if not entry.count:
        return torch.empty(entry.shape, dtype=kind)
    whole = torch.frombuffer(values, dtype=kind, count=len(values) // kind.itemsize)
    return whole.as_strided(entry.shape, place.stride, place.offset).clone()
