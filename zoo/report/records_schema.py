"""The schema of records, failures and plans: every field with type and meaning, from the dataclasses. Imports no torch."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from zoo.evaluate.results import CelsiusErrors, Cost, GroupScore, Score
from zoo.recipe import Budget, DataRef, Part, Recipe, Validation
from zoo.records.record import SCHEMA, Best, Failure, Record, Tested, Timing
from zoo.report.render import template_environment
from zoo.report.table_plan import ColumnMetric, RefusedRow, TablePlan, TableRun
from zoo.report.table_schema import Column, PaperBudget, PaperData, ProtocolEntry, ReportedGain, Table, TableRow

FILES: dict[str, tuple[type, ...]] = {
    "record.json": (
        Record,
        Recipe,
        Part,
        DataRef,
        Budget,
        Validation,
        Best,
        Score,
        GroupScore,
        CelsiusErrors,
        Timing,
        Cost,
        Tested,
    ),
    "failure.json": (Failure,),
    "tables/TABLE.json": (TablePlan, ColumnMetric, TableRun, RefusedRow),
}
"""Files of a results folder and their dataclasses, the outermost first."""
TABLE_FILE = (Table, PaperData, Column, TableRow, PaperBudget, ProtocolEntry, ReportedGain)
"""Dataclasses of a table file, the outermost first."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field of a file."""

    name: str
    type: str
    default: str
    """As written in Python; empty for a required field."""
    meaning: str


def fields_of(form: type) -> list[Field]:
    """Return a dataclass's fields, each with the docstring below it."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(form))).body
    assert isinstance(definition, ast.ClassDef)
    lines = definition.body
    return [
        Field(
            name=line.target.id,
            type=ast.unparse(line.annotation),
            default=_default(line.value),
            meaning=_docstring(following),
        )
        for line, following in zip(lines, [*lines[1:], None], strict=True)
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    ]


def markdown() -> str:
    """Return the fields of every file as Markdown."""
    template = template_environment(autoescape=False).get_template("schema.md.j2")
    return template.render(schema=SCHEMA, files=FILES, fields_of=fields_of, docstring=inspect.getdoc)


def fields_text(forms: Sequence[type]) -> str:
    """Return the fields of some dataclasses as Markdown, a table each."""
    template = template_environment(autoescape=False).get_template("fields.md.j2")
    return template.render(forms=forms, fields_of=fields_of, docstring=inspect.getdoc)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the files, the meaning of each field as its description."""
    roots = [forms[0] for forms in FILES.values()]
    references, definitions = msgspec.json.schema_components(roots, ref_template="#/$defs/{name}")
    for form in (form for forms in FILES.values() for form in forms):
        properties = definitions[form.__name__]["properties"]
        for one in fields_of(form):
            properties[one.name]["description"] = one.meaning
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Files of a zoo results folder",
        "anyOf": [{"title": file, **reference} for file, reference in zip(FILES, references, strict=True)],
        "$defs": definitions,
    }


def _default(value: ast.expr | None) -> str:
    """Return a field's default as written; for `field(default_factory=list)` its value, `[]`."""
    if isinstance(value, ast.Call):
        made = {"list": "[]", "dict": "{}"}
        return next((made.get(ast.unparse(word.value), "") for word in value.keywords), "")
    return "" if value is None else ast.unparse(value)


def _docstring(line: ast.stmt | None) -> str:
    if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str):
        return inspect.cleandoc(line.value.value)
    return ""
