"""The check that a part does not change global state: random streams, torch's settings, the environment."""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.backends import cudnn

from zoo.build import build
from zoo.choices import Choice
from zoo.testing.checks import CheckError
from zoo.testing.datasets import write
from zoo.testing.harness import harness_of, reseed
from zoo.testing.metrics import MetricHarness

TORCH_STREAM = "torch's random stream"
_DRAWN = "Draw from torch's global stream when building and from parts.rng in training, and seed nothing"


@dataclass(frozen=True)
class Watched:
    """One piece of global state."""

    name: str
    read: Callable[[], Any]
    restore: Callable[[Any], Any]
    fix: str = "Leave the process's settings alone; use a `with` block that restores them"


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
    Watched("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    Watched("torch's default device", torch.get_default_device, _set_device),
    Watched("torch's grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
    Watched("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    Watched("torch's deterministic mode", torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    Watched("torch's float32 precision", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    Watched("torch.backends.cudnn.benchmark", lambda: cudnn.benchmark, lambda on: setattr(cudnn, "benchmark", on)),
    Watched("the environment", _environment, _set_environment, "Read the environment, and change nothing"),
    Watched("the working directory", os.getcwd, os.chdir, "Use whole paths, and do not change the directory"),
)


def snapshot() -> dict[str, Any]:
    """Return the watched state by name."""
    return {watched.name: watched.read() for watched in WATCHED}


def changes(before: dict[str, Any]) -> list[Watched]:
    """Return what differs from an earlier snapshot."""
    return [watched for watched in WATCHED if not _same(watched.read(), before[watched.name])]


@contextlib.contextmanager
def isolated() -> Iterator[None]:
    """Run a `with` block from fixed seeds, and restore afterwards what it changed."""
    before = snapshot()
    reseed(0)
    torch.set_num_threads(1)  # networks this small run slower on several
    try:
        yield
    finally:
        for watched in changes(before):
            watched.restore(before[watched.name])


def untouched(choice: Choice) -> str:
    """Build the part and run it; random streams and settings must not change, except where the part may draw."""
    import_module(choice.component.target.partition(":")[0])  # imports may change global state
    if choice.kind in ("metric", "dataset"):
        _require_no_seeding(lambda: build(choice))
        with unchanged("building it", torch_stream=True):
            part = build(choice)
        with unchanged("running it", torch_stream=True), tempfile.TemporaryDirectory() as folder:
            if choice.kind == "metric":
                metric = MetricHarness(choice, part)
                metric.score(metric.noisy(), metric.real)
            else:
                write(choice, part, Path(folder) / "written")
        return "nothing changed"
    harness = harness_of(choice)
    _require_no_seeding(lambda: harness.build(seed=None))
    example = harness.example()
    with unchanged("building it", torch_stream=False):
        part = harness.build()
    # In training dropout draws from torch's stream; nothing else may.
    with unchanged("a training step", torch_stream=False):
        harness.step(part.train(), example)
    with unchanged("running it in eval mode", torch_stream=True), torch.no_grad():
        harness.output(part.eval(), example)
    return "nothing changed"


@contextlib.contextmanager
def unchanged(what: str, *, torch_stream: bool) -> Iterator[None]:
    """Raise `CheckError` where the block changes anything that is watched; torch's random stream only with `torch_stream`."""
    before = snapshot()
    yield
    found = [watched for watched in changes(before) if torch_stream or watched.name != TORCH_STREAM]
    if found:
        names = " and ".join(watched.name for watched in found)
        raise CheckError(f"{what} to leave the process as it was", f"{names} changed", found[0].fix)


def _require_no_seeding(make: Callable[[], Any]) -> None:
    """Raise where torch's stream is the same after building from different seeds: then the part has seeded it."""
    ends = []
    for seed in (1, 2):
        reseed(seed)
        make()
        ends.append(torch.get_rng_state())
    if torch.equal(*ends):
        expected = f"building it to continue {TORCH_STREAM}"
        fix = "Leave torch.manual_seed out of the constructor; the caller seeds"
        raise CheckError(expected, "the same stream afterwards from different seeds", fix)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one == other)
