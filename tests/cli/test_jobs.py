"""Parallel runs and runs of several processes by the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from waiting import trains, wait_until

TINY = ("--gen", "resnet6:width=4,blocks=1", "--disc", "patchgan:width=4,layers=1", "--size", "32", "--device", "cpu")


def test_two_parallel_runs_and_every_line_names_its_run(zoo, pairs, tmp_path):
    done = zoo("bench", *TINY, "--data", str(pairs), "--steps", "4", "--seeds", "2", "--jobs", "2", "--out", "out")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("[")]
    assert {line.split()[0] for line in lines} == {"[1/2]", "[2/2]"}
    first_end = next(number for number, line in enumerate(lines) if "done in" in line)
    assert {"[1/2]", "[2/2]"} <= {line.split()[0] for line in lines[:first_end]}, "they ran one after the other"
    assert len(list((tmp_path / "out").glob("*/record.json"))) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--jobs", "0"), "--jobs is '0'"),
        (("--jobs", "many"), "auto, or 1 or more"),
        (("--gpus-per-run", "0"), "--gpus-per-run is 0"),
        (("--gpus-per-run", "2"), "a batch of 1 cannot be divided equally among 2 processes."),
        (("--launcher", "k8s"), "local or slurm"),
        (("--slurm", "partition=gpu"), "--launcher slurm"),
        (("--launcher", "slurm", "--slurm", "partition"), "KEY=VALUE"),
    ],
)
def test_wrong_requests_exit_2_in_one_line(zoo, pairs, words, message):
    done = zoo("bench", *TINY, "--data", str(pairs), *words)
    assert done.returncode == 2 and message in done.stderr, done.stderr
    errors = [line for line in done.stderr.splitlines() if not line.startswith("checking ")]  # of the dataset, once
    assert len(errors) == 1 and done.stdout == ""


def test_a_terminated_bench_saves_the_state_of_its_runs(pairs, tmp_path):
    words = ["bench", *TINY, "--data", str(pairs), "--steps", "50000", "--out", str(tmp_path / "out")]
    bench = subprocess.Popen([sys.executable, "-m", "zoo", *words], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: any(map(trains, (tmp_path / "out").glob("*"))))
    bench.send_signal(signal.SIGTERM)
    rest = bench.stderr.read()
    assert bench.wait() == 130 and "To resume, run: zoo bench" in " ".join(rest.split())
    assert list((tmp_path / "out").glob("*/checkpoints/0*/state.json"))


@pytest.mark.slow
def test_a_run_of_two_processes_survives_a_kill_of_its_bench(pairs, tmp_path):
    words = ["bench", *TINY, "--data", str(pairs), "--steps", "60", "--batch", "2", "--gpus-per-run", "2", "--out"]
    command = [sys.executable, "-m", "zoo", *words]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, str(whole)], check=True, capture_output=True)
    env = os.environ | {"ZOO_CHECKPOINT_SECONDS": "0.2"}
    bench = subprocess.Popen([*command, str(killed)], env=env, stderr=subprocess.DEVNULL)
    wait_until(lambda: list(killed.glob("*/checkpoints/0*")), 200)
    bench.send_signal(signal.SIGKILL)
    bench.wait()
    assert not list(killed.glob("*/record.json")), "the kill came too late to show anything"
    subprocess.run([*command, str(killed)], check=True, capture_output=True)
    first, second = (load_file(next(out.glob("*/model.safetensors"))) for out in (whole, killed))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    record = json.loads(next(killed.glob("*/record.json")).read_text())
    assert record["timing"]["resumed"] >= 1
    lone = subprocess.run(
        [*command[:-3], "--out", str(whole)], check=True, capture_output=True, text=True
    )  # one process on the same batch is another run
    assert "done in" in lone.stderr and len(list(Path(whole).glob("*/record.json"))) == 2
