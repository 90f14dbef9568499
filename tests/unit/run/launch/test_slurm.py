"""Jobs of a cluster, by submitit's executor that runs them on this machine; what Slurm itself does is not run here."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from zoo.errors import UsageError
from zoo.records.job import PlannedRun
from zoo.records.outcome import Outcome
from zoo.run import runner
from zoo.run.grid import Axes, expand
from zoo.run.launch import slurm_commands
from zoo.run.launch.slurm import SlurmLauncher
from zoo.run.launch.slurm_commands import GRACE, minutes, parameters, parse_options

pytest.importorskip("submitit")


class Recorded:
    """A display that remembers."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.steps: list[int] = []
        self.outcomes: list[Outcome] = []

    def planned(self, runs, stage):
        self.stage = stage

    def skipped(self, outcomes):
        self.before = len(outcomes)

    def started(self, run, number, runs):
        pass

    def update(self, run, progress):
        self.stages.append(progress.stage)
        self.steps.append(progress.step)

    def waiting(self, runs, who):
        pass

    def finished(self, outcome):
        self.outcomes.append(outcome)

    def stopping(self, run):
        pass


def runs_of(pairs: Path, out: Path, **changes: object) -> list[PlannedRun]:
    axes = Axes(data=(str(pairs),), size=32, **{"methods": ("mean_image", "grey_copy"), **changes})
    runs, refusals = expand(axes, out)
    assert not refusals
    return runs


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90:00", 90), ("90:01", 91), ("12:00:00", 720), ("1-0", 1440), ("1-12", 2160), ("2-00:30", 2910)],
)
def test_times_are_read_as_slurm_writes_them(text, expected):
    assert minutes(text) == expected


@pytest.mark.parametrize("text", ["", "a", "1:2:3:4", "-3", "1-"])
def test_other_times_are_refused(text):
    with pytest.raises(UsageError, match="time="):
        minutes(text)


def test_options_become_parameters_of_submitit():
    options = parse_options("partition=gpu, time=12:00:00,cpus-per-task=8")
    assert parameters(options, "auto", 4, 16) == {
        "name": "zoo",
        "nodes": 1,
        "tasks_per_node": 1,
        "timeout_min": 720,
        "gpus_per_node": 4,
        "cpus_per_task": 8,
        "slurm_signal_delay_s": GRACE,
        "slurm_array_parallelism": 16,
        "slurm_additional_parameters": {"partition": "gpu"},
    }


def test_gpus_are_requested_unless_the_user_did_or_wants_none():
    assert "gpus_per_node" not in parameters({}, "cpu", 1, None)
    assert "gpus_per_node" not in parameters({"gres": "gpu:a100:1"}, "auto", 1, None)
    assert parameters({"nodes": "2"}, "cuda", 8, None)["gpus_per_node"] == 4


@pytest.mark.parametrize("text", ["partition", "partition=", "=gpu,"])
def test_an_option_without_a_value_is_refused(text):
    with pytest.raises(UsageError, match="KEY=VALUE"):
        parse_options(text)


def test_nodes_share_the_processes_of_a_run_equally():
    with pytest.raises(UsageError, match="3 processes cannot be divided equally among 2 nodes"):
        parameters({"nodes": "2"}, "cuda", 3, None)


SBATCH = """#!/bin/sh
# As Slurm: jobs run a copy of the script, which submitit moves as soon as it is submitted.
sent="$(dirname "$0")/sent.sh"
cp "$1" "$sent"
echo "Submitted batch job 42"
export SLURM_ARRAY_JOB_ID=42 SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_PROCID=0 SLURM_LOCALID=0
for task in ${STARTED_TASKS-0 1}; do
    SLURM_ARRAY_TASK_ID=$task SLURM_JOB_ID=$((43 + task)) sh "$sent" >/dev/null 2>&1 &
done
"""
SRUN = """#!/bin/sh
while [ "${1#--}" != "$1" ]; do
    case "$1" in --output|--error) shift 2;; *) shift;; esac
done
exec "$@"
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch) -> Path:
    """A folder of programs with the names of Slurm's, which run a job array of two at once; sacct never lists a state."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", "#!/bin/sh\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return programs


def test_a_grid_becomes_one_job_array_with_the_requested_options(zoo, pairs, tmp_path, stand_in):
    words = ("bench", "--method", "mean_image,grey_copy", "--data", str(pairs), "--size", "32", "--device", "cpu")
    options = "partition=gpu,time=12:00:00,qos=long"
    done = zoo(*words, "--launcher", "slurm", "--slurm", options, "--jobs", "8", "--out", "results")
    assert done.returncode == 0, done.stderr
    assert "mean_image" in done.stdout
    assert len(list((tmp_path / "results").glob("*/record.json"))) == 2
    text = (stand_in / "sent.sh").read_text()
    for line in ("partition=gpu", "qos=long", "time=720", "array=0-1%2", f"signal=USR2@{GRACE}", "job-name=zoo"):
        assert f"#SBATCH --{line}\n" in text, text
    assert "gpus" not in text


@pytest.fixture
def impatient(monkeypatch) -> None:
    for name, seconds in (("LOST_AFTER", 3.0), ("QUERY_EVERY", 0.5)):
        monkeypatch.setattr(slurm_commands, name, seconds)
    monkeypatch.setattr(runner, "UNLEASED_AFTER", 1.0)


def test_a_run_whose_job_vanished_is_executed_by_the_next_worker(pairs, tmp_path, stand_in, monkeypatch):
    monkeypatch.setenv("STARTED_TASKS", "0")
    runs = runs_of(pairs, tmp_path)
    outcomes = runner.run(runs, Recorded(), SlurmLauncher(tmp_path, {}, device="cpu"), command="zoo bench")
    assert [outcome.status for outcome in outcomes] == ["done", "done"]


@pytest.mark.parametrize(("networks", "jobs"), [(0, 2), (1, 1), (3, 3)])
def test_null_baselines_get_no_jobs_and_no_cores_beside_networks(pairs, tmp_path, networks, jobs):
    """They take seconds, and the number of parallel runs decides the threads, and so the last bits, of a training."""

    class Counting(SlurmLauncher):
        def expect(self, recipes):
            self.expected = len(recipes)

        def start(self, folders, workers):
            self.started = workers, len(folders)
            raise KeyboardInterrupt

    parts = {"methods": ("pix2pix",), "generators": ("resnet6:width=4,blocks=1",), "seeds": networks}
    runs = runs_of(pairs, tmp_path) + (runs_of(pairs, tmp_path, **parts) if networks else [])
    launcher = Counting(tmp_path, {}, device="cpu", cluster="local")
    with pytest.raises(KeyboardInterrupt):
        runner.run(runs, Recorded(), launcher, command="zoo bench")
    assert (launcher.expected, launcher.started) == (jobs, (jobs, networks + 2))


def test_runs_fail_with_the_reason_when_all_jobs_vanished(pairs, tmp_path, stand_in, monkeypatch, impatient):
    monkeypatch.setenv("STARTED_TASKS", "")
    runs = runs_of(pairs, tmp_path)
    outcomes = runner.run(runs, Recorded(), SlurmLauncher(tmp_path, {}, device="cpu"), command="zoo bench")
    assert [outcome.status for outcome in outcomes] == ["failed", "failed"]
    assert "job 42_0, 42_1 is lost: squeue and sacct do not list it" in outcomes[0].reason


def test_workers_of_an_earlier_bench_are_not_submitted_again(pairs, tmp_path, stand_in):
    runs = runs_of(pairs, tmp_path)
    launcher = SlurmLauncher(tmp_path, {}, device="cpu")
    launcher.start([run.folder for run in runs], 2)
    (stand_in / "sbatch").write_text("#!/bin/sh\nexit 1\n")  # another submission would be an error
    outcomes = runner.run(runs, Recorded(), SlurmLauncher(tmp_path, {}, device="cpu"), command="zoo bench")
    assert [outcome.status for outcome in outcomes] == ["done", "done"]


@pytest.mark.parametrize(
    ("squeue", "expected"),
    [
        ("echo 7_0; echo 8", {"9"}),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", {"7_0", "8", "9"}),
        ("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1", set()),
        ("exit 0", {"7_0", "8", "9"}),
        (None, {"7_0", "8", "9"}),
    ],
)
def test_a_job_is_lost_when_the_queue_answers_and_does_not_list_it(stand_in, monkeypatch, squeue, expected):
    if squeue:
        (stand_in / "squeue").write_text(f"#!/bin/sh\n{squeue}\n")
        (stand_in / "squeue").chmod(0o755)
    now = 1000.0
    monkeypatch.setattr(slurm_commands.time, "monotonic", lambda: now)
    queue, jobs = slurm_commands.Queue(exists=True), ["7_0", "8", "9"]
    assert queue.find_lost(jobs) == set()
    now += slurm_commands.LOST_AFTER / 2
    assert queue.find_lost(jobs) == set()
    now += slurm_commands.LOST_AFTER / 2
    assert queue.find_lost(jobs) == expected


def test_without_slurm_the_error_names_the_login_node(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="login node"):
        SlurmLauncher(tmp_path, {})


def test_workers_run_as_jobs_and_their_progress_is_read_from_files(pairs, tmp_path):
    runs, seen = runs_of(pairs, tmp_path), Recorded()
    launcher = SlurmLauncher(tmp_path, {"time": "5"}, device="cpu", cluster="local")
    outcomes = runner.run(runs, seen, launcher, command="zoo bench")
    assert [outcome.status for outcome in outcomes] == ["done", "done"]
    again = SlurmLauncher(tmp_path, {}, device="cpu", cluster="local")
    assert [outcome.status for outcome in runner.run(runs, seen, again, command="zoo bench")] == ["skipped", "skipped"]
    assert seen.before == 2


@pytest.mark.slow
def test_a_preempted_job_saves_the_state_of_its_run_and_resumes_it(pairs, tmp_path):
    parts = {
        "methods": ("cyclegan",),
        "generators": ("resnet6:width=4,blocks=1",),
        "discriminators": ("patchgan:width=4,layers=1",),
    }
    (run,) = runs_of(pairs, tmp_path, **parts, steps=150)

    class Preempting(Recorded):
        def update(self, run, progress):
            super().update(run, progress)
            if progress.step > 2 and not hasattr(self, "at"):
                self.at = progress.step
                for task in supervisors(tmp_path):
                    os.kill(task, signal.SIGUSR2)

    seen = Preempting()
    launcher = SlurmLauncher(tmp_path, {"time": "5"}, device="cpu", cluster="local")
    (outcome,) = runner.run([run], seen, launcher, command="zoo bench")
    assert outcome.status == "done" and outcome.record.timing.resumed == 1


def supervisors(out: Path) -> list[int]:
    """Return the processes that run the jobs of a results folder."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [
        int(line.split()[0]) for line in listed.splitlines() if "submitit.core._submit" in line and str(out) in line
    ]
