"""Workers on planned runs: each run is executed once, whichever process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from waiting import trains, wait_until

from zoo.errors import ZooError
from zoo.records.job import LOG_FILE, METRICS, RUN_FILE, Job, PlannedRun, plan_job, read_job
from zoo.records.lease import folder_time, holder, lease
from zoo.records.outcome import NOT_YET, find_ended, give_up, known
from zoo.records.record import FAILURE_FILE, Failure, read_failure, read_record, write_json
from zoo.run.grid import Axes, choose_metrics, expand
from zoo.run.progress import read_state, read_states

TINY = {"generators": ("resnet6:width=4,blocks=1",), "discriminators": ("patchgan:width=4,layers=1",)}


def plan(
    pairs: Path, out: Path, *, threads: int | None = 1, requested_at: int = 0, **axes: object
) -> list[tuple[PlannedRun, Job]]:
    """Write the plans of a grid, as a bench would."""
    runs, _ = expand(Axes(data=(str(pairs),), size=32, **axes), out)
    planned = []
    for run in runs:
        choices = choose_metrics(METRICS, runs)
        job = msgspec.structs.replace(
            plan_job(run, choices), device="cpu", command="test", threads=threads, requested_at=requested_at
        )
        run.folder.mkdir(parents=True, exist_ok=True)
        write_json(run.folder / RUN_FILE, job)
        planned.append((run, job))
    return planned


def start(out: Path, *words: str, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "zoo", "worker", str(out), *words]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


def test_a_worker_executes_what_is_planned_and_nothing_else(pairs, tmp_path):
    planned = plan(pairs, tmp_path, methods=("mean_image", "grey_copy"))
    ((lost, job),) = plan(pairs, tmp_path, methods=("inverted_grey",))
    write_json(lost.folder / RUN_FILE, msgspec.structs.replace(job, root=str(tmp_path / "nowhere")))
    (tmp_path / "notes").mkdir()
    worker = start(tmp_path)
    _, errors = worker.communicate(timeout=120)
    assert worker.returncode == 0, errors
    for run, _ in planned:
        assert f"{run.label}: started" in errors and f"{run.label}: done in " in errors
    assert f"{lost.label}: FAILED: " in errors and "leaked" not in errors
    assert all(read_record(run.folder).command == "test" and holder(run.folder) is None for run, _ in planned)
    failure = read_failure(lost.folder)
    assert "nowhere" in failure.reason and failure.retry
    assert {state.status for state in read_states(tmp_path)} == {"done", "failed"}
    again = start(tmp_path)
    _, said = again.communicate(timeout=120)
    assert again.returncode == 0 and read_failure(lost.folder) == failure, (
        "what failed stays so until it is planned again"
    )
    assert said.startswith("zoo: 2 of 3 runs are finished, and 1 failed:") and said.rstrip().endswith("--retry")
    assert f"{lost.folder.name}: {failure.reason}" in said
    (lost.folder / RUN_FILE).unlink(), (lost.folder / FAILURE_FILE).unlink()
    worker = start(tmp_path, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    _, said = worker.communicate(timeout=120)
    assert worker.returncode == 0 and "zoo: all 2 runs are finished" in said.splitlines()
    assert "| torch\n" not in said, "without the seconds of importing torch"


def test_a_folder_without_planned_runs_is_refused(pairs, tmp_path):
    (tmp_path / "notes").mkdir()
    for folder in (tmp_path, pairs):
        worker = start(folder)
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 2 and errors.count("\n") == 1, errors
        assert "holds no planned run" in errors and "zoo bench --out" in errors
    ((run, _),) = plan(pairs, tmp_path, methods=("mean_image",))
    worker = start(run.folder)
    _, errors = worker.communicate(timeout=120)
    assert worker.returncode == 2 and f"zoo train {run.folder}" in errors


def test_only_named_runs_are_executed(pairs, tmp_path):
    (first, _), (second, _) = plan(pairs, tmp_path, methods=("mean_image", "grey_copy"))
    worker = start(tmp_path, "--runs", "-", stdin=subprocess.PIPE)
    worker.communicate(second.folder.name, timeout=120)
    assert worker.returncode == 0
    assert read_record(second.folder) and not read_record(first.folder)
    assert read_state(first.folder).status == "planned"


def test_a_killed_run_leaves_its_reason_and_the_others_continue(pairs, tmp_path):
    ((long, _),) = plan(pairs, tmp_path, methods=("cyclegan",), steps=100_000, **TINY)
    ((short, _),) = plan(pairs, tmp_path, methods=("mean_image",))
    worker = start(tmp_path, "--jobs", "2")
    wait_until(lambda: trains(long.folder))
    state = read_state(long.folder)
    assert state.status == "running" and state.stage == "training" and 0 < state.step < state.steps and state.where
    os.kill(holder(long.folder).pid, signal.SIGKILL)
    worker.communicate(timeout=120)
    assert "signal 9" in read_failure(long.folder).reason
    assert read_record(short.folder) and holder(long.folder) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_worker_that_ends_lets_its_run_save_its_state(pairs, tmp_path, number):
    ((run, _),) = plan(pairs, tmp_path, methods=("cyclegan",), steps=100_000, **TINY)
    worker = start(tmp_path)
    wait_until(lambda: trains(run.folder))
    worker.send_signal(number)
    worker.communicate(timeout=60)
    assert worker.returncode == (-9 if number == signal.SIGKILL else 130)
    wait_until(lambda: holder(run.folder) is None, 30)
    saved = [int(path.parent.name) for path in run.folder.glob("checkpoints/0*/state.json")]
    assert saved and not read_failure(run.folder)
    state = read_state(run.folder)
    assert state.status == "interrupted" and state.resumes == max(saved) and 0 < state.step <= state.steps


def test_a_worker_waits_for_the_run_of_another_or_skips_it(pairs, tmp_path):
    ((run, _),) = plan(pairs, tmp_path, methods=("mean_image",))
    with lease(run.folder):
        passing = start(tmp_path, "--no-wait")
        waiting = start(tmp_path)
        passing.communicate(timeout=60)
        assert passing.returncode == 0 and waiting.poll() is None
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0 and read_record(run.folder)


def test_a_crash_names_the_last_line_that_was_written(pairs, tmp_path):
    ((run, job),) = plan(pairs, tmp_path, methods=("mean_image",))
    (run.folder / LOG_FILE).write_text("Traceback\nImportError: no torch\n\n")
    give_up(run.folder, job, 3)
    assert read_failure(run.folder).reason.startswith("the run ended with exit code 3: ImportError: no torch")
    give_up(run.folder, job, -9)
    assert "exit code 3" in read_failure(run.folder).reason, "the first reason stays"


def test_damaged_plans_are_skipped(pairs, tmp_path):
    ((run, _),) = plan(pairs, tmp_path, methods=("mean_image",))
    (run.folder / RUN_FILE).write_text("{")
    worker = start(tmp_path)
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert read_state(run.folder).status == "failed" and RUN_FILE in read_state(run.folder).reason


def test_importing_for_a_fork_starts_no_thread_and_opens_no_gpu():
    code = (
        "import torch\n"
        "def refuse(*_): raise AssertionError('looked for GPUs')\n"
        "torch.cuda.is_available = torch.cuda.device_count = torch._C._cuda_getDeviceCount = refuse\n"
        "from zoo.run.worker import preload\n"
        "preload()\n"
        "import threading; assert threading.active_count() == 1, threading.enumerate()\n"
        "assert not torch.cuda.is_initialized()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_missing_plan_is_named(tmp_path):
    with pytest.raises(ZooError, match=r"run\.json"):
        read_job(tmp_path)


def test_a_plan_of_the_previous_release_is_read(pairs, tmp_path):
    ((run, job),) = plan(pairs, tmp_path, methods=("mean_image",), requested_at=5)
    text = (run.folder / RUN_FILE).read_text()
    assert '"asked": 5' in text
    (run.folder / RUN_FILE).unlink()
    (run.folder / "job.json").write_text(text.replace('"asked": 5', '"asked": 5,\n  "expired": ""'))
    assert read_job(run.folder) == job and job.requested_at == 5


def test_a_failure_counts_only_when_it_is_newer_than_the_request(pairs, tmp_path):
    ((run, job),) = plan(pairs, tmp_path, methods=("mean_image",))
    assert find_ended(run.folder, job) is None
    write_json(run.folder / "failure.json", Failure(recipe=run.recipe, reason="no memory", tail=""))
    ended = find_ended(run.folder, job)
    assert ended and (ended.status, ended.reason) == ("failed", "no memory")
    now = folder_time(run.folder) + 1
    assert find_ended(run.folder, msgspec.structs.replace(job, requested_at=now)) is None


@pytest.mark.parametrize(
    ("final", "retry", "expected"), [(True, False, "failed"), (True, True, None), (False, False, None)]
)
def test_a_bench_repeats_failures_that_may_pass_and_all_with_retry(pairs, tmp_path, final, retry, expected):
    ((run, job),) = plan(pairs, tmp_path, methods=("mean_image",))
    write_json(run.folder / "failure.json", Failure(recipe=run.recipe, reason="no sense", tail="", retry=not final))
    outcome = known(run, msgspec.structs.replace(job, requested_at=NOT_YET, retry=retry))
    assert (outcome and outcome.status) == expected
    assert outcome is None or outcome.reason == "no sense (before; use `retry` to run it again)"


def test_a_damaged_record_is_a_failure_that_names_the_repair(pairs, tmp_path):
    ((run, job),) = plan(pairs, tmp_path, methods=("mean_image",))
    (run.folder / "record.json").write_text("{")
    ended = find_ended(run.folder, job)
    assert ended and ended.status == "failed" and "record.json" in ended.reason and "--retry" in ended.reason
    assert find_ended(run.folder, msgspec.structs.replace(job, retry=True)) is None
