"""The papers' tables: TOML data of the package `zoo_tables`. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from zoo.errors import UsageError, did_you_mean
from zoo.registry import parse
from zoo.run.grid import System

PACKAGE = "zoo_tables"
DATASETS = "datasets.toml"
"""File of the datasets' titles, by the name in their `dataset.json`."""


@dataclass(frozen=True, kw_only=True)
class PaperBudget:
    """Settings of comparable runs; the table's preset `paper`."""

    size: int | tuple[int, int]
    """Image size in pixels: a square's side, or `[height, width]`."""
    epochs: int
    batch: int = 1


@dataclass(frozen=True, kw_only=True)
class PaperData:
    """A dataset of the paper."""

    title: str
    train: int | None = None
    """Number of training pairs; None where the paper does not state it."""
    test: int | None = None


@dataclass(frozen=True, kw_only=True)
class Column:
    """A metric; every dataset of the table has every column."""

    metric: str
    """Name of the metric, with options."""
    title: str
    unit: str = ""
    decimals: int
    """Decimals that the paper prints."""
    higher_is_better: bool = True

    @property
    def name(self) -> str:
        """The metric's name without options, the key of the paper's values."""
        return parse(self.metric)[1]


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A system of the paper: the name of a recipe, or parts."""

    name: str
    title: str
    recipe: str | None = None
    method: str | None = None
    generator: str | None = None
    discriminator: str | None = None
    smaller: str | None = None
    """Substitute for `generator` at image sizes that it does not support."""
    paper: dict[str, dict[str, float]]
    """The paper's value by dataset and metric."""

    @property
    def system(self) -> System:
        """The system that `zoo bench` trains."""
        return System(
            recipe=self.recipe, method=self.method, generator=self.generator, discriminator=self.discriminator
        )


@dataclass(frozen=True, kw_only=True)
class ReportedGain:
    """A gain over the table's reference row, as the paper's text reports it."""

    row: str
    dataset: str
    metric: str
    percent: float


@dataclass(frozen=True, kw_only=True)
class ProtocolEntry:
    """One condition on which the values depend."""

    what: str
    paper: str
    """The paper's statement, or `not stated`."""
    ours: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A paper's table."""

    name: str
    title: str
    provenance: str
    """Source of the values."""
    proposed: str
    """The row that the paper proposes."""
    reference: str
    """The row that the paper's gains are relative to."""
    baselines: tuple[str, ...]
    """Null baselines under the table."""
    budget: PaperBudget
    datasets: dict[str, PaperData]
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    claims: tuple[ReportedGain, ...] = ()
    protocol: tuple[ProtocolEntry, ...] = ()
    notes: tuple[str, ...] = ()

    def row(self, name: str) -> TableRow:
        """Return a row by name."""
        return next(row for row in self.rows if row.name == name)

    def column(self, name: str) -> Column:
        """Return a column by the name of its metric."""
        return next(column for column in self.columns if column.name == name)


def table_names() -> list[str]:
    """Return the names of all tables."""
    names = (path.name for path in files(PACKAGE).iterdir() if path.name.endswith(".toml") and path.name != DATASETS)
    return sorted(name.removesuffix(".toml") for name in names)


def load_table(name: str) -> Table:
    """Return a paper's table.

    Raises:
        UsageError: there is no such table.
    """
    if name not in table_names():
        raise UsageError(f"no table is named {name!r}", did_you_mean(name, table_names()) or "Run: zoo table")
    data = msgspec.toml.decode(files(PACKAGE).joinpath(f"{name}.toml").read_bytes())
    return msgspec.convert({"name": name, **data}, Table)


@cache
def _titles() -> Mapping[str, str]:
    titles: dict[str, str] = msgspec.toml.decode(files(PACKAGE).joinpath(DATASETS).read_bytes(), type=dict[str, str])
    return titles


def dataset_title(name: str) -> str:
    """Return a dataset's title in tables: `RoadScene` for `roadscene`; names without a title are unchanged."""
    return _titles().get(name.casefold(), name)


def check_paper_arithmetic(table: Table) -> list[str]:
    """Return one sentence for each of the paper's statements that its own values contradict."""
    notes = []
    for reported in table.claims:
        value = table.row(reported.row).paper[reported.dataset][reported.metric]
        base = table.row(table.reference).paper[reported.dataset][reported.metric]
        gain = 100 * (value / base - 1)
        digits = len(str(reported.percent).partition(".")[2])
        if round(gain, digits) != reported.percent:
            what = f"{table.column(reported.metric).title} on {table.datasets[reported.dataset].title}"
            notes.append(f"The paper states a gain of {reported.percent} % in {what}; its values give {gain:.2f} %.")
    for dataset, data in table.datasets.items():
        for column in table.columns:
            choose = max if column.higher_is_better else min
            best = choose(table.rows, key=lambda row: row.paper[dataset][column.name])
            if best.name != table.proposed:
                ours = table.row(table.proposed)
                notes.append(
                    f"In {column.title} on {data.title} the paper's best value is {best.title}'s "
                    f"{best.paper[dataset][column.name]:.{column.decimals}f}, not the "
                    f"{ours.paper[dataset][column.name]:.{column.decimals}f} of the proposed {ours.title}."
                )
    return notes
