"""`zoo list --timm` as typed; in this process, because importing timm takes seconds."""

from __future__ import annotations

import json

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from zoo.cli.catalog import list_
from zoo.errors import UsageError


def listed(*words: str) -> Result:
    app = typer.Typer()
    app.command()(list_)
    return CliRunner().invoke(app, words)


def test_timms_networks_are_named_as_specs_of_the_generator() -> None:
    rows = json.loads(listed("generator", "--timm", "convnext_a*", "--json").stdout)
    assert rows[0]["name"] == "timm/unet:encoder=convnext_atto"
    assert all(row["encoder"].startswith("convnext_a") and row["kind"] == "generator" for row in rows)
    assert "timm/unet:encoder=resnet18 " in listed("--timm", "resnet18*").stdout


def test_a_pattern_with_a_dot_is_of_names_with_the_tags_of_their_weights() -> None:
    rows = json.loads(listed("generator", "--timm", "convnext_tiny.fb_in22k*", "--json").stdout)
    assert "convnext_tiny.fb_in22k" in [row["encoder"] for row in rows]
    assert all(row["pretrained"] for row in rows)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("generator", "--timm", "convnextt*"), "Did you mean convnext_tiny"),
        (("metric", "--timm", "*"), "Run: zoo list generator --timm"),
        (("generator", "unet*", "--timm", "*"), "Run: zoo list generator --timm"),
    ],
)
def test_wrong_patterns_name_the_command_to_run(words: tuple[str, ...], shown: str) -> None:
    error = listed(*words).exception
    assert isinstance(error, UsageError) and shown in str(error)
