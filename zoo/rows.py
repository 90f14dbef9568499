"""The rows that a plugin returns, checked one by one: a bad row is named with the rule that it breaks. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, TypeVar

from zoo.hookspec import KINDS, CheckpointFormat, Component, Contract, Weights

NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
TARGET = re.compile(r"[\w.]+:\w+")
HYPHENED = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")


Row = TypeVar("Row")


class RejectedError(Exception):
    """A plugin that loads but breaks a rule; its message is shown to the user."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What a plugin brings."""

    components: tuple[Component, ...] = ()
    weights: tuple[Weights, ...] = ()
    checkpoints: tuple[CheckpointFormat, ...] = ()


NO_ROWS = Rows()


def checked_rows(components: Iterable[Any] = (), weights: Iterable[Any] = (), checkpoints: Iterable[Any] = ()) -> Rows:
    """Return a plugin's rows.

    Raises:
        RejectedError: a row breaks a rule, or two have one name.
    """
    return Rows(
        components=_unique(components, _check_component, lambda row: f"{row.kind} {row.name}"),
        weights=_unique(weights, _check_weights, lambda row: f"weights {row.name}"),
        checkpoints=_unique(checkpoints, _check_checkpoint, lambda row: f"checkpoint format {row.name}"),
    )


def _unique(rows: Iterable[Row], check: Callable[[Any], None], title: Callable[[Row], str]) -> tuple[Row, ...]:
    seen: dict[str, Row] = {}
    for row in rows:
        check(row)
        if title(row) in seen:
            raise RejectedError(f"two rows are named {title(row)}")
        seen[title(row)] = row
    return tuple(seen.values())


def _check_component(row: Any) -> None:
    """Refuse a row that later code would stumble over, naming the row and the rule."""
    if not isinstance(row, Component):
        raise RejectedError(f"bad row: expected a zoo.hookspec.Component, got {type(row).__name__}")
    where = f"bad row {row.kind} {row.name!r}"
    rules: Sequence[tuple[bool, str]] = (
        (row.kind in KINDS, f"kind must be one of {', '.join(KINDS)}"),
        (isinstance(row.name, str) and NAME.fullmatch(row.name) is not None, "name must be like `my_net2`"),
        (
            isinstance(row.target, str) and TARGET.fullmatch(row.target) is not None,
            "target must be `package.module:Class`",
        ),
        (is_dataclass(row.config) and not isinstance(row.config, type), "config must be an instance of a dataclass"),
        (isinstance(row.summary, str) and row.summary.strip() != "", "summary must be a line of text"),
        (isinstance(row.summary, str) and "\n" not in row.summary, "summary must be one line"),
    )
    for holds, rule in rules:
        if not holds:
            raise RejectedError(f"{where}: {rule}")
    if not type(row.config).__dataclass_params__.frozen:
        raise RejectedError(f"{where}: config must be a frozen dataclass")
    _check_contract(row.config.contract() if callable(getattr(row.config, "contract", None)) else row.contract, where)


def _check_contract(contract: Any, where: str) -> None:
    if not isinstance(contract, Contract):
        raise RejectedError(f"{where}: contract must be a zoo.hookspec.Contract, got {type(contract).__name__}")
    if not (isinstance(contract.size_multiple, int) and contract.size_multiple >= 1):
        raise RejectedError(f"{where}: the contract's size_multiple must be a whole number from 1")
    for name in ("offers", "needs"):
        if not isinstance(getattr(contract, name), frozenset):
            raise RejectedError(f"{where}: the contract's {name} must be a frozenset of words")


def _check_weights(row: Any) -> None:
    if not isinstance(row, Weights):
        raise RejectedError(f"bad row: zoo_weights gives zoo.hookspec.Weights, got {type(row).__name__}")
    where = f"bad row weights {row.name!r}"
    if not HYPHENED.fullmatch(row.name):
        raise RejectedError(f"{where}: name must be like `method-dataset`")
    if row.repo and not (re.fullmatch(r"[0-9a-f]{40}", row.revision) and re.fullmatch(r"[0-9a-f]{64}", row.sha256)):
        raise RejectedError(
            f"{where}: a repo needs the full commit (40 hex digits) as revision and the sha256 of its file"
        )


def _check_checkpoint(row: Any) -> None:
    if not isinstance(row, CheckpointFormat):
        raise RejectedError(f"bad row: zoo_checkpoints gives zoo.hookspec.CheckpointFormat, got {type(row).__name__}")
    if not HYPHENED.fullmatch(row.name):
        raise RejectedError(f"bad row checkpoint format {row.name!r}: name must be like `cyclegan-resnet9`")
