"""The tensors of a file that `peek` accepted, checked against its inspection. Torch unpickles nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from zoo.checkpoints.archives import read_saved
from zoo.checkpoints.entries import MalformedError, StorageView, TensorEntry, UnsafeError, WeightsFile, shown
from zoo.checkpoints.formats import Network
from zoo.checkpoints.peek import SAFETENSORS
from zoo.errors import ZooError


def read_tensors(weights: WeightsFile, network: Network) -> dict[str, Tensor]:
    """Return the tensors of one network on the CPU, by their keys without prefix.

    Raises:
        ZooError: the file changed after its inspection or its values are damaged, or a tensor holds a value that is not finite.
    """
    path = weights.path
    wanted = [network.prefix + key for key in network.tensors]
    found = _safetensors(path) if weights.container == SAFETENSORS else _saved(path, wanted)
    tensors = {}
    for key, entry in network.tensors.items():
        tensor = found.get(network.prefix + key)
        if tensor is None or tuple(tensor.shape) != entry.shape or tensor.dtype != getattr(torch, entry.dtype):
            fix = "The file changed after its inspection; run the same command again"
            raise ZooError(f"`{path}` is refused: {shown(key)} is not what was inspected", fix)
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            reason = f"`{path}` is unusable: {shown(key)} holds values that are not finite"
            raise ZooError(reason, "Use the file of an earlier epoch")
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
    """Return those of the wanted tensors that a file of torch.save has, each with its own memory."""
    try:
        with path.open("rb") as file:
            found, readers = read_saved(path, file)
            entries = found.tensors
            storages: dict[str, bytearray] = {}
            tensors = {}
            for name, entry in ((name, entries[name]) for name in wanted if name in entries):
                if entry.view is None:
                    raise MalformedError(f"{shown(name)} is a view that is computed when it is loaded")
                key = entry.view.key
                if key not in storages:
                    storages[key] = bytearray(readers[key]())
                tensors[name] = _tensor(entry, entry.view, storages[key])
            return tensors
    except (MalformedError, UnsafeError, OSError) as error:
        raise ZooError(f"`{path}` cannot be read: {error}", "Fetch it again") from error


def _tensor(entry: TensorEntry, view: StorageView, values: bytearray) -> Tensor:
    dtype: torch.dtype = getattr(torch, entry.dtype)
    if not entry.count:
        return torch.empty(entry.shape, dtype=dtype)
    whole = torch.frombuffer(values, dtype=dtype, count=len(values) // dtype.itemsize)
    return whole.as_strided(entry.shape, view.stride, view.offset).clone()
