"""The check that a part does not change global state."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from zoo.build import build
from zoo.registry import Choice
from zoo.testing.checks import CheckError
from zoo.testing.datasets import write
from zoo.testing.global_state import TORCH_STREAM, changes, reseed, snapshot
from zoo.testing.harness import Harness, harness_of
from zoo.testing.metrics import score


def untouched(choice: Choice) -> str:
    """Build the part and run it; random streams and settings must not change, except where the part may draw."""
    import_module(choice.component.target.partition(":")[0])  # imports may change global state
    _require_no_seeding(choice)
    if choice.kind in ("metric", "dataset"):
        with unchanged("building it", torch_stream=True):
            part = build(choice)
        with unchanged("running it", torch_stream=True):
            _run(choice, part)
        return "nothing changed"
    harness = harness_of(choice)
    example = harness.example()
    with unchanged("building it", torch_stream=False):
        part = harness.build()
    # In training dropout draws from torch's stream; nothing else may.
    with unchanged("a training step", torch_stream=False):
        harness.step(part.train(), example)
    with unchanged("running it in eval mode", torch_stream=True), torch.no_grad():
        harness.output(part.eval(), example)
    return "nothing changed"


@contextmanager
def unchanged(what: str, *, torch_stream: bool) -> Iterator[None]:
    """Raise `CheckError` where the block changes anything that is watched."""
    before = snapshot()
    yield
    found = changes(before, torch_stream=torch_stream)
    if found:
        names = " and ".join(watched.name for watched in found)
        raise CheckError(f"{what} to leave the process as it was", f"{names} changed", found[0].fix)


def _require_no_seeding(choice: Choice) -> None:
    """Raise where torch's stream is the same after building from different seeds: then the part has seeded it."""
    ends = []
    for seed in (1, 2):
        reseed(seed)
        _builder(choice)()
        ends.append(torch.get_rng_state())
    if torch.equal(*ends):
        raise CheckError(
            f"building it to continue {TORCH_STREAM}",
            "the same stream afterwards from different seeds",
            "Leave torch.manual_seed out of the constructor; the caller seeds",
        )


def _builder(choice: Choice) -> Callable[[], Any]:
    """Return what builds the part without seeding first."""
    if choice.kind in ("metric", "dataset"):
        return lambda: build(choice)
    harness: Harness = harness_of(choice)
    return lambda: harness.build(seed=None)


def _run(choice: Choice, part: Any) -> None:
    if choice.kind == "metric":
        score(choice, part)
        return
    with tempfile.TemporaryDirectory() as folder:
        write(choice, part, Path(folder) / "written")
