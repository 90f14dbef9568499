"""The plain lines by which a bench shows its progress."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from zoo.api.arguments import read_axes
from zoo.records.outcome import Outcome
from zoo.run.bars import run_line
from zoo.run.display import SKIPPED_LINES, PlainDisplay
from zoo.run.grid import expand
from zoo.run.progress import INTERRUPTED, Event, Progress, ProgressWriter, read_progress


@pytest.fixture
def runs(pairs):
    planned, _ = expand(
        read_axes({"generator": "resnet6:width=2", "data": str(pairs), "size": 32, "steps": 4, "seeds": 12}),
        Path("results"),
    )
    return planned


def test_lines_begin_with_the_number_of_their_run_and_name_stages_once(runs, capsys):
    display = PlainDisplay()
    display.started(runs[2], 3, 12)
    for step in (1, 2):
        display.update(runs[2], Progress(stage="training", step=step))
    display.update(runs[2], Progress(stage="training", step=4, it_s=2.0, losses={"D/real": 0.25}))
    display.update(runs[2], Progress(stage="scoring", step=4))
    display.finished(Outcome(run=runs[2], status="failed", reason="the disk is full"))
    name = runs[2].label
    assert capsys.readouterr().err.splitlines() == [
        f"[3/12] {name}",
        "[3/12] training",
        "[3/12] step 4/4  2.00 it/s, 0:00 left  real 0.25",
        "[3/12] scoring",
        f"[3/12] {name}: FAILED: the disk is full",
    ]


def test_a_long_scoring_names_how_many_images_are_done(runs, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.run.display.PLAIN_EVERY", 0.0)
    display, progress = PlainDisplay(), ProgressWriter(tmp_path)
    display.started(runs[0], 1, 1)
    progress(Event(stage="training"))
    for done in (0, 8, 16, 20):
        progress(Event(images=(done, 20)))
        display.update(runs[0], progress.latest)
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:] == ["[1/1] scoring", "[1/1] scoring 8/20", "[1/1] scoring 16/20", "[1/1] scoring 20/20"]
    assert run_line("it", 4, progress.latest).stage == "scoring 20/20"
    progress(Event(stage="writing"))
    assert read_progress(tmp_path) == Progress(stage="writing")


def test_an_interrupted_run_has_one_line_that_says_whether_a_state_is_saved(runs, capsys, tmp_path):
    run = replace(runs[0], folder=tmp_path / runs[0].folder.name)
    display = PlainDisplay()
    for saved in (False, True):
        if saved:
            (run.folder / "checkpoints" / "000000002").mkdir(parents=True)
        display.started(run, 1, 6)
        display.update(run, Progress(stage=INTERRUPTED))
        display.finished(Outcome(run=run, status="interrupted"))
    assert capsys.readouterr().err.splitlines() == [
        f"[1/6] {run.label}",
        f"[1/6] {run.label}: interrupted before its first step",
        f"[1/6] {run.label}",
        f"[1/6] {run.label}: interrupted, its state is saved",
    ]


@pytest.mark.parametrize(("number", "lines"), [(SKIPPED_LINES, SKIPPED_LINES), (SKIPPED_LINES + 1, 1)])
def test_many_finished_runs_share_one_line(runs, capsys, number, lines):
    PlainDisplay().skipped([Outcome(run=run, status="skipped") for run in runs[:number]])
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == lines and all("skipped, finished before" in line for line in shown)


def test_the_last_step_is_printed_before_the_stage_that_follows(runs, capsys):
    display = PlainDisplay()
    display.started(runs[0], 1, 2)
    display.update(runs[0], Progress(stage="training"))
    display.update(runs[0], Progress(stage="scoring", step=4, it_s=2.0))
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()[1:]] == ["training", "step", "scoring"]
