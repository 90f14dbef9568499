"""Plugins that are broken in one place each: the check for it fails, and says what to change.

Each is what `zoo new` writes with a line or two changed; unchanged, it passes (see tests/unit/test_scaffold.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.scaffold import new_plugin
from zoo.testing import CHECKS, cases_of, outcome

from .broken_networks import NETWORKS, Broken

PAIRS = 'frozenset({"pairs"})'

OTHERS = [
    Broken(
        "a metric that is not symmetric though it says so",
        "metric",
        "metric.py",
        {".sqrt()": ".sqrt() / (1 + real.double().mean(dim=(1, 2, 3)))"},
        "symmetric",
        ("translated and real exchanged", "Take `symmetric` out of the row's offers"),
    ),
    Broken(
        "a dataset that changes between epochs",
        "dataset",
        "dataset.py",
        {"default_rng([self.config.seed, number, index])": "default_rng()"},
        "epochs",
        ("a second pass over the same instance", "seeded by the config and the image's index"),
    ),
    Broken(
        "more read than said",
        "method",
        "method.py",
        {'= self.generator(batch["visible"])': '= self.generator(batch["visible"] + 0 * batch["thermal"])'},
        "translates",
        ("'thermal'", "`reads`"),
    ),
    Broken(
        "weights that are not saved",
        "method",
        "method.py",
        {'inference = ("generator",)': "inference = ()"},
        "inference",
        ("ones that differ", "Name in `inference`"),
    ),
    Broken(
        "a parameter without a loss",
        "method",
        "method.py",
        {
            "        self.config = config\n": "        self.config = config\n        self.spare = nn.Linear(2, 2)\n",
            "[self.generator]": "[self.generator, self.spare]",
        },
        "networks",
        ("none reaches spare.weight", "leave it out of networks()"),
    ),
    Broken(
        "squares taken for granted",
        "method",
        "method.py",
        {"        self.config = config\n": "        self.config = config\n        self.rows = range(parts.size)\n"},
        "rectangles",
        ("TypeError", "zoo.sizes.height_width(parts.size)"),
    ),
    Broken(
        "a loss that is raised",
        "method",
        "method.py",
        {"self.config.l1 * F.l1_loss(": "F.l1_loss(state['thermal'], state['thermal']) - 0.0 * F.l1_loss("},
        "learns",
        ("lower its loss", "the sign of its terms"),
    ),
    Broken(
        "scores in single precision",
        "metric",
        "metric.py",
        {".sqrt()": ".sqrt().float()"},
        "scores",
        ("torch.float32", "after .double()"),
    ),
    Broken(
        "a range taken from the images",
        "metric",
        "metric.py",
        {"return LEVELS": "return LEVELS / translated.max()"},
        "scores",
        ("one that moves", "Take the data range from the protocol"),
    ),
    Broken(
        "worse taken for better",
        "metric",
        "metric.py",
        {"ClassVar[bool] = False": "ClassVar[bool] = True"},
        "direction",
        ("lower scores for noisier images", "Correct higher_is_better"),
    ),
    Broken(
        "a bound that does not hold",
        "metric",
        "__init__.py",
        {'"highest": 255.0': '"highest": 1.0'},
        "bounds",
        ("scores up to 1", "correct the promise"),
    ),
    Broken(
        "labels offered and not written",
        "dataset",
        "__init__.py",
        {PAIRS: 'frozenset({"pairs", "labels"})'},
        "layout",
        ("no labels in what it wrote", "take them out of the row's offers"),
    ),
    Broken(
        "an importer that imports nothing",
        "dataset",
        "__init__.py",
        {PAIRS: f'{PAIRS}, needs=frozenset({{"source"}})'},
        "refuses",
        ("a DataError on no folder", "zoo.errors.DataError"),
    ),
    Broken(
        "an importer without an example",
        "dataset",
        "__init__.py",
        {PAIRS: f'{PAIRS}, needs=frozenset({{"source"}})'},
        "layout",
        ("an example of what the importer reads", 'example="package.module:function"'),
    ),
    Broken(
        "a recipe of parts that do not fit",
        "generator",
        "__init__.py",
        {
            "import Component": "import RecipeConfig, Component",
            'kind="generator"': 'kind="recipe"',
            "config=": "config=RecipeConfig(method='cyclegan', generator='resnet9', discriminator='patchgan:norm=batch_gn'), #",
            "small=": "#",
        },
        "composes",
        ("norm",),
    ),
]
EVERY = NETWORKS + OTHERS


@pytest.mark.parametrize("broken", EVERY, ids=lambda broken: broken.fault)
def test_the_check_for_a_fault_fails_and_says_what_to_change(
    broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"broken{EVERY.index(broken)}"  # of its own: Python keeps what it imported
    new_plugin(name, broken.kind, tmp_path / name)
    path = tmp_path / name / "src" / name / broken.file
    source = path.read_text()
    for old, new in broken.edits.items():
        assert old in source
        source = source.replace(old, new)
    path.write_text(source)
    monkeypatch.syspath_prepend(tmp_path / name / "src")
    (case,) = [case for case in cases_of(name) if case.check.name == broken.check]
    result = outcome(case)
    assert result.status == "failed"
    for words in ("expected ", "found ", *broken.message):
        assert words in result.text


def test_every_check_is_failed_by_some_broken_plugin() -> None:
    assert {broken.check for broken in EVERY} == {check.name for check in CHECKS}
