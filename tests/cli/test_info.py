"""`zoo info NAME`: options with meanings and allowed values, an example that works, and lines that fit a terminal."""

import dataclasses
import json
import shlex

import pytest

from zoo.choices import option_names
from zoo.cli.component import details, example, options_of
from zoo.registry import get_registry, split_specs

COMPONENTS = get_registry().list()
IDS = [f"{choice.kind}-{choice.name}" for choice in COMPONENTS]


@pytest.mark.parametrize("choice", COMPONENTS, ids=IDS)
def test_every_option_has_a_meaning_and_allowed_values_and_its_text_gives_its_value(choice):
    options = options_of(choice)
    assert [one.name for one in options] == option_names(choice.config)
    for one in options:
        assert one.meaning and one.allowed, one.name
        if one.text and not {",", ":"} & set(one.text):  # a name with options stands in no option's text
            spec = f"{choice.full_name}:{one.name}={one.text}"
            assert getattr(get_registry().find(choice.kind, spec).config, one.name) == one.value


@pytest.mark.parametrize("choice", COMPONENTS, ids=IDS)
def test_the_example_names_the_component_as_the_command_line_reads_it(choice):
    words = shlex.split(example(choice))
    if {"converted_weights", "predictions"} & choice.contract.needs:
        assert words == []  # it is not trained
        return
    spec = words[3] if words[1] == "data" else words[-1]
    assert split_specs(spec) == [spec]
    assert get_registry().find(choice.kind, spec).full_name == choice.full_name


@pytest.mark.parametrize("choice", COMPONENTS, ids=IDS)
def test_an_option_of_the_example_has_another_value_than_by_default_and_suits_the_component(choice):
    spec = ["", *shlex.split(example(choice))][-1]
    if ":" not in spec:
        return
    changed = get_registry().find(choice.kind, spec)
    assert changed.config != choice.config
    if choice.kind in ("generator", "discriminator") and not getattr(changed.config, "pretrained", False):
        assert details(changed)["parameters"]


@pytest.mark.parametrize("columns", [60, 80])
def test_no_line_is_wider_than_the_terminal_unless_a_word_is(zoo, columns):
    done = zoo("info", "cyclegan", env={"COLUMNS": str(columns)})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(len(line) <= columns for line in lines if "  example " not in line)
    assert (
        "  identity=none (a number, 0 or more, or none)" in lines
        and "  example    zoo bench --method cyclegan:gan=log" in lines
    )


def test_the_options_that_were_named_stand_in_the_example_and_the_list(zoo):
    done = zoo("info", "resnet9:width=32,norm=batch")
    assert "  example    zoo bench --gen resnet9:width=32,norm=batch\n" in done.stdout
    assert "  norm=batch (instance, batch or none)\n      Normalization after each" in done.stdout


def test_json_has_the_options_beside_the_config(zoo):
    (row,) = json.loads(zoo("info", "restormer", "--json").stdout)
    by_name = {one["name"]: one for one in row["options"]}
    assert row["config"]["blocks"] == by_name["blocks"]["value"] and by_name["blocks"]["text"] == "4+6+6+8"
    assert by_name["blocks"]["allowed"] == "whole numbers joined by + (0+4+8)"


def test_a_config_whose_code_cannot_be_read_has_options_without_meanings():
    form = dataclasses.make_dataclass("Made", [("width", int, 3)], frozen=True, kw_only=True)
    choice = dataclasses.replace(get_registry().find("generator", "resnet6"), config=form())
    (option,) = options_of(choice)
    assert (option.name, option.allowed, option.meaning) == ("width", "a whole number", "")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("resnet6:norm=bach", "option `norm` is 'bach'; it must be instance, batch or none. Did you mean batch?"),
        ("resnet6:width=wide", "option `width` is 'wide'; it must be a whole number, 1 or more"),
        ("restormer:blocks=4+x", "option `blocks` is '4+x'; it must be whole numbers joined by + (0+4+8)"),
    ],
)
def test_a_wrong_value_is_answered_with_the_allowed_ones(zoo, spec, message):
    done = zoo("info", spec)
    assert done.returncode == 2 and message in done.stderr


def test_the_folder_of_a_model_is_shown_as_its_translator(zoo):
    from importlib.resources import files

    folder = str(files("zoo_plugins.scenes") / "weights")
    done = zoo("info", folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Translator ") and "trained on scenes" in done.stdout
    assert zoo("info", folder, "--json").returncode == 2


@pytest.mark.parametrize("kind", ["recipe", "method"])
def test_a_kind_before_the_name_chooses_between_components_of_one_name(zoo, kind):
    done = zoo("info", f"{kind}/flow")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith(("recipe ", "method "))] == [kind]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("generator/resnet", "no generator is named 'resnet'. Did you mean resnet9"),
        ("weights/pix2pix-scene", "no weights are named 'pix2pix-scene'. Did you mean pix2pix-scenes?"),
        ("patchgan_gn:foo=1", "discriminator patchgan has no option 'foo'; it has in_channels, width"),
    ],
)
def test_a_wrong_name_after_a_kind_is_looked_for_here_and_not_on_the_hub(zoo, name, message):
    done = zoo("info", name, env={"HF_ENDPOINT": "http://127.0.0.1:9"})
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split()) and "127.0.0.1" not in done.stderr
