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
"""How tables write datasets, by the name in their `dataset.json`."""


@dataclass(frozen=True, kw_only=True)
class PaperBudget:
    """What trainings must have to be comparable with the paper's; preset `paper` of the table."""

    size: int
    """Pixels."""
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
    """Digits after the point that the paper prints."""
    higher_is_better: bool = True

    @property
    def name(self) -> str:
        """The metric's bare name, by which rows give the paper's values."""
        return parse(self.metric)[1]


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A system of the paper: a recipe by name, or its parts."""

    name: str
    title: str
    recipe: str | None = None
    method: str | None = None
    generator: str | None = None
    discriminator: str | None = None
    smaller: str | None = None
    """Generator in place of `generator` at sizes that this cannot take."""
    paper: dict[str, dict[str, float]]
    """The paper's value by dataset and metric."""

    @property
    def system(self) -> System:
        """What `zoo bench` is to train."""
        return System(
            recipe=self.recipe, method=self.method, generator=self.generator, discriminator=self.discriminator
        )


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A gain over the table's reference row that the paper's text states."""

    row: str
    dataset: str
    metric: str
    percent: float


@dataclass(frozen=True, kw_only=True)
class ProtocolEntry:
    """One matter on which a number depends."""

    what: str
    paper: str
    """What the paper states, or `not stated`."""
    ours: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A paper's table."""

    name: str
    title: str
    provenance: str
    """Where the values were taken from."""
    proposed: str
    """The row that the paper proposes."""
    reference: str
    """The row that the paper's claims are relative to."""
    baselines: tuple[str, ...]
    """Null methods that stand under the table."""
    budget: PaperBudget
    datasets: dict[str, PaperData]
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    claims: tuple[Claim, ...] = ()
    protocol: tuple[ProtocolEntry, ...] = ()
    notes: tuple[str, ...] = ()

    def row(self, name: str) -> TableRow:
        """Return the row of that name."""
        return next(row for row in self.rows if row.name == name)

    def column(self, name: str) -> Column:
        """Return the column of the metric of that bare name."""
        return next(column for column in self.columns if column.name == name)


def table_names() -> list[str]:
    """Return the names of the tables that zoo knows."""
    names = (path.name for path in files(PACKAGE).iterdir() if path.name.endswith(".toml") and path.name != DATASETS)
    return sorted(name.removesuffix(".toml") for name in names)


def load_table(name: str) -> Table:
    """Return a paper's table.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in table_names():
        raise UsageError(f"no table is named {name!r}", did_you_mean(name, table_names()) or "Type: zoo table")
    data = msgspec.toml.decode(files(PACKAGE).joinpath(f"{name}.toml").read_bytes())
    return msgspec.convert({"name": name, **data}, Table)


@cache
def _titles() -> Mapping[str, str]:
    titles: dict[str, str] = msgspec.toml.decode(files(PACKAGE).joinpath(DATASETS).read_bytes(), type=dict[str, str])
    return titles


def dataset_title(name: str) -> str:
    """Return how tables write the dataset of this name: `RoadScene` for `roadscene`, other names as they are."""
    return _titles().get(name.casefold(), name)


def arithmetic(table: Table) -> list[str]:
    """Return what does not hold of the paper's own claims by its own numbers, one sentence each."""
    notes = []
    for claim in table.claims:
        value = table.row(claim.row).paper[claim.dataset][claim.metric]
        base = table.row(table.reference).paper[claim.dataset][claim.metric]
        gain = 100 * (value / base - 1)
        digits = len(str(claim.percent).partition(".")[2])
        if round(gain, digits) != claim.percent:
            what = f"{table.column(claim.metric).title} on {table.datasets[claim.dataset].title}"
            notes.append(f"The paper states a gain of {claim.percent} % in {what}; its values give {gain:.2f} %.")
    for dataset, data in table.datasets.items():
        for column in table.columns:
            choose = max if column.higher_is_better else min
            best = choose(table.rows, key=lambda row: row.paper[dataset][column.name])
            if best.name != table.proposed:
                ours = table.row(table.proposed)
                notes.append(
                    f"In {column.title} on {data.title} the paper's best value is {best.title}'s "
                    f"{best.paper[dataset][column.name]:.{column.decimals}f}, not the "
                    f"{ours.paper[dataset][column.name]:.{column.decimals}f} of {ours.title}, which it proposes."
                )
    return notes
