"""`zoo train`: one run in this process, with the options of `zoo bench`, also as several processes; and `zoo status`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from zoo.cli.main import app

TINY = ("--gen", "resnet6:width=4,blocks=1", "--disc", "patchgan:width=4,layers=1", "--size", "32", "--device", "cpu")


def record(out: Path) -> dict[str, object]:
    (path,) = out.glob("*/record.json")
    return json.loads(path.read_text())


def test_every_option_is_one_of_bench():
    commands = get_command(app).commands
    flags = {verb: {flag for one in commands[verb].params for flag in one.opts} for verb in ("train", "bench")}
    assert flags["train"] - flags["bench"] <= {"--seed", "folder", "--help"}


def test_a_run_is_the_same_by_train_and_by_bench(zoo, pairs, tmp_path):
    words = (*TINY, "--data", str(pairs), "--steps", "4")
    trained = zoo("train", *words, "--out", "one")
    assert trained.returncode == 0 and "step 4/4" in trained.stderr, trained.stderr
    again = zoo("bench", *words, "--out", "one")
    assert again.returncode == 0 and "Skipped 1 finished run;" in again.stderr
    assert zoo("bench", *words, "--out", "two").returncode == 0
    one, two = (next((tmp_path / out).glob("*/model.safetensors")).read_bytes() for out in ("one", "two"))
    assert one == two
    status = zoo("status", "one", "--json")
    assert [(state["status"], state["step"]) for state in json.loads(status.stdout)] == [("done", 4)]
    assert "1 done" in zoo("status", "one").stdout


def test_a_planned_run_is_executed_by_its_folder(zoo, pairs, tmp_path):
    words = (*TINY, "--data", str(pairs), "--steps", "4", "--out", "out")
    assert zoo("train", *words, "--seed", "3").returncode == 0
    (run,) = (tmp_path / "out").iterdir()
    assert record(tmp_path / "out")["recipe"]["seed"] == 3
    (run / "record.json").unlink()
    refused = zoo("train", str(run), "--steps", "5", "--lr", "1")
    assert refused.returncode == 2 and "--steps, --lr came beside it" in refused.stderr
    again = zoo("train", str(run))
    assert again.returncode == 0 and record(tmp_path / "out")["recipe"]["seed"] == 3, again.stderr


@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_launchers_start_it(pairs, tmp_path, launcher):
    start = {
        "torchrun": ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"],
        "accelerate": ["-m", "accelerate.commands.launch", "--num_processes", "2", "--cpu"],
    }[launcher]
    words = [*TINY, "--data", str(pairs), "--steps", "4", "--batch", "2", "--out", str(tmp_path)]
    command = [sys.executable, *start, "-m", "zoo", "train", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    # On CPUs accelerate itself starts one process unless it has MPI.
    assert record(tmp_path)["processes"] == (2 if launcher == "torchrun" else 1)


def test_several_runs_are_refused(zoo, pairs):
    done = zoo("train", *TINY, "--data", str(pairs), "--method", "cyclegan,pix2pix")
    assert done.returncode == 2 and "2 runs were described" in done.stderr
