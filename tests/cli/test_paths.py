"""Empty paths, such as a variable of the shell that is not set, never mean the current folder."""

from __future__ import annotations

import pytest
import typer.main
from typer.models import TyperPath
from typer.testing import CliRunner

import zoo
from zoo.cli.main import app
from zoo.errors import UsageError
from zoo.sources import open_source


def paths():
    """Yield every path that a command takes: the words of the command, and the words that give an empty one."""

    def walk(command, words):
        for name, below in getattr(command, "commands", {}).items():
            yield from walk(below, [*words, name])
        arguments = [p for p in command.params if p.param_type_name == "argument" and p.required]
        for parameter in command.params:
            if not isinstance(parameter.type, TyperPath):
                continue
            if parameter.param_type_name == "option":
                yield [*words, *("x" for _ in arguments), parameter.opts[0], ""]
            else:
                yield [*words, *("" if one is parameter else "x" for one in arguments or [parameter])]

    yield from walk(typer.main.get_command(app), [])


@pytest.mark.parametrize("words", list(paths()), ids=" ".join)
def test_an_empty_path_is_refused_by_every_command(words, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, UsageError) and done.exception.exit_code == 2
    assert "is empty" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["here"] and not list((tmp_path / "here").iterdir())


def test_the_list_of_paths_is_not_empty():
    found = [" ".join(words).strip() for words in paths()]
    assert {"translate", "translate x -o", "translate x --labels", "bench --out", "data check"} <= set(found)


def test_an_empty_path_of_the_environment_is_refused_too(monkeypatch):
    monkeypatch.setenv("ZOO_BENCH_OUT", "")
    done = CliRunner().invoke(app, ["bench"])
    assert "the path of --out is empty" in str(done.exception)


@pytest.mark.parametrize("words", [["translate", "x.png", "--model", ""], ["export", ""], ["bench", "--data", ""]])
def test_empty_names_of_models_and_data_are_refused(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.png").touch()
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, UsageError) and (
        "empty" in str(done.exception) or "names no" in str(done.exception)
    )


def test_python_refuses_empty_paths(saved, pairs, tmp_path):
    with pytest.raises(UsageError, match="the name of the model is empty"):
        zoo.load("")
    with pytest.raises(UsageError, match="the name of the dataset is empty"):
        open_source("", size=32)
    translator = zoo.load(saved(tmp_path, str(pairs), method="grey_copy"), device="cpu")
    for call in (translator.translate, lambda path: translator.translate([path])):
        with pytest.raises(UsageError, match=r"is (an empty path|the current folder)"):
            call("")
