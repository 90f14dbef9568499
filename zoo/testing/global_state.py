"""The global state that a part must not change: random streams, torch's settings, the environment."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

TORCH_STREAM = "torch's random stream"
_DRAWN = "Draw from torch's global stream when building and from parts.rng in training, and seed nothing"
_SETTING = "Leave the process's settings alone; use a `with` block that restores them"


@dataclass(frozen=True)
class Watched:
    """One piece of global state."""

    name: str
    read: Callable[[], Any]
    restore: Callable[[Any], Any]
    fix: str


def _environment() -> dict[str, str]:
    # torch names its caches there when one of its compilers is first imported, as torch.func does.
    return {name: value for name, value in os.environ.items() if not name.startswith(("TORCH", "TRITON"))}


def _set_environment(values: dict[str, str]) -> None:
    for name in _environment().keys() - values.keys():
        del os.environ[name]
    os.environ.update(values)


def _set_device(device: torch.device) -> None:
    # The default device of a fresh process is none, which differs from the CPU: setting that slows every call.
    torch.set_default_device(None if device.type == "cpu" else device)


WATCHED = (
    Watched(TORCH_STREAM, torch.get_rng_state, torch.set_rng_state, _DRAWN),
    Watched("Python's random stream", random.getstate, random.setstate, _DRAWN),
    Watched("NumPy's random stream", lambda: np.random.get_state(legacy=False), np.random.set_state, _DRAWN),
    Watched("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype, _SETTING),
    Watched("torch's default device", torch.get_default_device, _set_device, _SETTING),
    Watched("torch's grad mode", torch.is_grad_enabled, torch.set_grad_enabled, _SETTING),
    Watched("torch's number of threads", torch.get_num_threads, torch.set_num_threads, _SETTING),
    Watched(
        "torch's deterministic mode", torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, _SETTING
    ),
    Watched(
        "torch's float32 precision", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, _SETTING
    ),
    Watched(
        "torch.backends.cudnn.benchmark",
        lambda: torch.backends.cudnn.benchmark,
        lambda value: setattr(torch.backends.cudnn, "benchmark", value),
        _SETTING,
    ),
    Watched("the environment", _environment, _set_environment, "Read the environment, and change nothing"),
    Watched("the working directory", os.getcwd, os.chdir, "Use whole paths, and do not change the directory"),
)


def snapshot() -> dict[str, Any]:
    """Return the watched state by name."""
    return {watched.name: watched.read() for watched in WATCHED}


def changes(before: dict[str, Any], *, torch_stream: bool) -> list[Watched]:
    """Return what differs from an earlier snapshot; torch's random stream only with `torch_stream`."""
    return [
        watched
        for watched in WATCHED
        if (torch_stream or watched.name != TORCH_STREAM) and not _same(watched.read(), before[watched.name])
    ]


def reseed(seed: int) -> None:
    """Seed torch's, Python's and NumPy's streams."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


@contextlib.contextmanager
def isolated() -> Iterator[None]:
    """Run a `with` block from fixed seeds, and restore afterwards what it changed."""
    before = snapshot()
    reseed(0)
    torch.set_num_threads(1)  # networks this small run slower on several
    try:
        yield
    finally:
        for watched in WATCHED:
            if not _same(watched.read(), before[watched.name]):
                watched.restore(before[watched.name])


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one == other)
