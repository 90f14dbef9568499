"""`zoo status`: states of all runs by their files, and the facts of one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from zoo.api.arguments import read_axes
from zoo.cli.status import status
from zoo.errors import UsageError
from zoo.records.job import LOG_FILE, METRICS, RUN_FILE, PlannedRun, find_run, plan_job
from zoo.records.lease import lease
from zoo.records.outcome import write_failure
from zoo.records.record import write_json
from zoo.records.trained import TRAINED_FILE
from zoo.run.display import PlainDisplay
from zoo.run.grid import expand
from zoo.run.progress import Event, ProgressWriter, read_state
from zoo.run.runner import choose_metrics


@pytest.fixture
def runs(pairs: Path, tmp_path: Path) -> list[PlannedRun]:
    """Return two planned trainings and null baselines in a results folder."""
    axes = read_axes(
        {
            "generator": "resnet6:width=2,resnet9:width=2",
            "data": str(pairs),
            "size": 32,
            "steps": 200,
            "baselines": True,
        }
    )
    found, _ = expand(axes, tmp_path / "results")
    for run in found:
        run.folder.mkdir(parents=True)
        write_json(run.folder / RUN_FILE, plan_job(run, choose_metrics(METRICS, found)))
    return found


def begin(run: PlannedRun, step: int, *, saved: int | None = None) -> None:
    """Leave what a training leaves that was killed at this step, after a checkpoint at another."""
    writer = ProgressWriter(run.folder)
    writer(Event(stage="training"))
    writer(Event(step=step, losses={"generator/gan": 0.5, "discriminator/real": 0.25}))
    if saved is not None:
        (run.folder / "checkpoints" / f"{saved:09}").mkdir(parents=True)
        (run.folder / "checkpoints" / f".{saved + 1:09}.77").mkdir()


def test_a_run_that_had_begun_is_interrupted_and_one_that_had_not_is_planned(runs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    first, second = runs[:2]
    begin(first, 57, saved=40)
    status(first.folder.parent, as_json=False)
    text = capsys.readouterr().out
    assert f"{first.folder.name}: interrupted, resumes at step 40" in text.replace("\n  ", " ")
    assert "57/200" in text and f"{len(runs) - 1} planned, 1 interrupted" in text
    state = read_state(first.folder)
    assert (state.status, state.step, state.steps, state.resumes) == ("interrupted", 57, 200, 40)
    assert (read_state(second.folder).status, read_state(second.folder).resumes) == ("planned", None)
    status(first.folder.parent, as_json=True)
    states = {one["run"]: one for one in json.loads(capsys.readouterr().out)}
    assert states[first.folder.name]["resumes"] == 40
    with lease(first.folder):
        assert read_state(first.folder).status == "running"


def test_a_null_baseline_has_no_steps(runs, capsys):
    baseline = runs[-1]
    assert not baseline.recipe.generator
    status(baseline.folder, as_json=False)
    assert "step" not in capsys.readouterr().out


def test_a_bench_names_what_it_resumes_once(runs, capsys):
    begin(runs[0], 57, saved=40)
    begin(runs[1], 200)
    (runs[1].folder / TRAINED_FILE).write_text("{}")
    begin(runs[2], 0)
    PlainDisplay().planned(runs, "")
    assert capsys.readouterr().err.splitlines() == [
        f"resuming {runs[0].label} at step 40 of 200",
        f"resuming {runs[1].label} at the scoring",
    ]
    with lease(runs[0].folder):  # another process trains it
        PlainDisplay().planned(runs[:1], "")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_folder_of_one_run_shows_its_facts(runs, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    run = runs[0]
    begin(run, 57, saved=40)
    (run.folder / LOG_FILE).write_text("warning")
    status(run.folder, as_json=False)
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == run.folder.name
    assert all(len(line) <= width for line in lines if run.folder.name not in line)
    facts = " ".join(text.split())
    for words in (
        "state interrupted, resumes at step 40",
        "step 57 of 200",
        "recipe cyclegan resnet6 patchgan on ",
        "batch 1, seed 0; resnet6:width=2",
        "losses gan 0.5, real 0.25",
        f"folder {run.folder}",
        f"logs {LOG_FILE} (output)",
    ):
        assert words in facts
    write_failure(run.folder, run.recipe, "the disk is full")
    status(run.folder, as_json=False)
    assert "reason     the disk is full" in capsys.readouterr().out
    status(run.folder, as_json=True)
    (state,) = json.loads(capsys.readouterr().out)
    assert (state["run"], state["status"]) == (run.folder.name, "failed")


def test_the_name_that_the_table_prints_is_taken_and_a_mistyped_one_is_answered_with_similar_ones(runs, capsys):
    results = runs[0].folder.parent
    for baseline in runs[2:]:
        (baseline.folder / RUN_FILE).unlink()
    status(results, as_json=False)
    printed = next(line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("resnet6"))
    assert runs[0].folder.name.endswith(printed) and printed != runs[0].folder.name
    status(results / printed, as_json=False)
    assert capsys.readouterr().out.splitlines()[0] == runs[0].folder.name
    assert find_run(results / runs[1].folder.name[-8:]) == runs[1].folder
    with pytest.raises(UsageError, match=f"there is no run .*Did you mean {re.escape(str(runs[0].folder))}"):
        find_run(runs[0].folder.with_name(f"{runs[0].folder.name}x"))
    with pytest.raises(UsageError, match=f"Runs are shown by: zoo status {re.escape(str(results))}"):
        status(results / "nosuch", as_json=False)


def test_a_grid_file_in_place_of_a_run_names_zoo_bench(tmp_path):
    grid = tmp_path / "grid.toml"
    grid.touch()
    with pytest.raises(UsageError, match=f"is no run. A grid file is run by: zoo bench {re.escape(str(grid))}"):
        find_run(grid)
