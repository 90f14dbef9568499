"""The records of a bench as one object that prints the table of `zoo bench`. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, overload

from zoo.records.outcome import Outcome
from zoo.records.record import Record
from zoo.report.finished_runs import split_of
from zoo.report.naming import name_systems
from zoo.report.results import by_dataset, footnotes, results_table
from zoo.report.run_card import RunRecord
from zoo.sizes import size_text
from zoo.text_layout import fold, fold_all, plain_table, screen_width


class Records(Sequence[RunRecord]):
    """The records of finished runs, in their order; its text is the table that `zoo bench` prints, and that of a record a card.

    Args:
        outcomes: of all runs, those that failed included.
    """

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes = tuple(outcomes)
        self._records = [RunRecord.of(one.record, one.run.folder) for one in outcomes if one.record]

    @property
    def failures(self) -> dict[Path, str]:
        """Why runs failed, by their folders."""
        return {one.run.folder: one.reason for one in self.outcomes if one.status == "failed"}

    @property
    def folders(self) -> list[Path]:
        """Folders of the finished runs, in the order of the records: `zoo.load` takes each of them."""
        return [outcome.run.folder for outcome in self.outcomes if outcome.record]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one flat dictionary per record and tested dataset, e.g. for `pandas.DataFrame(records.to_dicts())`.

        Each score has three entries: `psnr`, `psnr_low` and `psnr_high`, the ends of its interval.
        """
        finished = [outcome for outcome in self.outcomes if outcome.record]
        names = dict(zip(self.folders, name_systems([record.recipe for record in self._records]), strict=True))
        return [
            {"system": names[one.run.folder], **_flat(one.record), "folder": str(one.run.folder)}
            for one in by_dataset(finished)
            if one.record
        ]

    @overload
    def __getitem__(self, index: int) -> RunRecord: ...

    @overload
    def __getitem__(self, index: slice) -> list[RunRecord]: ...

    def __getitem__(self, index: int | slice) -> RunRecord | list[RunRecord]:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[RunRecord]:
        return iter(self._records)

    def __repr__(self) -> str:
        if not self.outcomes:
            return "no runs"
        columns, rows, title, numbers = results_table(self.outcomes)
        table = plain_table(columns, rows, title=fold(title), right=numbers, width=screen_width())
        return "\n".join([table, "", *fold_all(footnotes(self.outcomes))])

    def _repr_html_(self) -> str:
        if not self.outcomes:
            return "<p>no runs</p>"
        columns, rows, title, _ = results_table(self.outcomes)
        head = "".join(f"<th>{escape(column)}</th>" for column in columns)
        body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
        notes = "<br>".join(map(escape, footnotes(self.outcomes)))
        return f"<table><caption>{escape(title)}</caption><tr>{head}</tr>{body}</table><p>{notes}</p>"


def _flat(record: Record) -> dict[str, Any]:
    recipe = record.recipe
    parts = {kind: part.name.rpartition("/")[2] for kind, part in recipe.parts.items()}
    row: dict[str, Any] = {kind: parts.get(kind) for kind in ("method", "generator", "discriminator", "normalizer")}
    size = record.shown_recipe.size
    row |= {
        "data": record.data.name,
        "trained_on": recipe.data.name,
        "split": split_of(record),
        "size": size if isinstance(size, int) else size_text(size),
        "steps": recipe.budget.steps,
        "batch": recipe.batch,
    }
    row |= {"seed": recipe.seed, "precision": recipe.precision}
    for score in record.scores:
        row |= {score.metric: score.value, f"{score.metric}_low": score.low, f"{score.metric}_high": score.high}
    row |= {"train_seconds": record.timing.train_seconds, "steps_per_second": record.timing.steps_per_second}
    row |= {"parameters": record.parameters.get("translation")}
    cost = record.cost
    row |= {name: getattr(cost, name, None) for name in ("flops", "passes", "latency_ms")}
    return row | {"translation_memory": cost.peak_memory if cost else None}
