from __future__ import annotations

import errno
import os
import pickle
import resource
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from zoo.errors import ZooError
from zoo.training import checkpoint as checkpoints
from zoo.training.checkpoint import Checkpoint, CheckpointState

CPU = torch.device("cpu")


def make(step: int, value: float = 1.0) -> Checkpoint:
    state = CheckpointState(step=step, train_key="key", device="cpu", seconds=1.5, counts={"generator/gan": 2})
    view = torch.full((4, 4), value)[:, :2]
    return Checkpoint(state=state, tensors={"view": view, "scalar": torch.tensor(step), "again": view})


def load(folder: Path) -> Checkpoint | None:
    return checkpoints.load(folder, train_key="key", device=CPU)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, make(3))
    loaded = load(tmp_path)
    assert (loaded.state.step, loaded.state.seconds, loaded.state.counts) == (3, 1.5, {"generator/gan": 2})
    assert torch.equal(loaded.tensors["view"], torch.ones(4, 2))
    assert loaded.tensors["scalar"].item() == 3


def test_a_folder_without_checkpoints_gives_none(tmp_path: Path) -> None:
    assert load(tmp_path / "missing") is None
    assert load(tmp_path) is None


def test_the_newest_is_loaded_and_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10):
        checkpoints.save(tmp_path, make(step))
    assert names(tmp_path) == ["000000002", "000000010"]
    assert load(tmp_path).state.step == 10


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def replace_by_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"weights": [1.0]}))


@pytest.mark.parametrize("file", ["tensors.safetensors", "state.json"])
@pytest.mark.parametrize("harm", [truncate, Path.unlink, replace_by_pickle, flip_a_bit])
def test_a_broken_checkpoint_gives_way_to_the_one_before(tmp_path: Path, caplog, harm, file: str) -> None:
    checkpoints.save(tmp_path, make(1))
    harm(checkpoints.save(tmp_path, make(2)) / file)
    assert load(tmp_path).state.step == 1
    assert "000000002" in caplog.text
    assert "resuming from step 1" in caplog.text


def test_checkpoints_that_are_all_broken_are_named(tmp_path: Path) -> None:
    for step in (1, 2):
        truncate(checkpoints.save(tmp_path, make(step)) / "tensors.safetensors")
    with pytest.raises(ZooError, match=r"no checkpoint in .* can be read .*000000002.*000000001"):
        load(tmp_path)


def test_a_run_that_went_back_replaces_the_broken_checkpoint(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, make(1))
    truncate(checkpoints.save(tmp_path, make(4)) / "tensors.safetensors")
    checkpoints.save(tmp_path, make(3))
    assert names(tmp_path) == ["000000001", "000000003"]
    truncate(tmp_path / "000000003" / "state.json")
    checkpoints.save(tmp_path, make(3, value=2.0))
    assert load(tmp_path).tensors["view"][0, 0] == 2


def test_a_draft_of_a_killed_run_is_ignored_and_swept_up(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, make(1))
    draft = tmp_path / ".000000002.99999"
    draft.mkdir()
    (draft / "tensors.safetensors").write_bytes(b"half")
    assert load(tmp_path).state.step == 1
    checkpoints.save(tmp_path, make(2))
    assert names(tmp_path) == ["000000001", "000000002"]


def test_another_training_or_device_is_refused(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, make(1))
    with pytest.raises(ZooError, match="belongs to another training"):
        checkpoints.load(tmp_path, train_key="other", device=CPU)
    with pytest.raises(ZooError, match=r"written on cpu .* `device`=cpu"):
        checkpoints.load(tmp_path, train_key="key", device=torch.device("cuda"))


def test_a_full_disk_is_said_and_the_old_checkpoint_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints.save(tmp_path, make(1))

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ZooError, match=r"step 2 cannot be written .*No space left on device.*resumes from the last"):
        checkpoints.save(tmp_path, make(2))
    monkeypatch.undo()
    assert names(tmp_path) == ["000000001"]
    assert load(tmp_path).state.step == 1


def test_a_write_that_the_system_cuts_off_is_said(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, make(1))
    big = replace(make(2), tensors={"big": torch.zeros(100_000)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(ZooError, match="step 2 cannot be written"):
            checkpoints.save(tmp_path, big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == ["000000001"]


@pytest.mark.parametrize("moment", ["rename", "rmtree"])
def test_a_kill_at_any_moment_leaves_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    class Kill(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Kill

    checkpoints.save(tmp_path, make(1))
    if moment == "rename":
        monkeypatch.setattr(Path, "rename", kill)
    else:
        monkeypatch.setattr(checkpoints, "_prune", kill)
    with pytest.raises(Kill):
        checkpoints.save(tmp_path, make(2))
    assert load(tmp_path).state.step == (1 if moment == "rename" else 2)
