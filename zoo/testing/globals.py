"""The check that a part leaves the process as it found it."""

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
from zoo.testing.datasets import write
from zoo.testing.failure import CheckError
from zoo.testing.global_state import TORCH_STREAM, changes, look, reseed
from zoo.testing.harness import Subject, subject_of
from zoo.testing.metrics import score


def untouched(choice: Choice) -> str:
    """Build the part and run it; every random stream and setting must be as before, where the part may not draw."""
    import_module(choice.component.target.partition(":")[0])  # what its libraries do when they are loaded is theirs
    _require_seed_is_left(choice)
    if choice.kind in ("metric", "dataset"):
        with unchanged("building it", torch_stream=True):
            part = build(choice)
        with unchanged("running it", torch_stream=True):
            _run(choice, part)
        return "nothing changed"
    subject = subject_of(choice)
    example = subject.example()
    with unchanged("building it", torch_stream=False):
        part = subject.build()
    # In training dropout draws from torch's stream; nothing else may.
    with unchanged("a training step", torch_stream=False):
        subject.step(part.train(), example)
    with unchanged("running it in eval mode", torch_stream=True), torch.no_grad():
        subject.output(part.eval(), example)
    return "nothing changed"


@contextmanager
def unchanged(what: str, *, torch_stream: bool) -> Iterator[None]:
    """Raise `CheckError` where the block changes anything that is watched."""
    before = look()
    yield
    found = changes(before, torch_stream=torch_stream)
    if found:
        names = " and ".join(watched.name for watched in found)
        raise CheckError(f"{what} to leave the process as it was", f"{names} changed", found[0].fix)


def _require_seed_is_left(choice: Choice) -> None:
    """Raise where building ends at the same place of torch's stream whatever the seed: then it was seeded anew."""
    ends = []
    for seed in (1, 2):
        reseed(seed)
        _builder(choice)()
        ends.append(torch.get_rng_state())
    if torch.equal(*ends):
        raise CheckError(
            f"building it to go on in {TORCH_STREAM}",
            "the same stream after it whatever the seed before",
            "Leave torch.manual_seed out of the constructor; the caller seeds",
        )


def _builder(choice: Choice) -> Callable[[], Any]:
    """Return what builds the part without seeding first."""
    if choice.kind in ("metric", "dataset"):
        return lambda: build(choice)
    subject: Subject = subject_of(choice)
    return lambda: subject.build(seed=None)


def _run(choice: Choice, part: Any) -> None:
    if choice.kind == "metric":
        score(choice, part)
        return
    with tempfile.TemporaryDirectory() as folder:
        write(choice, part, Path(folder) / "written")
