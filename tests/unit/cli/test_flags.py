"""Messages name parameters; the command line shows them as flags."""

import sys

import pytest
import typer.main

from zoo.cli.flags import FLAGS, with_flags
from zoo.cli.main import app
from zoo.cli.output import note
from zoo.cli.running import run
from zoo.errors import UsageError, ZooError
from zoo.terminal import console


@pytest.fixture(autouse=True)
def command_line(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["zoo", "bench", "--seeds", "0"])


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("`size` is 0", "--size is 0"),
        ("Use `size=64`", "Use --size 64"),
        ("Use `batch`=4, or less", "Use --batch 4, or less"),
        ("Use `batch`=4.", "Use --batch 4."),
        ("`generator` and `discriminator=patchgan`", "--gen and --disc patchgan"),
        ("`normalizer`, `thermal_channels=3`", "--norm, --thermal-channels 3"),
        ("`gpus_per_run` or `processes=2`", "--gpus-per-run or --gpus-per-run 2"),
        ('Use `slurm="partition=gpu,time=12:00:00"`', "Use --slurm partition=gpu,time=12:00:00"),
        ("Use `data='a folder'`", "Use --data 'a folder'"),
        ("Use `retry=True` and `health=False`", "Use --retry and --no-health"),
        ("`size`\n`steps`", "--size\n--steps"),
        ("Run: `zoo.list_weights()`", "Run: zoo list weights"),
        ("`zoo.list_weights(include_unpublished=True)`", "zoo list weights --all"),
        ("`zoo.list_components('generator')`", "zoo list generator"),
        ("Run `zoo.bench(...)` first", "Run zoo bench first"),
        ("`zoo.score(FOLDER, data=DATASET)`, `size=8`", "zoo score FOLDER --data DATASET, --size 8"),
        ("`zoo.train(generator='a b', retry=True)`", "zoo train --gen 'a b' --retry"),
        ("`zoo.load('x')` stays", "`zoo.load('x')` stays"),
    ],
)
def test_a_parameter_is_shown_as_its_flag(message, shown):
    assert with_flags(message) == shown


@pytest.mark.parametrize(
    "message",
    [
        "there is no folder `results`",
        "`photos/size` cannot be read",
        "`resnet9` has no option `width`",
        "option `steps` is 0; it must be 1 or more",
        "Object contains unknown field `seed`",
        "`Size`, `size.png` and size",
        "run `zoo bench --size 64`",
    ],
)
def test_everything_else_in_backquotes_stays(message):
    assert with_flags(message) == message


@pytest.mark.parametrize("words", [["check", "data"], ["check", "./data/"], ["--out=data"], ["--data", "data"]])
def test_a_folder_with_the_name_of_a_parameter_stays_a_folder(monkeypatch, words):
    monkeypatch.setattr(sys, "argv", ["zoo", *words])
    assert with_flags("`data` cannot be read. Use `size=8`") == "`data` cannot be read. Use --size 8"


def test_every_flag_in_the_table_exists():
    def options(command):
        own = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
        return own.union(*(options(below) for below in getattr(command, "commands", {}).values()))

    assert set(FLAGS.values()) <= options(typer.main.get_command(app))


def fail(error):
    raise error


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError("`size` is 0", "Use `size=64`"), 2), (ZooError("`size` is 0", "Use `size=64`"), 1)]
)
def test_an_error_names_flags(capsys, error, code):
    assert run(lambda: fail(error)) == code
    assert capsys.readouterr().err == "zoo: --size is 0. Use --size 64\n"


def test_a_warning_of_the_library_names_flags_and_an_answer_is_printed_as_it_is(capsys):
    def warn():
        print("`size`")
        note("`size` is large")
        print("zoo: `batch` is small", file=sys.stderr)
        console(stderr=True).print("run-1: `batch` is large")

    assert run(warn) == 0
    shown = capsys.readouterr()
    assert shown.out == "`size`\n"
    assert shown.err == "--size is large\nzoo: --batch is small\nrun-1: --batch is large\n"
