"""Reads a user's own table file; a fault in it is named with the key. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from zoo.composition import choose
from zoo.errors import UsageError, did_you_mean
from zoo.registry import get_registry
from zoo.report.table_schema import Table, TableRow

GUIDE = "The guide `Reproduce a table` describes the keys of a table file"


def read_table_file(path: Path, taken: list[str]) -> Table:
    """Return the table in a file, named after it.

    Args:
        path: TOML file.
        taken: names of the papers' tables, whose plans have these names.

    Raises:
        UsageError: there is no such file, it has a name that is taken, or it has a fault; the message names the key.
    """
    if path.stem in taken:
        raise UsageError(f"`{path}` has the name of a paper's table", "Rename the file")
    try:
        data = msgspec.toml.decode(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"there is no table file `{path}`", "Run zoo table for the papers' tables") from error
    except OSError as error:
        raise UsageError(f"`{path}` cannot be read: {error.strerror}", "Name a TOML file") from error
    except ValueError as error:
        raise UsageError(f"`{path}` is not TOML: {error}", "Fix the line that is named") from error
    if "baselines" not in data:
        data["baselines"] = usual_baselines()
    try:
        table = _convert(data, path.stem)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        place = _named_key(data, where.strip(".`"))
        raise UsageError(f"`{path}`: {f'key `{place}`: ' if place else ''}{what}", GUIDE) from error
    for key, known in _unknown(data, asdict(table), ""):
        raise UsageError(f"`{path}`: key `{key}` is unknown", did_you_mean(key.rpartition(".")[2], known) or GUIDE)
    _check(table, path)
    return table


def _convert(data: dict[str, Any], name: str) -> Table:
    return msgspec.convert({**data, "name": name}, Table)


def _named_key(data: dict[str, Any], place: str) -> str:
    """Return where a value is wrong with the key in place of `[...]`, which msgspec writes for any key of a table."""
    whole = deepcopy(data)
    while "[...]" in place:
        before, _, after = place.partition("[...]")
        inside: Any = whole
        for word in re.findall(r"[^.\[\]]+", before):
            inside = inside[int(word)] if isinstance(inside, list) else inside.get(word, {})
        key = _wrong_key(whole, inside)
        if key is None:  # a key with a dot or a bracket
            return place
        place = f"{before}.{key}{after}"
    return place


def _wrong_key(whole: dict[str, Any], inside: dict[str, Any]) -> str | None:
    """Return the key of a table inside of the data whose value is wrong, and leave it alone there."""
    for key, value in list(inside.items()):
        inside.clear()
        inside[key] = value
        try:
            _convert(whole, "")
        except msgspec.ValidationError:
            return key
    return None


def usual_baselines() -> list[str]:
    """Return the bare names of the null baselines that read the visible image only."""
    registry = get_registry()
    nulls = [choice for choice in registry.list("method") if choice.full_name in registry.null_baselines()]
    return [choice.name for choice in nulls if choice.contract.reads == ("visible",)]


def _unknown(given: Any, known: Any, place: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the keys that the schema does not have, each with those that it has there."""
    if isinstance(given, dict) and isinstance(known, dict):
        for key, value in given.items():
            inside = f"{place}.{key}" if place else key
            if key not in known or inside == "name":
                yield inside, [name for name in known if place or name != "name"]
            else:
                yield from _unknown(value, known[key], inside)
    elif isinstance(given, list):
        for index, (value, other) in enumerate(zip(given, known, strict=True)):
            yield from _unknown(value, other, f"{place}[{index}]")


def _check(table: Table, path: Path) -> None:
    """Refuse names that mean nothing: of components, rows, datasets and metrics."""

    @contextmanager
    def key(name: str) -> Iterator[None]:
        try:
            yield
        except UsageError as error:
            raise UsageError(f"`{path}`: key `{name}`: {error.message}", error.fix) from error

    registry = get_registry()
    for name in ("datasets", "columns", "rows"):
        with key(name):
            _require(bool(getattr(table, name)), "it is empty", "Name one or more")
    for index, column in enumerate(table.columns):
        with key(f"columns[{index}].metric"):
            registry.find("metric", column.metric)
            _require_unique(column.name, [one.name for one in table.columns], "One column per metric")
    for index, baseline in enumerate(table.baselines):
        with key(f"baselines[{index}]"):
            full = registry.find("method", baseline).full_name
            _require(full in registry.null_baselines(), f"{baseline!r} is no null baseline", f"Use {usual_baselines()}")
    names = [row.name for row in table.rows]
    metrics = [column.name for column in table.columns]
    for index, row in enumerate(table.rows):
        with key(f"rows[{index}].name"):
            _require_unique(row.name, [*names, *table.baselines], "Give each row a name of its own")
        with key(f"rows[{index}]"):
            _check_parts(row)
        for dataset, values in row.paper.items():
            with key(f"rows[{index}].paper.{dataset}"):
                _require_known(dataset, list(table.datasets), "dataset")
                for metric in values:
                    _require_known(metric, metrics, "column")
    for name in ("proposed", "reference"):
        with key(name):
            _require_known(getattr(table, name) or names[0], names, "row")
    for index, claim in enumerate(table.claims):
        with key(f"claims[{index}]"):
            _require_known(table.reference, names, "row")
            for row_name in (claim.row, table.reference):
                _require_known(row_name, names, "row")
                value = table.row(row_name).value(claim.dataset, claim.metric)
                _require(value is not None, f"{row_name} has no value of {claim.metric} on {claim.dataset}", GUIDE)


def _check_parts(row: TableRow) -> None:
    if row.score_only:
        return
    choose(recipe=row.recipe, method=row.method, generator=row.generator, discriminator=row.discriminator)
    if row.smaller:
        get_registry().find("generator", row.smaller)


def _require(found: bool, reason: str, fix: str) -> None:
    if not found:
        raise UsageError(reason, fix)


def _require_known(name: str, known: list[str], what: str) -> None:
    _require(
        name in known,
        f"the table has no {what} {name!r}",
        did_you_mean(name, known) or f"Use one of: {', '.join(known)}",
    )


def _require_unique(name: str, names: list[str], fix: str) -> None:
    _require(names.count(name) == 1, f"{name!r} occurs {names.count(name)} times", fix)
