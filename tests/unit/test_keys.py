"""Keys and folder names of recipes with options that only translation reads."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import pytest

from zoo.cli.publish import _name_repos
from zoo.hookspec import inference_only
from zoo.keys import LONGEST_NAME, folder_name, key_of, readable_name
from zoo.recipe import Budget, DataRef, Part, Recipe
from zoo.report.finished_runs import FinishedRun

RECIPE = Recipe(
    method=Part(name="mine/sampler", config={"width": 8, "steps": 50}),
    data=DataRef(name="FLIR", fingerprint="f" * 64),
    size=64,
    load_size=64,
    budget=Budget(steps=10, constant=5),
)


def with_config(**changes: object) -> Recipe:
    return replace(RECIPE, method=replace(RECIPE.method, config={**RECIPE.method.config, **changes}))


def key(recipe: Recipe, **options: object) -> str:
    return key_of(asdict(recipe), {}, **options)


def test_a_marked_field_is_an_ordinary_option_with_a_default():
    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 8
        steps: int = inference_only(50)

    assert Config().steps == 50 and Config(steps=2).steps == 2
    assert [field.name for field in fields(Config) if field.metadata] == ["steps"]


def test_the_train_key_lacks_what_only_translation_reads_and_nothing_else():
    inference = ["method.steps"]
    assert key(RECIPE, inference=inference) == key(with_config(steps=2), inference=inference)
    assert key(RECIPE, inference=inference) != key(with_config(width=9), inference=inference)
    assert key(RECIPE) != key(with_config(steps=2))
    assert key(RECIPE, inference=["generator.steps"]) == key(RECIPE)


def test_a_file_that_only_translation_reads_is_no_part_of_the_train_key():
    files = [{"method.steps": digest * 64} for digest in "ab"]
    one, other = (key(RECIPE, files=each, inference=["method.steps"]) for each in files)
    assert one == other != key(RECIPE, files=files[0])


def test_a_record_that_says_nonsense_has_a_key():
    raw = {**asdict(RECIPE), "generator": None}
    assert key_of(raw, {}, inference=["generator.steps", "nothing.else", "method"]) == key(RECIPE)


@pytest.mark.parametrize(
    ("value", "text"), [(4, "steps4"), (0.5, "steps0.5"), (True, "stepstrue"), (None, "stepsnone"), ("a/b", None)]
)
def test_a_folders_name_shows_the_options_of_translation_before_the_key(value, text):
    name = folder_name(RECIPE, "0123456789", {"method.steps": value})
    start = folder_name(RECIPE, "0123456789").removesuffix("-01234567")
    assert name.startswith(f"{start}-steps") and name.endswith("-01234567") and "/" not in name
    assert text is None or name == f"{start}-{text}-01234567"


def test_different_values_have_different_names_however_long():
    long = replace(RECIPE, data=replace(RECIPE.data, name="d" * 300))
    values = [{"method.a": 1}, {"method.a": "x" * 300}, {"method.a": "x" * 299 + "y"}, {"method.a": "X"}]
    values += [{f"method.option{number}": number for number in range(size)} for size in (40, 41)]
    for recipe in (RECIPE, long):
        names = [readable_name(recipe, each) for each in values]
        assert len(set(names)) == len(names) and max(map(len, names)) <= LONGEST_NAME


def test_runs_that_differ_only_in_options_of_translation_have_repositories_of_their_own(make_record):
    runs = [
        FinishedRun(
            folder=Path("run"),
            record=replace(
                make_record([], method=Part(name="mine/sampler", config={"steps": steps})),
                train_key="0123456789",
                inference_options=["method.steps"],
            ),
        )
        for steps in (1, 2, 2)
    ]
    names = [name for name, _ in _name_repos(runs, "org")]
    assert names[0] != names[1] == names[2] and all(name.startswith("org/") for name in names)
