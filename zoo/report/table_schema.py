"""The form of a table file (TOML): rows are systems, columns are metrics, for each dataset. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoo.registry import parse
from zoo.run.grid import System


@dataclass(frozen=True, kw_only=True)
class PaperBudget:
    """Settings of comparable runs; the table's preset `paper`."""

    size: int | tuple[int, int]
    """Image size in pixels: a square's side, or `[height, width]`."""
    epochs: int
    """Epochs of every row's training."""
    batch: int = 1
    """Batch size of every row's training."""


@dataclass(frozen=True, kw_only=True)
class PaperData:
    """A dataset of the table."""

    title: str = ""
    """How the table writes it; runs on a dataset that is written otherwise are not comparable. By default any is the table's."""
    data: str = ""
    """Name or folder of the dataset for `zoo bench --table` without `data`."""
    train: int | None = None
    """Number of training pairs; None where the paper does not state it."""
    test: int | None = None
    """Number of test pairs; None where the paper does not state it."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A metric; every dataset of the table has every column."""

    metric: str
    """Name of the metric, with options."""
    title: str = ""
    """How the table writes it; by default the metric's name."""
    unit: str = ""
    """Unit of the values; measured scores bring their own."""
    decimals: int = 4
    """Decimals that are printed."""
    higher_is_better: bool = True
    """Whether a greater value is a better one; measured scores bring their own."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name)

    @property
    def name(self) -> str:
        """The metric's name without options, the key of the paper's values."""
        return parse(self.metric)[1]


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A system of the table: the name of a recipe, or parts; without either, images of another program (`zoo score`)."""

    name: str
    """Name of the row. Images of another program fill it if they were scored under this name or under the title; case, spaces
    and signs do not matter."""
    title: str = ""
    """How the table writes it; by default the name."""
    recipe: str | None = None
    """Name of a recipe, with options."""
    method: str | None = None
    """Name of a method, with options."""
    generator: str | None = None
    """Name of a generator, with options."""
    discriminator: str | None = None
    """Name of a discriminator, with options."""
    smaller: str | None = None
    """Substitute for `generator` at image sizes that it does not support."""
    paper: dict[str, dict[str, float]] = field(default_factory=dict)
    """Published values by dataset and metric: `paper.flir = { psnr = 13.2 }`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name)

    def value(self, dataset: str, column: str) -> float | None:
        """Return the paper's value; None where it has none."""
        return self.paper.get(dataset, {}).get(column)

    @property
    def score_only(self) -> bool:
        """Whether zoo trains nothing for the row."""
        return not any((self.recipe, self.method, self.generator, self.discriminator))

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
    """Name of the row."""
    dataset: str
    """Key of the dataset."""
    metric: str
    """Name of the column's metric."""
    percent: float
    """Gain in percent, with the decimals of the text."""


@dataclass(frozen=True, kw_only=True)
class ProtocolEntry:
    """One condition on which the values depend."""

    what: str
    """The condition, e.g. `size`."""
    paper: str
    """The paper's statement, or `not stated`."""
    ours: str
    """What zoo does."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A paper's table, or a user's own."""

    name: str
    """Name of the file, without its ending; not a key of the file."""
    title: str = ""
    """Line above the table; by default the name."""
    provenance: str = ""
    """Source of the published values."""
    proposed: str = ""
    """The row that the paper proposes; empty for none."""
    reference: str = ""
    """The row that the paper's gains are relative to; empty for none."""
    baselines: tuple[str, ...] = ()
    """Null baselines under the table; in a file without this key, all that read the visible image only."""
    budget: PaperBudget | None = None
    """Settings of comparable runs; None: any runs are."""
    datasets: dict[str, PaperData]
    """Datasets by key, in the order of the table."""
    columns: tuple[Column, ...]
    """Metrics, in the order of the table."""
    rows: tuple[TableRow, ...]
    """Systems, in the order of the table."""
    claims: tuple[ReportedGain, ...] = ()
    """Gains that the paper's text states."""
    protocol: tuple[ProtocolEntry, ...] = ()
    """Conditions on which the values depend."""
    notes: tuple[str, ...] = ()
    """Lines under the table."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name)

    @property
    def published(self) -> bool:
        """Whether a row has a published value."""
        return any(row.paper for row in self.rows)

    def row(self, name: str) -> TableRow:
        """Return a row by name."""
        return next(row for row in self.rows if row.name == name)

    def column(self, name: str) -> Column:
        """Return a column by the name of its metric."""
        return next(column for column in self.columns if column.name == name)
