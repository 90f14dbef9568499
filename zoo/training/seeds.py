"""The random streams of a run: how they are seeded, saved and restored."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping

import torch
from torch import Tensor

from zoo.training.distributed import World


def seed_everything(seed: int, device: torch.device) -> torch.Generator:
    """Seed Python and torch, enable deterministic algorithms on the CPU, and return the run's own random stream.

    Weights are drawn from torch's global stream; augmentation and pools from the returned one, on `device`, so that a
    network with more layers does not change its training data.
    """
    random.seed(seed)
    torch.manual_seed(seed)
    # Warn only: an operation without a deterministic form should not end a run.
    torch.set_deterministic_debug_mode("warn" if device.type == "cpu" else "default")
    # Determinism needs no fill of uninitialised memory, which costs a write per allocation.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return torch.Generator(device).manual_seed(_derived(f"zoo:{seed}"))


def seed_process(seed: int, world: World) -> None:
    """Give each process except the main one its own global random stream: dropout masks must differ between images."""
    if not world.is_main:
        torch.manual_seed(_derived(f"{seed} process {world.rank}"))


def save_streams(device: torch.device, rng: torch.Generator, world: World) -> dict[str, Tensor]:
    """Return the states of the run's stream and of all processes' global streams, in the main process.

    The names are those in checkpoints: `rng.own`, `rng.cpu` and `rng.cuda`, of process N above 0 `rng.cpu.N`.
    """
    streams = {"rng.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        streams["rng.cuda"] = torch.cuda.get_rng_state(device)
    gathered = enumerate(world.gather(streams))
    return {"rng.own": rng.get_state()} | {_of(rank, name): s for rank, own in gathered for name, s in own.items()}


def restore_streams(tensors: Mapping[str, Tensor], device: torch.device, rng: torch.Generator, world: World) -> None:
    """Continue the streams of `save_streams` in this process.

    Raises:
        KeyError: a stream is missing.
    """
    rng.set_state(tensors["rng.own"])
    torch.set_rng_state(tensors[_of(world.rank, "rng.cpu")])
    if device.type == "cuda":
        torch.cuda.set_rng_state(tensors[_of(world.rank, "rng.cuda")], device)


def _of(rank: int, name: str) -> str:
    return f"{name}.{rank}" if rank else name


def _derived(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
