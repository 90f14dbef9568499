"""The live lines of a bench: each fits the screen, and bar, step and time left are always there."""

from __future__ import annotations

import io
import re
import sys

import pytest

from zoo.api.arguments import read_axes
from zoo.records.outcome import Outcome
from zoo.run.bars import Line, LiveDisplay, layout, run_line, short_names, two_losses
from zoo.run.grid import expand
from zoo.run.progress import Progress, grid_left
from zoo.terminal import SafeStream

LOSSES = {"discriminator/fake": 0.25, "generator/gan": 1.5, "generator/cycle": 2.0, "discriminator/real": 0.5}


@pytest.fixture
def runs(pairs, tmp_path):
    planned, _ = expand(
        read_axes(
            {
                "generator": "resnet6:width=2,resnet9:width=2",
                "data": str(pairs),
                "size": 32,
                "steps": 300,
                "baselines": True,
            }
        ),
        tmp_path,
    )
    return planned


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("steps", [300, 200_000])
@pytest.mark.parametrize("speed", [0.013, 5.4, 1234.5])
def test_bar_step_and_time_left_fit_every_screen(width, steps, speed):
    names = ["restormer_with_a_very_long_name_and_options", "resnet9_width8"]
    lines = [
        run_line(name, steps, Progress(stage="training", step=steps // 3, it_s=speed, losses=LOSSES)) for name in names
    ]
    lines.append(Line(name="all runs", done=0.4, step="12/144 runs", left="27:46:39 left"))
    shown = [text.plain for text in layout(lines, width, "*")]
    assert all(len(line) < width for line in shown)
    for line in shown[:2]:
        assert f"{steps // 3}/{steps}" in line and "it/s" in line and re.search(r"\d:\d\d left", line)
        assert len(re.findall("[━─]", line)) >= 8
    if speed < 1000 and steps == 300:
        assert all(line.rstrip().endswith("G 3.5 D 0.75") for line in shown[:2])
    assert len({line.index("left") for line in shown}) == 1, "columns are aligned"


def test_a_narrow_screen_keeps_step_and_time_left():
    (line,) = layout([run_line("resnet9", 300, Progress(stage="training", step=30, it_s=5.0, losses=LOSSES))], 50, "*")
    assert "30/300" in line.plain and "0:54 left" in line.plain and len(line.plain) < 50


def test_an_ascii_terminal_gets_ascii():
    line = run_line(
        "a_name_that_does_not_fit_into_its_column_here", 300, Progress(stage="training", step=150, it_s=5.0)
    )
    (shown,) = layout([line], 60, " ", ascii_only=True)
    assert shown.plain.isascii() and "#" in shown.plain and "-" in shown.plain


def test_the_bar_is_as_full_as_the_training():
    line = run_line("a", 300, Progress(stage="training", step=75, it_s=5.0))
    bar = re.findall("[━─]", layout([line], 80, "*")[0].plain)
    assert bar.count("━") / len(bar) == pytest.approx(0.25, abs=0.05)


def test_losses_stand_in_one_order():
    shown = {two_losses(dict(order)) for order in (LOSSES.items(), reversed(LOSSES.items()))}
    assert shown == {"G 3.5 D 0.75"}


def test_names_differ_by_what_the_runs_differ_in(runs):
    names = short_names([run.label for run in runs])
    assert names[:2] == ["resnet6_width2", "resnet9_width2"] or names[:2] == ["resnet6", "resnet9"]
    assert len(set(names)) == len(names)
    assert short_names(["cyclegan-resnet9-scenes-64px"]) == ["cyclegan-resnet9"]


def test_the_time_of_a_grid_counts_what_waits():
    fast, slow = Progress(step=100, it_s=10.0), Progress(step=0, it_s=5.0)
    assert grid_left([(300, None)]) is None
    assert grid_left([(300, fast)]) == 20
    assert grid_left([(300, fast), (300, slow)]) == 60, "no shorter than the longest run"
    # Two at once: 20 s and 60 s remain of these, and 300 steps at the mean of 0.1 and 0.2 s are 45 s.
    assert grid_left([(300, fast), (300, slow), (300, None), (300, None)]) == (20 + 60 + 90) / 2


def test_stages_and_the_grid_are_shown_until_the_runs_end(runs, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    display = LiveDisplay()
    display.planned(runs, "importing torch")
    assert [line.stage for line in display.lines()] == ["importing torch"]
    first, second = runs[:2]
    display.started(first, 1, len(runs))
    display.update(first, Progress(stage="decoding 6 pairs"))
    assert [line.stage for line in display.lines()] == ["decoding 6 pairs", ""]
    display.started(second, 2, len(runs))
    display.update(first, Progress(stage="training", step=150, it_s=10.0))
    display.update(second, Progress(stage="training", step=0, it_s=10.0))
    grid = display.lines()[-1]
    assert grid.name == "all runs" and grid.step == f"0/{len(runs)} runs" and grid.left == "0:30 left"
    assert grid.done == pytest.approx(150 / 600, abs=0.01), "null baselines weigh nearly nothing"
    display.finished(Outcome(run=first, status="failed", reason="the disk is full"))
    assert display.lines()[-1].step == f"1/{len(runs)} runs"
    for run in runs[1:]:
        display.finished(Outcome(run=run, status="interrupted"))
    assert display.lines()[-1].done == 1


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_codes_of_a_terminal_are_not_escaped_while_lines_are_live(runs, monkeypatch):
    screen = _Screen()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stderr", SafeStream(screen))
    with LiveDisplay() as display:
        display.planned(runs[:2], "")
        display.started(runs[0], 1, 2)
        display.update(runs[0], Progress(stage="training", step=150, it_s=10.0))
        display._live.refresh()
        print("a warning", file=sys.stderr)
    assert "150/300" in screen.getvalue() and "a warning" in screen.getvalue()
    assert r"\x1b" not in screen.getvalue() and "\x1b[" in screen.getvalue()


def test_samples_are_opened_once_and_only_of_networks(runs, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr("typer.launch", lambda path: opened.append(path) or 1)
    from zoo.run.display import PlainDisplay

    display = PlainDisplay(open_samples=True)
    baseline = next(run for run in runs if not run.recipe.generator)
    for run in (baseline, runs[0]):
        run.folder.mkdir()
        (run.folder / "samples.png").touch()
        display.started(run, 1, 2)
        for step in (1, 2):
            display.update(run, Progress(stage="training", step=step))
    assert opened == [str(runs[0].folder / "samples.png")]
    assert f"the samples are in {opened[0]}" in capsys.readouterr().err
