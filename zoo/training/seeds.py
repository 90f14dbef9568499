"""Where a run's randomness comes from."""

from __future__ import annotations

import hashlib
import random

import torch


def seed_everything(seed: int, device: torch.device) -> torch.Generator:
    """Seed Python and torch, ask for deterministic algorithms on the CPU, and return the run's own random stream.

    Weights are drawn from torch's global stream; augmentation and pools from the returned one, on `device`, so that a
    network with more layers does not change the data that it sees.
    """
    random.seed(seed)
    torch.manual_seed(seed)
    # Warn only: an operation without a deterministic form should not end a run that was going to be measured anyway.
    torch.set_deterministic_debug_mode("warn" if device.type == "cpu" else "default")
    # Determinism needs no fill of uninitialised memory, which costs a write per allocation.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    own = int.from_bytes(hashlib.sha256(f"zoo:{seed}".encode()).digest()[:7], "big")
    return torch.Generator(device).manual_seed(own)
