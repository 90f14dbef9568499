"""One run in a few lines: its recipe, its scores and its folder. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from zoo.recipe import Recipe
from zoo.records.record import Record, View
from zoo.report.finished_runs import split_of
from zoo.report.naming import is_baseline, name_systems, shared_options
from zoo.report.results import score_text
from zoo.sizes import pixels_text
from zoo.text_layout import fold

MOST_SCORES = 7
"""Most scores on a card, which has fewer than 15 lines."""
LABEL = 10
"""Columns of a label."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class RunRecord(Record):
    """The record of a run with its folder; its text is a card of a few lines, and `to_dicts` of `Records` has all numbers."""

    folder: str
    """The run's folder, which `zoo.load` takes."""

    @classmethod
    def of(cls, record: Record, folder: Path) -> RunRecord:
        """Return a record with its folder; of a view, one that is a view too."""
        made = RunView if isinstance(record, View) else cls
        return made(**{one.name: getattr(record, one.name) for one in fields(record)}, folder=str(folder))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record) or self.data != other.data:
            return False
        return all(getattr(self, one.name) == getattr(other, one.name) for one in fields(Record))

    __hash__ = None  # type: ignore[assignment]  # mutable dictionaries inside have no hash; mypy knows no None here

    def __repr__(self) -> str:
        facts = {
            "recipe": recipe_text(self.shown_recipe),
            "trained on": _trained_on(self),
            "scored on": _scored_on(self),
        }
        facts |= {score.metric: f"{score_text(score)} {score.unit}".rstrip() for score in self.scores[:MOST_SCORES]}
        if more := len(self.scores) - MOST_SCORES:
            facts["more"] = f"{more} further scores, in its record.json" if more > 0 else ""
        facts |= {"time": _time_text(self), "folder": self.folder}
        width = max(LABEL, *map(len, facts))
        lines = [fold(f"  {label:<{width}}  {text}", " " * (width + 4)) for label, text in facts.items() if text]
        return "\n".join([name_systems([self.shown_recipe])[0], *lines])


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class RunView(View, RunRecord):
    """The view of a run's record on another dataset, with its folder."""

    __repr__ = RunRecord.__repr__  # and not those that the dataclass `View` has
    __eq__ = RunRecord.__eq__
    __hash__ = None


def recipe_text(recipe: Recipe) -> str:
    """Return what a run trains and how long, on one line."""
    words = [f"{name_systems([recipe])[0]} on {recipe.data.name}", pixels_text(recipe.size)]
    if not is_baseline(recipe):
        words += [recipe.budget.text, f"batch {recipe.batch}", f"seed {recipe.seed}"]
    options = shared_options([recipe])
    return ", ".join(words) + (f"; {options}" if options else "")


def _trained_on(record: Record) -> str:
    """Return the dataset of the training, where another one was scored."""
    return "" if record.data == record.recipe.data else record.recipe.data.name


def _scored_on(record: Record) -> str:
    if not record.scores:
        return ""
    first = record.scores[0]
    level = f"; mean [{first.level:.0%} interval]" if first.low is not None else ""
    return f"{first.n} {split_of(record)} image{'s' * (first.n != 1)} of {record.data.name}{level}"


def _time_text(record: Record) -> str:
    if is_baseline(record.recipe) or record.recipe.program:
        return ""
    speed = record.timing.steps_per_second
    return f"{record.timing.train_seconds:.0f} s of training" + (f", {speed:.3g} steps/s" if speed else "")
