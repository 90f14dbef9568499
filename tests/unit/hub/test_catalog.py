"""The catalogue: a row for every system and dataset of the tables, rows by name, and weights that a distribution brings."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

import zoo
from zoo.errors import UsageError, ZooError
from zoo.hookspec import Weights
from zoo.hub import catalog
from zoo.plugins import Plugin
from zoo.report.table_plan import plan_table
from zoo.report.tables import load_table, table_names
from zoo.rows import RejectedError, Rows, checked_rows
from zoo.run.grid import Axes
from zoo.sources import open_source

SCENES = "scenes:train=3,test=2,size=64"
GOOD = {"name": "a-b", "summary": "a", "train": "zoo bench", "dataset": "b"}


def test_every_row_and_dataset_of_the_tables_has_weights_that_the_same_recipe_trains(tmp_path):
    published = {}
    for row in catalog.catalog_entries():
        words = shlex.split(row.weights.train)
        options = dict(zip(words[2::2], words[3::2], strict=True))
        if words[:2] == ["zoo", "bench"] and options["--data"] in ("osu", "flir", "thermalworld"):
            source = open_source(SCENES, size=64)
            recipe = zoo.compose(recipe=options["--recipe"], preset=options["--preset"], data=source)
            assert options["--recipe"] == row.weights.recipe and options["--data"] == row.weights.dataset
            published.setdefault(options["--data"], []).append(recipe)
    asked = 0
    for name in table_names():
        if name == "thermalgen_table":  # zoo lacks that paper's method, and publishes no weights of its other rows
            continue
        table = load_table(name)
        runs, _plan = plan_table(
            table, dict.fromkeys(table.datasets, SCENES), Axes(preset="paper", seeds=1), tmp_path, metrics=[]
        )
        null = set(table.baselines)
        for run in runs:
            if run.recipe.method.name.partition("/")[2] not in null:
                for dataset in table.datasets:
                    asked += 1
                    assert published[dataset].count(run.recipe) == 1, (name, run.recipe.method.name)
    assert asked >= 20


def test_the_names_that_the_papers_suggest_are_there():
    names = {row.name for row in catalog.catalog_entries()}
    assert {
        "layergan-thermalworld",
        "layergan-reduced-thermalworld",
        "thermalgan-thermalworld",
        "pix2pix-thermalworld",
        "gn-cyclegan-flir",
        "gn-cyclegan-osu",
        "cut-flir",
        "cut-osu",
        "cbam-cyclegan-flir",
    } <= names
    assert [row.name for row in catalog.catalog_entries("cut-*")] == ["cut-flir", "cut-osu"]


def test_weights_that_nobody_published_say_how_to_make_them():
    with pytest.raises(UsageError) as caught:
        zoo.load("layergan-thermalworld")
    assert str(caught.value) == (
        "the weights layergan-thermalworld (LayerGAN, on ThermalWorld) are not published yet. Run: zoo bench --recipe layergan "
        "--preset paper --data thermalworld, then: zoo publish results/RUN --to ORG/layergan-thermalworld; "
        "the run folder loads too: zoo.load('results/RUN')"
    )


def test_a_typo_is_answered_with_the_nearest_names():
    with pytest.raises(
        UsageError, match=r"no weights are named 'layergan-thermalwrold'.*Did you mean layergan-thermalworld"
    ):
        zoo.load("layergan-thermalwrold")


def test_listing_imports_neither_torch_nor_the_hubs_client():
    code = (
        "import sys; from zoo.hub.catalog import catalog_entries; assert catalog_entries(); "
        "print([name for name in ('torch', 'huggingface_hub', 'numpy', 'msgspec') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"name": "A b"}, "name must be like"),
        ({"summary": "two\nlines"}, "summary must be a line"),
        ({"train": " "}, "train must be the command"),
        ({"repo": "net"}, "repo must be `ORG/NAME`"),
        ({"repo": "acme/net", "revision": "main", "sha256": "0" * 64}, "needs the full commit"),
        ({"repo": "acme/net", "revision": "0" * 40}, "and the sha256"),
        ({"folder": "../weights"}, "folder must be"),
        ({"folder": "a:b", "repo": "acme/net", "revision": "0" * 40, "sha256": "0" * 64}, "not both"),
        ({"file": "model.pth"}, "must be a .safetensors file"),
    ],
)
def test_bad_rows_are_refused_with_their_rule(wrong, rule):
    assert checked_rows(weights=[Weights(**GOOD)]).weights
    with pytest.raises(RejectedError, match=rule):
        checked_rows(weights=[Weights(**(GOOD | wrong))])


def plugin(name: str, distribution: str, *rows: Weights) -> Plugin:
    return Plugin(name=name, distribution=distribution, version="1.0", module=name, rows=Rows(weights=rows))


def test_a_plugin_cannot_take_a_name_that_zoo_has(monkeypatch):
    own, other = Weights(**GOOD), Weights(**(GOOD | {"summary": "of a stranger"}))
    monkeypatch.setattr(catalog, "installed", lambda: (plugin("recipes", "thermal-zoo", own), plugin("x", "x", other)))
    assert [row.weights.summary for row in catalog.catalog_entries()] == ["a"]


def test_weights_that_a_distribution_brings_load_without_network(saved, pairs, tmp_path, monkeypatch):
    package = tmp_path / "brought"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('never imported')")
    saved(package / "weights", str(pairs), generator="resnet6:width=4,blocks=1")
    (package / "weights" / "README.md").write_text("# A card\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    row = Weights(**GOOD, folder="brought:weights")
    monkeypatch.setattr(catalog, "installed", lambda: (plugin("x", "brought-zoo", row),))
    assert zoo.load("a-b").card == "# A card\n"
    gone = Weights(**GOOD, folder="brought:elsewhere")
    monkeypatch.setattr(catalog, "installed", lambda: (plugin("x", "brought-zoo", gone),))
    with pytest.raises(ZooError, match=r"belong to brought-zoo 1.0.*pip install --force-reinstall brought-zoo"):
        zoo.load("a-b")
    changed = Weights(**GOOD, folder="brought:weights", sha256="0" * 64)
    monkeypatch.setattr(catalog, "installed", lambda: (plugin("x", "brought-zoo", changed),))
    with pytest.raises(ZooError, match="were changed"):
        zoo.load("a-b")
