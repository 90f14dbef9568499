"""The tensors of a file that `peek` has accepted: read once more, by the libraries, and compared with what was inspected."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import torch
from torch import Tensor

from zoo.checkpoints.entries import Checkpoint, grouped, join, shown
from zoo.checkpoints.formats import Network
from zoo.checkpoints.peek import SAFETENSORS
from zoo.errors import ZooError


def read_tensors(checkpoint: Checkpoint, network: Network) -> dict[str, Tensor]:
    """Return the tensors of one network on the CPU, by their keys without prefix.

    Raises:
        ZooError: torch refuses the file, a tensor is not what was inspected, or holds a value that is not finite.
    """
    path = checkpoint.path
    found = _safetensors(path) if checkpoint.container == SAFETENSORS else _pickled(path)
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


def _pickled(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on protocols; what torch does not read, it raises
            tree = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, TypeError, KeyError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ZooError(f"`{path}` is accepted by zoo inspect and refused by torch: {reason[:200]}") from error
    return {
        join(part, key): tensor
        for part, group in grouped(tree, torch.is_tensor).items()
        for key, tensor in group.items()
    }
