"""Networks of plugins, and a normalizer, that are broken in one place each."""

from __future__ import annotations

from typing import NamedTuple


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

NETWORKS = [
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
]
