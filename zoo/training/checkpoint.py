"""Checkpoints: everything that a bit-exact resume needs, as safetensors and JSON, never a pickle.

A checkpoint is a folder `NNNNNNNNN` (its step) with `tensors.safetensors` and `state.json`. It is written under another name,
synced and renamed, so that a reader sees a complete one or none; the previous one is kept as a fallback.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from zoo.checksums import digest_of
from zoo.errors import ZooError
from zoo.files import sync

FORMAT = 1
KEEP = 2
TENSORS, STATE = "tensors.safetensors", "state.json"

log = logging.getLogger(__name__)


class CheckpointError(ZooError):
    """Checkpoints that a training cannot resume from; they are unchanged."""


@dataclass(frozen=True, kw_only=True)
class CheckpointState:
    """The part of a checkpoint that is not tensors: `state.json`."""

    step: int
    """Steps done."""
    train_key: str
    """Identity of the training; only the same training resumes from the checkpoint."""
    device: str
    """Device type; random streams of one type cannot continue on another."""
    seconds: float
    """Time spent on training so far."""
    speed: str = ""
    """`ComputeOptions` as text; with others a training resumes, but not bit for bit."""
    counts: dict[str, int] = field(default_factory=dict)
    """Number of updates in each sum of losses since the last log entry."""
    rescues: int = 0
    """How often the training went back to a validation, each time at half the learning rate."""
    sha256: str = ""
    """Of the tensors file; set by `save`."""
    checksum: str = ""
    """SHA-256 of this file's other content; set by `save`. Empty in the oldest checkpoints."""
    format: int = FORMAT
    """Version of this layout."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training between two steps."""

    state: CheckpointState
    tensors: Mapping[str, Tensor]
    """By name; on any device when saved, on the CPU when loaded."""


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint into a folder under `folder`, return that folder, and delete all but the newest two.

    Raises:
        ZooError: the disk is full or cannot be written; earlier checkpoints are unchanged.
    """
    step = checkpoint.state.step
    final, draft = folder / f"{step:09d}", folder / f".{step:09d}.{os.getpid()}"
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        _write(draft, checkpoint)
        _remove(final)  # a damaged one: a run that resumes from a good one is already past its step
        draft.rename(final)
        sync(folder)
        _prune(folder, step)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise ZooError(
            f"the checkpoint of step {step} cannot be written to {folder}: {error}",
            "Free some space and run the same command again; it resumes from the last checkpoint, which is intact.",
        ) from error
    return final


def load(folder: Path, *, train_key: str, device: torch.device) -> Checkpoint | None:
    """Return the newest checkpoint that can be read, or None where there is none; log a warning for each damaged one.

    Raises:
        CheckpointError: there are checkpoints but none can be read, or they belong to another training or device.
    """
    broken = []
    for path in reversed(_steps(folder)):
        try:
            state = _read_state(path)
        except (OSError, ValueError) as error:
            broken.append(f"{path.name}: {error}")
            continue
        _check_identity(path, state, train_key, device)
        try:
            tensors = _read_tensors(path, state)
        except (OSError, ValueError, SafetensorError) as error:
            broken.append(f"{path.name}: {error}")
            continue
        for reason in broken:
            log.warning("checkpoint %s; resuming from step %d", reason, state.step)
        return Checkpoint(state=state, tensors=tensors)
    if broken:
        raise CheckpointError(f"no checkpoint in `{folder}` can be read ({'; '.join(broken)})")
    return None


def _write(draft: Path, checkpoint: Checkpoint) -> None:
    # Copies: safetensors refuses views and shared memory, both of which a state dict may hold.
    tensors = {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in checkpoint.tensors.items()
    }
    save_file(tensors, draft / TENSORS)
    sync(draft / TENSORS)
    state = replace(checkpoint.state, sha256=digest_of(draft / TENSORS), checksum="")
    state = replace(state, checksum=_checksum(state))
    (draft / STATE).write_bytes(msgspec.json.format(msgspec.json.encode(state)))
    sync(draft / STATE)
    sync(draft)


def _read_state(path: Path) -> CheckpointState:
    state = msgspec.json.decode((path / STATE).read_bytes(), type=CheckpointState)
    if state.format != FORMAT:
        raise ValueError(f"format {state.format}, where this version reads {FORMAT}")
    if state.checksum and state.checksum != _checksum(state):
        raise ValueError(f"{STATE} is not the file that was written")
    return state


def _checksum(state: CheckpointState) -> str:
    """Return the SHA-256 of a state's canonical JSON without its checksum."""
    return hashlib.sha256(msgspec.json.encode(replace(state, checksum=""), order="deterministic")).hexdigest()


def _read_tensors(path: Path, state: CheckpointState) -> dict[str, Tensor]:
    if digest_of(path / TENSORS) != state.sha256:
        raise ValueError(f"{TENSORS} is not the file that was written")
    tensors: dict[str, Tensor] = load_file(path / TENSORS)
    return tensors


def _check_identity(path: Path, state: CheckpointState, train_key: str, device: torch.device) -> None:
    if state.train_key != train_key:
        raise CheckpointError(
            f"checkpoint `{path}` belongs to another training ({state.train_key}, not {train_key})",
            "Choose another output folder",
        )
    if state.device != device.type:
        raise CheckpointError(
            f"checkpoint `{path}` was written on {state.device} and cannot resume bit for bit on {device.type}",
            f"Use `device`={state.device}",
        )


def _steps(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir()) if folder.is_dir() else []


def _prune(folder: Path, step: int) -> None:
    """Delete all but the newest checkpoints, and drafts of killed runs."""
    paths = _steps(folder)
    # Later than the one just written: unreadable ones; the run resumed from an earlier one.
    later = [path for path in paths if int(path.name) > step]
    for path in later + [path for path in paths if path not in later][:-KEEP] + list(folder.glob(".[0-9]*")):
        _remove(path)


def _remove(path: Path) -> None:
    """Delete a checkpoint, or a file of its name, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
