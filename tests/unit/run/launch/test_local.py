"""Cells as processes of this machine: forked or started, however they end."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from zoo.run.grid import Axes, Cell, expand
from zoo.run.job import LOG_FILE, METRICS, Event, Job, scorings
from zoo.run.launch import Ended
from zoo.run.launch.local import LocalCell, LocalLauncher
from zoo.run.launch.slots import Processors
from zoo.run.lease import holder
from zoo.run.record import read_failure, read_record
from zoo.run.runner import choose_metrics

TINY = {"generators": ("resnet6:width=4,blocks=1",), "discriminators": ("patchgan:width=4,layers=1",)}


def cell_of(pairs: Path, out: Path, **axes: object) -> tuple[Cell, Job]:
    ((cell,), _) = expand(Axes(data=(str(pairs),), size=32, **axes), out)
    metrics = scorings(choose_metrics(METRICS, [cell]), cell.train_key)
    root = str(cell.source.root)
    job = Job(recipe=cell.recipe, train_key=cell.train_key, metrics=metrics, root=root, device="cpu", command="test")
    return cell, job


def finish(launcher: LocalLauncher, started: LocalCell, seconds: float = 120) -> tuple[Ended, list[Event]]:
    events, deadline = [], time.monotonic() + seconds
    while started.ended() is None and time.monotonic() < deadline:
        launcher.wait(0.2)
        events += started.events()
    assert started.ended(), "it took too long"
    return started.ended(), events


@pytest.fixture(params=[True, False], ids=["forked", "started"])
def launcher(request):
    found = LocalLauncher(Processors(2, 1, "cpu"), forks=request.param)
    yield found
    found.close()


def test_a_cell_leaves_its_record_however_it_was_started(pairs, tmp_path, launcher):
    cell, job = cell_of(pairs, tmp_path, methods=("mean_image",))
    ended, events = finish(launcher, launcher.start(cell, job))
    assert ended == Ended(how="done")
    assert [event.text for event in events] == ["loading", "training", "scoring"]
    assert read_record(cell.folder).command == "test" and holder(cell.folder) is None
    assert finish(launcher, launcher.start(cell, job))[0] == Ended(how="kept")


def test_a_failure_says_why_and_stays_where_another_bench_just_had_it(pairs, tmp_path, launcher):
    cell, job = cell_of(pairs, tmp_path, methods=("mean_image",))
    lost = replace(job, root=str(tmp_path / "nowhere"))
    ended, _ = finish(launcher, launcher.start(cell, lost))
    assert ended.how == "failed" and "nowhere" in ended.reason
    failure = read_failure(cell.folder)
    assert failure.reason == ended.reason and failure.retry
    assert finish(launcher, launcher.start(cell, job))[0] == ended, "it failed after this job was asked for"
    later = replace(job, asked=time.time_ns() + 10**9)
    assert finish(launcher, launcher.start(cell, later))[0] == Ended(how="done")
    assert read_failure(cell.folder) is None


def test_a_killed_cell_is_told_and_stops_nothing_else(pairs, tmp_path, launcher):
    cell, job = cell_of(pairs, tmp_path, methods=("cyclegan",), steps=100_000, **TINY)
    other, its_job = cell_of(pairs, tmp_path, methods=("mean_image",))
    started, beside = launcher.start(cell, job), launcher.start(other, its_job)
    assert launcher.start(cell, job) is None, "there is room for two"
    while not any(event.what == "step" for event in started.events()):
        launcher.wait(0.2)
    os.kill(holder(cell.folder).pid, signal.SIGKILL)
    ended, _ = finish(launcher, started)
    assert ended.how == "failed" and "signal 9" in ended.reason
    assert finish(launcher, beside)[0].how == "done"
    assert holder(cell.folder) is None


def test_a_stopped_cell_saves_its_state(pairs, tmp_path):
    launcher = LocalLauncher(Processors(1, 1, "cpu"))
    cell, job = cell_of(pairs, tmp_path, methods=("cyclegan",), steps=100_000, **TINY)
    started = launcher.start(cell, job)
    while not any(event.what == "step" for event in started.events()):
        launcher.wait(0.2)
    started.stop()
    assert finish(launcher, started)[0] == Ended(how="interrupted")
    assert list(cell.folder.glob("checkpoints/0*/state.json"))
    launcher.close()


def test_only_one_of_two_jobs_for_a_cell_works_on_it(pairs, tmp_path):
    launcher = LocalLauncher(Processors(2, 1, "cpu"))
    cell, job = cell_of(pairs, tmp_path, methods=("cyclegan",), steps=40, **TINY)
    first = launcher.start(cell, job)
    while holder(cell.folder) is None:
        launcher.wait(0.05)
    assert finish(launcher, launcher.start(cell, job))[0] == Ended(how="taken")
    assert finish(launcher, first)[0] == Ended(how="done")
    launcher.close()


def test_what_is_no_event_is_passed_over_and_a_crash_names_the_last_line(tmp_path):
    class Child:
        def wait(self) -> int:
            return 3

        def kill(self) -> None:
            raise AssertionError

    orders, told = os.pipe(), os.pipe()
    cell = LocalCell(tmp_path, Child(), orders[1], told[0], shared=False)
    (tmp_path / LOG_FILE).write_text("Traceback\nImportError: no torch\n\n")
    os.write(told[1], b"a launcher's greeting\n" + msgspec.json.encode(Event(what="stage", text="training"))[:20])
    assert cell.read() and cell.events() == []
    os.write(told[1], msgspec.json.encode(Event(what="stage", text="training"))[20:] + b"\n")
    assert cell.read() and [event.text for event in cell.events()] == ["training"]
    os.close(told[1])
    assert not cell.read()
    assert cell.ended().reason.startswith("the cell ended with exit code 3: ImportError: no torch")
    os.close(orders[0])


def test_forking_asks_no_driver_for_cards():
    """What the nursery imports must not open a GPU: its children could not use it."""
    import subprocess
    import sys

    code = (
        "import torch\n"
        "def refuse(*_): raise AssertionError('asked for cards')\n"
        "torch.cuda.is_available = torch.cuda.device_count = torch._C._cuda_getDeviceCount = refuse\n"
        "from zoo.run.launch.nursery import _import\n"
        "_import()\n"
        "import threading; assert threading.active_count() == 1, threading.enumerate()\n"
        "assert not torch.cuda.is_initialized()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
