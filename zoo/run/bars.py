"""Live progress on a terminal: one line per run, and one of the whole grid, each within the width of the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from zoo.records.job import PlannedRun
from zoo.records.outcome import Outcome
from zoo.run.display import PlainDisplay
from zoo.run.progress import Progress, duration_text, grid_left, stage_text, time_left
from zoo.terminal import console, one_line

REFRESH = 8
"""Pictures a second."""
BAR = (8, 24)
"""Fewest and most columns of a bar."""
NAME = 10
"""Fewest columns of a name."""
LOSSES = 16
"""Columns of the losses, which a narrower screen leaves out."""
WIDTHS = {"step": 0, "speed": 9, "left": 9}
"""Fewest columns of each field, so that a line does not jump as numbers grow."""
ALL = "all runs"
_NETWORKS = {"generator": "G", "discriminator": "D"}


@dataclass
class Line:
    """What one line shows."""

    name: str
    done: float = 0.0
    """Part of the steps that are done, from 0 to 1."""
    step: str = ""
    speed: str = ""
    left: str = ""
    losses: str = ""
    stage: str = ""
    """Shown in place of the rest, where the run does not train at the moment."""


@dataclass
class _Run:
    steps: int
    name: str
    progress: Progress | None = None

    @property
    def weight(self) -> int:
        """Its part in the bar of the grid: a run without steps is nearly nothing."""
        return max(1, self.steps)


class LiveDisplay(PlainDisplay):
    """A line per run with bar, step, speed, time left and losses, and below them one of all runs of the grid."""

    def __init__(self, *, open_samples: bool = False) -> None:
        super().__init__(open_samples=open_samples)
        self._grid: dict[Path, _Run] = {}
        self._total = self._ended = self._steps_ended = 0
        self._stage = ""
        self._stopping = False
        self._spinner = Spinner("dots")
        self._live = Live(self, console=console(stderr=True), refresh_per_second=REFRESH, transient=True)

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def print(self, text: str) -> None:
        """Print a line above the bars."""
        self._live.console.print(text, markup=False, highlight=False)

    def planned(self, runs: Sequence[PlannedRun], stage: str) -> None:
        """Begin the line of the grid."""
        super().planned(runs, stage)
        names = short_names([run.label for run in runs])
        has_network = [bool(run.recipe.generator or run.recipe.discriminator) for run in runs]
        self._grid = {
            run.folder: _Run(run.recipe.budget.steps if network else 0, name)
            for run, name, network in zip(runs, names, has_network, strict=True)
        }
        self._total, self._stage = len(runs), stage

    def started(self, run: PlannedRun, number: int, runs: int) -> None:
        """Add the line of a run."""
        self._grid.setdefault(run.folder, _Run(run.recipe.budget.steps, run.label)).progress = Progress()

    def update(self, run: PlannedRun, progress: Progress) -> None:
        """Change the line of a run."""
        self._grid[run.folder].progress = progress
        if progress.step:
            self._open_once(run)

    def stopping(self, run: PlannedRun) -> None:
        """Print once that the runs save their states after Ctrl-C."""
        if not self._stopping:
            super().stopping(run)
        self._stopping = True

    def finished(self, outcome: Outcome) -> None:
        """Replace the line of a run by one above the bars on how it ended."""
        ended = self._grid.pop(outcome.run.folder, None)
        if ended:
            self._ended += 1
            self._steps_ended += ended.weight
        super().finished(outcome)

    def lines(self) -> list[Line]:
        """Return what the lines show: the runs in progress, and last the grid where it has several."""
        runs = list(self._grid.values())
        lines = [run_line(run.name, run.steps, run.progress) for run in runs if run.progress]
        if self._total > 1 and (lines or self._ended):
            lines.append(self._grid_line(runs))
        elif not lines and self._grid:
            lines.append(Line(name="", stage=self._stage))
        return lines

    def _grid_line(self, runs: Sequence[_Run]) -> Line:
        done = self._steps_ended + sum(run.progress.step for run in runs if run.progress)
        left = grid_left([(run.steps, run.progress) for run in runs])
        return Line(
            name=ALL,
            done=min(1.0, done / (self._steps_ended + sum(run.weight for run in runs))),
            step=f"{self._ended}/{self._total} runs",
            left=f"{duration_text(left)} left" if left is not None else "",
        )

    def __rich_console__(self, screen: Console, options: ConsoleOptions) -> Iterator[Text]:
        lines = self.lines()
        most = max(2, screen.height - 2)
        if len(lines) > most:  # the line of the grid stays visible
            lines = [*lines[: most - 2], Line(name=f"and {len(lines) - most + 1} more"), lines[-1]]
        frame = str(self._spinner.render(screen.get_time()))
        yield from layout(lines, options.max_width, " " if options.ascii_only else frame, ascii_only=options.ascii_only)


def run_line(name: str, steps: int, progress: Progress) -> Line:
    """Return the line of a run in progress."""
    if progress.stage != "training" or not steps:
        return Line(name=name, stage=stage_text(progress) or "starting")
    speed = progress.it_s
    left = time_left(steps, progress)
    return Line(
        name=name,
        done=progress.step / steps,
        step=f"{progress.step:>{len(str(steps))}}/{steps}",
        speed=f"{speed:.{0 if speed >= 100 else 1 if speed >= 10 else 2}f} it/s" if speed else "",
        left=f"{left} left" if left else "",
        losses=two_losses(progress.losses),
    )


def two_losses(losses: Mapping[str, float]) -> str:
    """Return the sums of the loss terms of the first two optimizers, always in one order; of one, its first two terms.

    >>> two_losses({"generator/gan": 0.5, "generator/cycle": 1.5, "discriminator/real": 0.25})
    'G 2 D 0.25'
    >>> two_losses({"generator/l1": 0.125})
    'l1 0.125'
    """
    sums: dict[str, float] = {}
    for name, value in losses.items():
        optimizer = name.partition("/")[0]
        sums[optimizer] = sums.get(optimizer, 0.0) + value
    if len(sums) < 2:
        sums = {name.partition("/")[2] or name: value for name, value in losses.items()}
    else:
        sums = dict(sorted(sums.items(), key=lambda item: (item[0] not in _NETWORKS, item[0] != "generator", item[0])))
    return " ".join(f"{_NETWORKS.get(name, name)} {value:.3g}" for name, value in list(sums.items())[:2])


def short_names(labels: Sequence[str]) -> list[str]:
    """Return labels without the words that all labels of as many words share; a label without others keeps its first two.

    >>> short_names(["cyclegan-resnet6-patchgan-64px", "cyclegan-resnet9-patchgan-64px", "mean_image-64px"])
    ['resnet6', 'resnet9', 'mean_image-64px']
    """
    words = [label.split("-") for label in labels]
    names = []
    for own in words:
        alike = [set(other) for other in words if len(other) == len(own)]
        names.append("-".join([word for word in own if word not in set.intersection(*alike)] or own[:2]))
    return names


def layout(lines: Sequence[Line], width: int, frame: str, *, ascii_only: bool = False) -> list[Text]:
    """Return lines of one width with aligned columns; names, bars and losses give way to step, speed and time left.

    Args:
        lines: what to show.
        width: of the screen, in columns.
        frame: the present picture of the spinner, for runs that do not train.
        ascii_only: draw bars of ASCII.
    """
    columns = [max(least, *(len(getattr(line, name)) for line in lines), 0) for name, least in WIDTHS.items()]
    room = width - 4 - sum(columns) - len(columns)  # for name, bar and losses; the last column stays free
    losses = LOSSES if any(line.losses for line in lines) and room >= NAME + BAR[0] + LOSSES + 1 else 0
    room -= losses + bool(losses)
    longest = max((len(line.name) for line in lines), default=0)
    bar = max(min(BAR[1], room - min(longest, room - BAR[0])), 0)
    name_width = max(min(longest, room - bar), 0)
    shown = []
    for line in lines:
        name = one_line(line.name)
        name = name if len(name) <= name_width else name[: name_width - 1] + "…" * (name_width > 0 and not ascii_only)
        if line.stage:
            text = Text(f"{frame} {f'{name} ' if name else ''}{one_line(line.stage)}")
        else:
            full, empty = ("#", "-") if ascii_only else ("━", "─")
            done = round(line.done * bar)
            text = Text(f"  {name:<{name_width}} ")
            text.append(full * done, style="green").append(empty * (bar - done), style="dim")
            for value, column in zip((line.step, line.speed, line.left), columns, strict=True):
                text.append(f" {value:>{column}}" if column else " ")
            text.append(f" {line.losses[:losses]}" if losses else "", style="dim")
        text.truncate(width - 1, overflow="crop")
        shown.append(text)
    return shown
