"""Defaults of options from files and the environment: their order, their variables, and the command line of a record."""

import json

import pytest
import typer.main
from typer.testing import CliRunner

from zoo.cli.config import apply_settings, prepare, spelled_out
from zoo.cli.main import app


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """The zoo.toml of a working folder without other settings."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "zoo.toml"


def invoke(*words):
    return CliRunner().invoke(app, words)


def test_the_environment_overrides_zoo_toml_and_the_command_line_overrides_both(settings, monkeypatch):
    settings.write_text('[list]\noffers = "nothing"\n')
    assert "no generator matches" in str(invoke("list", "generator").exception)
    monkeypatch.setenv("ZOO_LIST_OFFERS", "taps")
    assert invoke("list", "generator").exit_code == 0
    assert "no generator matches" in str(invoke("list", "generator", "--offers", "nothing").exception)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ZOO_TABLE_FORMAT", "nothing", ["table"]),  # the parameter is named `form`
        ("ZOO_TABLE_JSON", "1", ["table"]),  # `as_json`
        ("ZOO_DATA_CHECK_HEALTH", "perhaps", ["data", "check", "."]),
    ],
)
def test_a_variable_is_named_after_the_flag(settings, monkeypatch, variable, value, words):
    before = invoke(*words)
    monkeypatch.setenv(variable, value)
    done = invoke(*words)
    assert (done.output, str(done.exception)) != (before.output, str(before.exception))
    assert value == "1" or f"{value!r}" in f"{done.exception}{done.output}"


def test_a_variable_named_zoo_version_is_not_the_option(settings, monkeypatch):
    monkeypatch.setenv("ZOO_VERSION", "1")
    assert json.loads(invoke("table", "--json").stdout)


def test_help_does_not_name_a_variable_at_each_option(settings):
    assert "env var" not in invoke("bench", "--help").stdout + invoke("--help").stdout


def test_the_command_of_a_record_includes_defaults_that_were_set(settings, monkeypatch):
    settings.write_text('[train]\ndata = "rs"\nretry = true\nsize = 32\n')
    monkeypatch.setenv("ZOO_TRAIN_STEPS", "7")
    monkeypatch.setattr("sys.argv", ["zoo", "train", "--size", "64"])
    group = typer.main.get_command(app)
    with group.make_context("zoo", ["train", "--size", "64"]) as context:
        context.invoked_subcommand = "train"
        prepare(group)
        apply_settings(context)
        with group.commands["train"].make_context("train", ["--size", "64"], parent=context) as below:
            found = spelled_out(below).split()
    assert found[:4] == ["zoo", "train", "--size", "64"] and found.count("--size") == 1
    assert {"--data rs", "--steps 7"} <= {
        " ".join(found[at : at + 2]) for at in range(len(found))
    } and "--retry" in found


@pytest.mark.parametrize(
    ("toml", "variables", "words", "message"),
    [
        ("steps = 'abc'", {}, (), "in {toml}: --steps: 'abc' is not a valid int"),
        ("seeds = 0", {}, (), "in {toml}: `seeds` is 0"),
        ("gen = []", {}, (), "in {toml}: `generator` is empty"),
        ("gen = ['resnet9', 'resnet7']", {}, (), "in {toml}: no generator is named 'resnet7'"),
        ("seeds = 0", {"ZOO_BENCH_SEEDS": "-1"}, (), "in ZOO_BENCH_SEEDS: `seeds` is -1"),
        ("", {"ZOO_BENCH_STEPS": "abc"}, (), "in ZOO_BENCH_STEPS: --steps: 'abc'"),
        ("", {"ZOO_BENCH_GEN": ""}, (), "in ZOO_BENCH_GEN: `generator` is empty"),
        ("seeds = 0", {}, ("g.toml",), "in g.toml: `seeds` is -2"),
        ("seeds = 0", {}, ("--seeds", "-3"), "`seeds` is -3"),
    ],
)
def test_a_wrong_default_is_named_with_its_file_or_variable(settings, monkeypatch, toml, variables, words, message):
    settings.write_text(f"[bench]\n{toml}\n")
    (settings.parent / "g.toml").write_text("seeds = -2\n")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = invoke("bench", *words)
    assert str(done.exception).startswith(message.format(toml=settings))
