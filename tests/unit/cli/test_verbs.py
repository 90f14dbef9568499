"""Help in groups with one example a line, and the pointers from other tools' options."""

from __future__ import annotations

import re
import shlex
import sys
from typing import Any

import pytest
import typer.main

from zoo.__main__ import main
from zoo.cli.main import app
from zoo.cli.running import run
from zoo.cli.verbs import GROUPS, Verb, pointer, split_examples
from zoo.errors import UsageError

VERBS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]


def _help(verb: str, width: int) -> str:
    command = typer.main.get_command(app)
    context = command.make_context("zoo", [verb, "--help"], resilient_parsing=True, terminal_width=width)
    child = VERBS[verb].context_class(VERBS[verb], info_name=verb, parent=context)
    return str(VERBS[verb].get_help(child))


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_help_fits_80_columns(verb):
    assert max(map(len, _help(verb, 80).splitlines())) <= 80


@pytest.mark.parametrize("verb", ["bench", "train"])
def test_help_of_trainings_has_its_groups_in_one_order(verb):
    shown = re.findall(r"^(\w+):$", _help(verb, 80), re.M)
    assert [name for name in shown if name in GROUPS] == list(GROUPS)
    before, _, rest = _help(verb, 80).partition("\nOptions:")
    assert rest.split()[:1] == ["-h,"] and "--data" in before  # only --help has no group


def test_help_with_few_grouped_options_has_no_groups():
    assert not set(re.findall(r"^(\w+):$", _help("score", 80), re.M)) & set(GROUPS)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_each_example_is_one_command_that_the_verb_parses_as_such(verb):
    text, examples = split_examples(VERBS[verb].help or "")
    assert "Example" not in text
    shown = _help(verb, 80).replace("\\\n", "")
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    for example in examples:
        assert example in lines  # a shell takes the folded lines as this one command
        words = shlex.split(example)
        assert words[0] == "zoo" or words[0].startswith(("accelerate", "CUDA_VISIBLE_DEVICES")) or "zoo" in words


def test_the_list_of_verbs_has_their_first_sentences_whole():
    command = typer.main.get_command(app)
    context = command.make_context("zoo", ["--help"], resilient_parsing=True, terminal_width=80)
    text = " ".join(command.get_help(context).partition("Commands:")[2].split())
    assert "..." not in text and "Train and score every combination of the parts named, and print one table." in text


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("bench", "--resume"), "resumes from its last checkpoint"),
        (("train", "--resume_from_checkpoint", "x"), "resumes from its last checkpoint"),
        (("bench", "--config", "my.yaml"), "zoo.toml"),
        (("bench", "--batch-size=4"), "Use --batch"),
        (("train", "--batch_size", "4"), "Use --batch"),
        (("bench", "--dataroot", "x"), "Use --data"),
        (("bench", "--seed", "3"), "Use --seeds"),
        (("bench", "--dry-run"), "zoo status RESULTS shows the planned runs"),
        (("train", "--seeds", "3"), "Use --seed"),
        (("translate", "--gpu_ids", "0"), "Use --device"),
        (("bench", "--device", "0"), "Use --device cuda:0"),
        (("train", "--device", "gpu:1"), "Use --device cuda:1"),
    ],
)
def test_an_option_of_another_tool_gets_one_line_that_names_zoos(zoo, words, advice):
    done = zoo(*words)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and advice in done.stderr, done.stderr


def test_an_unknown_option_is_reported_as_before(zoo):
    done = zoo("bench", "--resum")
    assert done.returncode == 2 and "No such option: --resum" in done.stderr


def test_a_pointer_names_only_options_that_the_verb_has():
    assert pointer("--img-size", "check", {"--fast"}) == ""
    assert pointer("--resume", "translate", {"--size"}) == ""
    flags = {flag for one in VERBS["bench"].params for flag in one.opts} | {"--seed"}
    for option in ("--imgsz", "--learning-rate", "--netG", "--max_steps", "--amp", "--val", "--early-stopping"):
        advice = pointer(option, "bench", flags)
        assert advice.startswith("Use --") and advice.removeprefix("Use ") in flags


@pytest.mark.parametrize("command", sorted(typer.main.get_command(app).commands))
@pytest.mark.parametrize("option", ["-o", "--output"])
def test_every_command_points_to_its_option_for_the_output(command, option):
    verb = typer.main.get_command(app).commands[command]
    flags = {flag for parameter in verb.params for flag in parameter.opts}
    if isinstance(verb, Verb) and "--out" in flags and option not in flags:
        with pytest.raises(UsageError, match=r"has no option .*Use --out$"):
            verb.make_context(command, [option, "x"])


def test_an_unknown_option_is_answered_with_the_nearest_or_the_help():
    commands = typer.main.get_command(app).commands
    with pytest.raises(UsageError, match=r"no option --step\. Use --steps$"):
        commands["bench"].make_context("bench", ["--step", "3"])
    with pytest.raises(UsageError, match=r"no option --qqqq\. Its options are shown by: status --help$"):
        commands["status"].make_context("status", ["--qqqq"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("table", "r", "r2"), "and r2 was given besides. To compare results folders, run: zoo compare r r2"),
        (("translate", "a.png", "b.png"), "put them in one folder, and run: zoo translate FOLDER"),
        (("config", "x"), "config takes no argument, and x was given besides"),
        (("plugins", "--why"), "--why requires a value, NAME. Run e.g.: zoo plugins --why mynet"),
        (("status", "--json", "a", "b c"), "and 'b c' was given besides"),
    ],
)
def test_too_many_and_missing_words_are_one_line_with_the_command_to_run(words, message):
    with pytest.raises(UsageError) as raised:
        VERBS[words[0]].make_context(words[0], list(words[1:]))
    assert message in str(raised.value)


def test_ctrl_c_early_in_a_command_is_one_line(monkeypatch, capsys):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo.api.grid.expand", interrupted)
    monkeypatch.setattr(sys, "argv", ["zoo", "bench", "--device", "cpu"])
    assert run(lambda: app(prog_name="zoo")) == 130
    assert capsys.readouterr().err == "zoo: interrupted\n"


def test_ctrl_c_during_the_imports_ends_quietly(monkeypatch):
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo.cli.main.main", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
