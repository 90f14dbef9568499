"""The documented form of records is the form that they have."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from zoo.report.records_schema import FILES, fields_of, json_schema, markdown

DOCS = Path(__file__).resolve().parents[3] / "docs" / "records.md"
FORMS = [form for forms in FILES.values() for form in forms]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_field_has_a_meaning(form):
    fields = fields_of(form)
    assert [one.name for one in fields] == [one.name for one in dataclasses.fields(form)]
    assert [one.name for one in fields if not one.meaning] == []


def test_every_dataclass_that_a_file_holds_is_described():
    assert set(json_schema()["$defs"]) == {form.__name__ for form in FORMS}


def test_the_documentation_lacks_no_field():
    text = DOCS.read_text()
    missing = [
        f"{form.__name__}.{one.name}" for form in FORMS for one in fields_of(form) if f"| `{one.name}` |" not in text
    ]
    assert missing == []
    assert text.endswith(markdown()), (
        "type: sed -i '/^## Fields$/,$d' docs/records.md && zoo records schema >> docs/records.md"
    )


def test_the_json_schema_says_what_fields_mean_and_which_must_be_there():
    record = json_schema()["$defs"]["Record"]
    assert record["properties"]["train_key"]["description"].startswith("Hash of what decides the weights")
    assert {"recipe", "scores", "timing"} <= set(record["required"])
    assert not {"scored", "notes", "celsius"} & set(record["required"])
