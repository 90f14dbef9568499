"""The checks, a row each. Imports no torch: a check's code is imported when it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from zoo.hookspec import KINDS, Kind
from zoo.registry import Choice

NETWORKS: tuple[Kind, ...] = ("generator", "discriminator")
JUDGED: tuple[Kind, ...] = (*NETWORKS, "normalizer")
MODULES: tuple[Kind, ...] = (*JUDGED, "method")
BUILT: tuple[Kind, ...] = (*MODULES, "metric", "dataset")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that every part of some kinds must do."""

    name: str
    """What `zoo check` and the tests call it; unique."""
    kinds: tuple[Kind, ...] = ()
    """Kinds of part that it is made for; none: it is made once for a plugin."""
    proves: str
    """What is true of a part that passes."""
    target: str
    """`module:function` below `zoo.testing`: takes the part with its options (or the plugin), returns a word on what it found
    and raises `CheckError`."""
    offered: str = ""
    """Only for parts whose contract offers this."""
    promised: bool = False
    """Only for parts whose contract promises something."""
    importer: bool | None = None
    """Only for datasets that are read from a source (or, false, only for those that are not)."""
    slow: bool = False
    """Left out by `--fast`."""

    def applies(self, choice: Choice) -> bool:
        """Whether the check is made for a part with these options."""
        contract = choice.contract
        return (
            choice.kind in self.kinds
            and (not self.offered or self.offered in contract.offers)
            and (not self.promised or bool(contract.promises))
            and self.importer in (None, "source" in contract.needs)
        )

    def function(self) -> Callable[[Any], str]:
        """Import and return the check's code, which takes the part with its options, or the plugin."""
        module, _, name = self.target.partition(":")
        code: Callable[[Any], str] = getattr(import_module(f"zoo.testing.{module}"), name)
        return code


CHECKS: tuple[Check, ...] = (
    Check(name="discovery", proves="it is listed without torch, in a process of its own", target="plugin:discovery"),
    Check(name="builds", kinds=BUILT, proves="it is built from its config", target="general:builds"),
    Check(name="config", kinds=KINDS, proves="its config goes to JSON and back", target="general:config"),
    Check(name="options", kinds=BUILT, proves="an unknown option is refused", target="general:options"),
    Check(
        name="globals",
        kinds=BUILT,
        proves="building and running it leaves random streams, torch's settings and the environment alone",
        target="globals:untouched",
    ),
    Check(
        name="shapes",
        kinds=JUDGED,
        proves="it takes 1 and 3 channels, batches of 1 and 2, and every size that its contract allows",
        target="shapes:shapes",
    ),
    Check(name="range", kinds=("generator",), proves="its images are in [-1, 1]", target="shapes:in_range"),
    Check(name="backward", kinds=JUDGED, proves="gradients reach every parameter", target="networks:backward"),
    Check(name="weights", kinds=JUDGED, proves="safetensors hold all that it knows", target="networks:weights"),
    Check(name="evaluation", kinds=MODULES, proves="in eval mode it draws nothing", target="networks:evaluation"),
    Check(name="seeds", kinds=MODULES, proves="a seed decides its weights", target="networks:seeds"),
    Check(name="repeats", kinds=MODULES, proves="the same step twice is the same", target="networks:repeats"),
    Check(name="instances", kinds=MODULES, proves="two of it share nothing", target="networks:instances"),
    Check(name="taps", kinds=("generator",), offered="taps", proves="its taps are features", target="features:taps"),
    Check(
        name="double_backward",
        kinds=NETWORKS,
        offered="double_backward",
        proves="the gradient of its gradient is that of finite differences",
        target="features:double_backward",
    ),
    Check(
        name="independent_samples",
        kinds=NETWORKS,
        offered="independent_samples",
        proves="the images of a batch do not influence one another",
        target="features:independent_samples",
    ),
    Check(
        name="exports",
        kinds=NETWORKS,
        offered="exports",
        proves="torch.export gives a program that computes the same",
        target="features:exports",
        slow=True,
    ),
    Check(
        name="compiles",
        kinds=NETWORKS,
        offered="compiles",
        proves="torch.compile takes it whole, and its gradients stay the same",
        target="features:compiles",
        slow=True,
    ),
    Check(
        name="promises",
        kinds=("normalizer",),
        promised=True,
        proves="discriminators stay within the bounds that it promises",
        target="bounds:promises",
    ),
    Check(
        name="translates",
        kinds=("method",),
        proves="it translates at any size, from what its contract reads, into [-1, 1]",
        target="methods:translates",
    ),
    Check(
        name="inference",
        kinds=("method",),
        proves="`inference` names all that a translation needs",
        target="methods:inference",
    ),
    Check(
        name="networks",
        kinds=("method",),
        proves="in each player's turn gradients reach all of its parameters",
        target="methods:networks",
    ),
    Check(
        name="learns",
        kinds=("method",),
        proves="each player lowers its loss on scenes while the others stand still",
        target="methods:learns",
    ),
    Check(
        name="scores",
        kinds=("metric",),
        proves="it scores image by image, the same each time, and names its protocol",
        target="metrics:scores",
    ),
    Check(
        name="direction",
        kinds=("metric",),
        proves="noise makes a score worse, in the direction that it names",
        target="metrics:direction",
    ),
    Check(
        name="bounds",
        kinds=("metric",),
        promised=True,
        proves="scores stay within the bounds that it promises",
        target="metrics:bounds",
    ),
    Check(
        name="symmetric",
        kinds=("metric",),
        offered="symmetric",
        proves="translated and real images may change places",
        target="metrics:symmetric",
    ),
    Check(
        name="layout",
        kinds=("dataset",),
        proves="what it writes has no fault, and all that its row offers",
        target="datasets:layout",
    ),
    Check(
        name="epochs",
        kinds=("dataset",),
        proves="it writes the same images every time",
        target="datasets:epochs",
    ),
    Check(
        name="refuses",
        kinds=("dataset",),
        importer=True,
        proves="a folder in another layout is refused",
        target="datasets:refuses",
    ),
    Check(name="composes", kinds=("recipe",), proves="its parts fit together", target="recipes:composes"),
)
