"""The rows that a plugin returns, checked one by one: a bad row is named with the rule that it breaks. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar

from zoo.checkpoints.templates import sizes
from zoo.hookspec import KINDS, CheckpointFormat, Component, Contract, Weights

NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
TARGET = re.compile(r"[\w.]+:\w+")
REPO = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
FOLDER = re.compile(r"[\w.]+:[\w./-]+")
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
    unknown = ", ".join(sorted(set(row.small) - {field.name for field in fields(row.config)}))
    if unknown:
        raise RejectedError(f"{where}: small names options that its config lacks: {unknown}")
    if row.example and not TARGET.fullmatch(row.example):
        raise RejectedError(f"{where}: example must be `package.module:function`")
    _check_contract(row.config.contract() if callable(getattr(row.config, "contract", None)) else row.contract, where)


def _check_contract(contract: Any, where: str) -> None:
    if not isinstance(contract, Contract):
        raise RejectedError(f"{where}: contract must be a zoo.hookspec.Contract, got {type(contract).__name__}")
    if not (isinstance(contract.size_multiple, int) and contract.size_multiple >= 1):
        raise RejectedError(f"{where}: the contract's size_multiple must be a whole number from 1")
    for name in ("offers", "needs"):
        if not isinstance(getattr(contract, name), frozenset):
            raise RejectedError(f"{where}: the contract's {name} must be a frozenset of words")
    if not all(isinstance(value, int | float) for value in contract.promises.values()):
        raise RejectedError(f"{where}: the contract's promises must be numbers")


def _check_weights(row: Any) -> None:
    if not isinstance(row, Weights):
        raise RejectedError(f"bad row: zoo_weights gives zoo.hookspec.Weights, got {type(row).__name__}")
    where = f"bad row weights {row.name!r}"
    pinned = re.fullmatch(r"[0-9a-f]{40}", row.revision) and re.fullmatch(r"[0-9a-f]{64}", row.sha256)
    rules: Sequence[tuple[bool, str]] = (
        (HYPHENED.fullmatch(row.name) is not None, "name must be like `method-dataset`"),
        (row.summary.strip() != "" and "\n" not in row.summary, "summary must be a line of text"),
        (row.train.strip() != "", "train must be the command that trains them"),
        (not row.repo or REPO.fullmatch(row.repo) is not None, "repo must be `ORG/NAME`"),
        (
            not row.repo or bool(pinned),
            "a repo needs the full commit (40 hex digits) as revision and the sha256 of its file",
        ),
        (not row.folder or FOLDER.fullmatch(row.folder) is not None, "folder must be `package:folder`"),
        (not (row.repo and row.folder), "weights have a repo or a folder, not both"),
        (re.fullmatch(r"[\w-][\w.-]*\.safetensors", row.file) is not None, "file must be a .safetensors file"),
    )
    for holds, rule in rules:
        if not holds:
            raise RejectedError(f"{where}: {rule}")


def _check_checkpoint(row: Any) -> None:
    if not isinstance(row, CheckpointFormat):
        raise RejectedError(f"bad row: zoo_checkpoints gives zoo.hookspec.CheckpointFormat, got {type(row).__name__}")
    where = f"bad row checkpoint format {row.name!r}"
    if not HYPHENED.fullmatch(row.name):
        raise RejectedError(f"{where}: name must be like `cyclegan-resnet9`")
    if not row.tensors or not row.summary.strip() or not row.origin.strip():
        raise RejectedError(f"{where}: tensors, summary and origin must not be empty")
    try:
        known = sizes(row)
        row.summary.format(**dict.fromkeys(known, 1))
    except ValueError as error:
        raise RejectedError(f"{where}: {error}") from error
    except (KeyError, IndexError) as error:
        raise RejectedError(f"{where}: summary names a size that no shape has: {error}") from error
    if unknown := ", ".join(sorted(set(row.options.values()) - known)):
        raise RejectedError(f"{where}: options name sizes that no shape has: {unknown}")
