"""`zoo publish`: requests that are wrong before anything is read or asked."""

from __future__ import annotations

import pytest
from typer import Typer
from typer.testing import CliRunner

from zoo.cli.publish import publish
from zoo.errors import UsageError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run", "Run: zoo publish RUN --to ORG/NAME"),
        ("--to acme/x", "Run: zoo publish RUN --to ORG/NAME"),
        ("run --to acme/x --org acme", "Run: zoo publish RUN --to ORG/NAME"),
        ("--from results", "Run: zoo publish --from RESULTS --org ORG"),
        ("run --from results --org acme", "Run: zoo publish --from RESULTS --org ORG"),
        ("run --to acme/x -o card", "Add --dry-run"),
        ("run --to acme --dry-run", "'acme' is not ORG/NAME"),
        ("run --to acme/x --dry-run", "`run` is not a folder"),
        ("--from results --org acme --dry-run", "there is no results folder `results`"),
        ("run --to acme/x", "there is no token"),
    ],
)
def test_wrong_requests_have_the_command_to_run(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    app = Typer()
    app.command()(publish)
    with pytest.raises(UsageError) as raised:
        CliRunner().invoke(app, words.split(), catch_exceptions=False)
    assert message in str(raised.value)
