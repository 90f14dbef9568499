"""Spaces: the files, and what is pinned in them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.demo import space as spaces
from zoo.demo.space import APP, Source, pinned, requirements, write_space
from zoo.errors import DataError, UsageError
from zoo.hub.access import Access
from zoo.hub.card_data import read_readme
from zoo.hub.download import Located
from zoo.model_folder import read_config
from zoo.version import DISTRIBUTION, __version__


@pytest.fixture
def run(saved, pairs, tmp_path) -> Path:
    return saved(tmp_path / "run", str(pairs), method="grey_copy")


@pytest.fixture
def no_gradio_needed(monkeypatch):
    monkeypatch.setattr(spaces, "_gradio_version", lambda: "6.1.0")


def test_a_run_goes_along(run, tmp_path, no_gradio_needed):
    (run / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n# A card\n")
    files = write_space(tmp_path / "space", str(run), "my-run", Access())
    names = [file.relative_to(tmp_path / "space").as_posix() for file in files]
    assert names == [
        ".gitattributes",
        "README.md",
        "app.py",
        "requirements.txt",
        "weights/README.md",
        "weights/config.json",
        "weights/model.safetensors",
    ]
    front, text = read_readme((tmp_path / "space" / "README.md").read_text())
    assert (front["sdk"], front["sdk_version"], front["app_file"]) == ("gradio", "6.1.0", "app.py")
    assert front["license"] == "cc-by-4.0" and len(front["short_description"]) <= 60
    assert "my-run" in text
    assert (tmp_path / "space" / "requirements.txt").read_text() == f"{DISTRIBUTION}[demo]=={__version__}\n"
    assert (tmp_path / "space/weights/model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()
    calls = [
        node for node in ast.walk(ast.parse((tmp_path / "space" / "app.py").read_text())) if isinstance(node, ast.Call)
    ]
    assert "zoo.load('weights')" in [ast.unparse(call) for call in calls]


def test_weights_of_the_hub_are_pinned_to_their_commit(tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    found = pinned("org/net", Located(folder=tmp_path / "snapshots" / commit))
    assert found == Source(load=f"org/net@{commit}", repo="org/net")


def test_third_parties_of_a_model_are_installed_too(run, monkeypatch):
    from types import SimpleNamespace

    config = read_config(run)
    config.plugins["generator"] = {"plugin": "theirs", "distribution": "zoo-theirs", "version": "0.1"}
    theirs = SimpleNamespace(name="theirs", distribution="zoo-theirs", version="0.3")
    monkeypatch.setattr(spaces, "installed", lambda: [theirs])
    found = Source(load="their-net", distribution="zoo-weights", version="2.0")
    lines = requirements(config, found)
    assert lines == [f"{DISTRIBUTION}[demo]=={__version__}", "zoo-weights==2.0", "zoo-theirs==0.3"]


def test_what_cannot_be_is_refused(run, tmp_path, monkeypatch, no_gradio_needed):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("kept")
    with pytest.raises(DataError, match="exists already and is not an empty folder"):
        write_space(tmp_path / "full", str(run), "x", Access())
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    with pytest.raises(UsageError, match="no weights are named 'nowhere'"):
        write_space(tmp_path / "space", "nowhere", "x", Access())
    assert not (tmp_path / "space").exists()


def test_a_name_cannot_break_out_of_the_app():
    text = APP.format(source="weights", name="a'b", title=spaces.plain('a"""b'))
    ast.parse(text)
    assert """zoo.load('weights'), "a'b")""" in text


def test_the_page_and_its_space_import_no_gradio():
    code = "import sys, zoo.cli.demo, zoo.demo.page, zoo.demo.space; assert 'gradio' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
