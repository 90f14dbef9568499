"""Tables as TOML data: the papers', of the package `zoo_tables`, and files of users. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from zoo.errors import UsageError, did_you_mean
from zoo.report.table_file import read_table_file
from zoo.report.table_schema import Table

PACKAGE = "zoo_tables"
DATASETS = "datasets.toml"
"""File of the datasets' titles, by the name in their `dataset.json`."""


def table_names() -> list[str]:
    """Return the names of all tables."""
    names = (path.name for path in files(PACKAGE).iterdir() if path.name.endswith(".toml") and path.name != DATASETS)
    return sorted(name.removesuffix(".toml") for name in names)


def load_table(name: str) -> Table:
    """Return a paper's table by name, or a user's by the path of its file.

    Raises:
        UsageError: there is no such table, or its file has a fault.
    """
    if name in table_names():
        data = msgspec.toml.decode(files(PACKAGE).joinpath(f"{name}.toml").read_bytes())
        return msgspec.convert({"name": name, **data}, Table)
    if name.endswith(".toml") or Path(name).is_file():
        return read_table_file(Path(name), table_names())
    fix = did_you_mean(name, table_names()) or "Run zoo table for the names, or name a results folder or a FILE.toml"
    raise UsageError(f"no table is named {name!r}", fix)


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
            found = ((row.name, row.value(dataset, column.name)) for row in table.rows)
            values = {name: printed for name, printed in found if printed is not None}
            ours = values.get(table.proposed)
            if ours is None:
                continue
            choose = max if column.higher_is_better else min
            best = choose(values, key=lambda name: values[name])
            if best != table.proposed:
                notes.append(
                    f"In {column.title} on {data.title} the paper's best value is {table.row(best).title}'s "
                    f"{values[best]:.{column.decimals}f}, not the {ours:.{column.decimals}f} of the proposed "
                    f"{table.row(table.proposed).title}."
                )
    return notes
