"""Plugins that are broken in one place each: the check for it fails, and says what to change.

Each is what `zoo new` writes with a line or two changed; unchanged, it passes (see tests/unit/test_scaffold.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from zoo.scaffold import new_plugin
from zoo.testing import CHECKS, cases_of, outcome


class Broken(NamedTuple):
    """One fault in a plugin that is otherwise in order."""

    fault: str
    kind: str
    file: str
    edits: dict[str, str]
    """Texts in the file, and their replacements."""
    check: str
    message: tuple[str, ...]
    """Parts of what was found, and of the fix."""


FORWARD = "return torch.tanh(self.layers(x))"
IMPORT = "import torch\n"
LAYERS = "        self.layers = nn.Sequential(\n            nn.Conv2d(config"
LAST = "stride=2, padding=1),\n        )\n"
BLOCK = "class ResidualBlock"
PAIRS = 'frozenset({"pairs"})'

TWELVE = [
    Broken(
        "torch imported at discovery",
        "generator",
        "__init__.py",
        {"from zoo.hookspec": "import torch\nfrom zoo.hookspec"},
        "discovery",
        ("torch imported", "Import torch only in the module that the row's `target` names"),
    ),
    Broken(
        "wrong output size",
        "generator",
        "network.py",
        {"config.out_channels, 4, stride=2, padding=1": "config.out_channels, 4, stride=2"},
        "shapes",
        ("expected [1, 1, 8, 8]", "found [1, 1, 10, 10]", "size_multiple"),
    ),
    Broken(
        "state shared between instances",
        "generator",
        "network.py",
        {
            BLOCK: f"SHARED = {{}}\n\n\n{BLOCK}",
            LAYERS: LAYERS.replace("nn.Sequential(", "SHARED.setdefault(config, nn.Sequential("),
            LAST: LAST.replace("\n        )", "\n        ))"),
        },
        "instances",
        ("the same tensor layers.0.weight", "Make layers, buffers and lists in __init__"),
    ),
    Broken(
        "RNG touched",
        "generator",
        "network.py",
        {IMPORT: f"import random\n\n{IMPORT}", FORWARD: f"random.seed(0)\n        {FORWARD}"},
        "globals",
        ("Python's random stream changed", "seed nothing"),
    ),
    Broken(
        "kwargs swallowed",
        "generator",
        "network.py",
        {"Config) -> None:": "Config, **kwargs) -> None:"},
        "options",
        ("**kwargs) accepts any option", "Replace **kwargs by fields"),
    ),
    Broken(
        "config not JSON-able",
        "generator",
        "config.py",
        {"    width: Positive = 32": "    activation: object = print\n    width: Positive = 32"},
        "config",
        ("builtin_function_or_method", "name everything else by a string"),
    ),
    Broken(
        "dead parameter",
        "generator",
        "network.py",
        {LAYERS: f"        self.spare = nn.Linear(2, 2)\n{LAYERS}"},
        "backward",
        ("none reaches spare.weight", "leave it out of the network"),
    ),
    Broken(
        "output outside [-1, 1]",
        "generator",
        "network.py",
        {FORWARD: "return self.layers(x)"},
        "range",
        ("with the weights times", "End the network with torch.tanh"),
    ),
    Broken(
        "not exportable though it says so",
        "generator",
        "network.py",
        {FORWARD: f"if float(x.mean()) > 0:\n            x = x.flip(-1)\n        {FORWARD}"},
        "exports",
        ("torch.export", "take `exports` out of the row's offers"),
    ),
    Broken(
        "a normalizer without its bound",
        "normalizer",
        "normalizer.py",
        {"self.limit * torch.tanh(self.discriminator(x) / self.limit)": "self.discriminator(x) * self.limit"},
        "promises",
        ("absolute logits of at most 1", "Bound the output in wrap"),
    ),
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
]

MORE = [
    Broken(
        "not a generator",
        "generator",
        "network.py",
        {"(Generator):": "(nn.Module):"},
        "builds",
        ("a zoo.contracts.Generator", "(zoo.contracts.Generator)"),
    ),
    Broken(
        "no output channels in the config",
        "generator",
        "config.py",
        {"    out_channels: Positive = 1\n": ""},
        "builds",
        ("out_channels", "Add the field out_channels"),
    ),
    Broken(
        "a config that accepts",
        "generator",
        "config.py",
        {
            "    in_channels: Positive = 3\n": ""
            "    def __init__(self, in_channels=3, out_channels=1, width=4, blocks=1, **rest):\n"
            "        vars(self).update(in_channels=in_channels, out_channels=out_channels, width=width, blocks=blocks)\n\n"
            "    in_channels: Positive = 3\n"
        },
        "options",
        ("no_such_option=1) was accepted", "without **kwargs"),
    ),
    Broken(
        "a tensor that no file holds",
        "generator",
        "network.py",
        {
            LAYERS: f"        self.register_buffer('shift', torch.randn(1), persistent=False)\n{LAYERS}",
            FORWARD: "return torch.tanh(self.layers(x) + self.shift)",
        },
        "weights",
        ("outputs that differ", "persistent buffers"),
    ),
    Broken(
        "noise in eval mode",
        "generator",
        "network.py",
        {FORWARD: "return torch.tanh(nn.functional.dropout(self.layers(x)))"},
        "evaluation",
        ("the same output each time", "only where self.training holds"),
    ),
    Broken(
        "a seed of its own",
        "generator",
        "network.py",
        {LAYERS: f"        torch.manual_seed(3)\n{LAYERS}"},
        "seeds",
        ("the same in every parameter", "Leave torch.manual_seed"),
    ),
    Broken(
        "a seed of its own, as other parts see it",
        "generator",
        "network.py",
        {LAYERS: f"        torch.manual_seed(3)\n{LAYERS}"},
        "globals",
        ("the same stream afterwards from different seeds", "the caller seeds"),
    ),
    Broken(
        "a random stream in the module",
        "generator",
        "network.py",
        {
            BLOCK: f"STREAM = torch.Generator()\n\n\n{BLOCK}",
            FORWARD: "return torch.tanh(self.layers(x) + self.training * torch.rand(x.shape, generator=STREAM)[:, :1])",
        },
        "repeats",
        ("others the second time", "keep no state outside of the instance"),
    ),
    Broken(
        "taps that are not there",
        "generator",
        "__init__.py",
        {'"compiles"}': '"compiles", "taps"}'},
        "taps",
        ("tap_layers", "take `taps` out"),
    ),
    Broken(
        "a break in the graph",
        "generator",
        "network.py",
        {FORWARD: f"print(x.mean().item())\n        {FORWARD}"},
        "compiles",
        ("torch.compile", "take `compiles` out"),
    ),
    Broken(
        "a gradient that has none",
        "discriminator",
        "network.py",
        {"= self.layers(x)": "= self.layers(x) * self.layers(x).detach().sigmoid()"},
        "double_backward",
        ("finite differences", "take `double_backward` out"),
    ),
    Broken(
        "statistics of a batch",
        "discriminator",
        "network.py",
        {"= self.layers(x)": "= self.layers(x - x.mean())"},
        "independent_samples",
        ("another image of the batch", "Leave out batch norm"),
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
EVERY = TWELVE + MORE


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
