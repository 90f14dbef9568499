"""The checks, one row each. Imports no torch: a check's code is imported when it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from zoo.choices import Choice
from zoo.hookspec import KINDS, Kind


class CheckError(AssertionError):
    """A check that failed.

    Args:
        expected: what every part of the kind does.
        found: what this one did.
        fix: what to change in it.
    """

    def __init__(self, expected: str, found: str, fix: str) -> None:
        super().__init__(f"expected {expected}; found {found}. {fix}")
        self.expected, self.found, self.fix = expected, found, fix


@dataclass(frozen=True)
class Check:
    """One property that every part of some kinds must have."""

    name: str
    """In `zoo check` and the tests; unique."""
    kinds: tuple[Kind, ...]
    """Kinds of part that it applies to; none: it runs once for each plugin."""
    proves: str
    """What is true of a part that passes."""
    target: str
    """`module:function` below `zoo.testing`: takes the part with its options (or the plugin), returns a short text on the result
    and raises `CheckError`."""
    offered: str = ""
    """Only for parts whose contract offers this."""
    promised: bool = False
    """Only for parts whose contract promises something."""
    images: bool = False
    """Only for networks whose output is an image: not for those with further inputs, whose method defines what it is."""
    importer: bool = False
    """Only for datasets that are read from a source."""
    after: tuple[str, ...] = ()
    """Checks without which this one cannot pass: it is not run where one of them failed."""
    slow: bool = False
    """Takes seconds, and can be left out."""

    def applies(self, choice: Choice) -> bool:
        """Whether the check applies to a part with these options."""
        contract = choice.contract
        return (
            choice.kind in self.kinds
            and (not self.offered or self.offered in contract.offers)
            and (not self.promised or bool(contract.promises))
            and (not self.images or not contract.inputs)
            and (not self.importer or "source" in contract.needs)
        )

    def function(self) -> Callable[[Any], str]:
        """Import and return the check's code, which takes the part with its options, or the plugin."""
        module, _, name = self.target.partition(":")
        code: Callable[[Any], str] = getattr(import_module(f"zoo.testing.{module}"), name)
        return code


GENERATOR: tuple[Kind, ...] = ("generator",)
NETWORKS: tuple[Kind, ...] = ("generator", "discriminator")
WRAPPED: tuple[Kind, ...] = (*NETWORKS, "normalizer")
MODULES: tuple[Kind, ...] = (*WRAPPED, "method")
BUILT: tuple[Kind, ...] = (*MODULES, "metric", "dataset")
METHOD: tuple[Kind, ...] = ("method",)
METRIC: tuple[Kind, ...] = ("metric",)
DATASET: tuple[Kind, ...] = ("dataset",)

BUILDS = "builds"
"""Name of the check on which the others of a part depend."""

# fmt: off
# Each check stands after those that name a cause of its failure more clearly.
CHECKS: tuple[Check, ...] = (
    Check("discovery", (), "it is listed without torch, in a process of its own", "plugin:discovery"),
    Check("config", KINDS, "its config goes to JSON and back", "general:config"),
    Check(BUILDS, BUILT, "it is built from its config", "general:builds"),
    Check("options", BUILT, "an unknown option is refused", "general:options"),
    Check("shapes", WRAPPED, "it takes 1 and 3 channels, batches of 1 and 2, and every size that its contract allows",
          "shapes:shapes"),
    Check("translates", METHOD, "it translates at any size, from what its contract reads, into [-1, 1]",
          "methods:translates"),
    Check("scores", METRIC, "it scores image by image, the same each time, and names its protocol", "metrics:scores"),
    Check("layout", DATASET, "the dataset that it writes has no fault, and all that its row offers", "datasets:layout"),
    Check("globals", BUILT, "building and running it changes no random stream, torch setting or environment variable",
          "global_state:untouched"),
    Check("range", GENERATOR, "its images are in [-1, 1]", "shapes:in_range", images=True),
    Check("backward", WRAPPED, "gradients reach every parameter", "networks:backward"),
    Check("weights", WRAPPED, "safetensors hold its whole state", "networks:weights"),
    Check("evaluation", MODULES, "in eval mode it draws nothing", "networks:evaluation"),
    Check("seeds", MODULES, "a seed determines its weights", "networks:seeds"),
    Check("repeats", MODULES, "the same step twice is the same", "networks:repeats"),
    Check("instances", MODULES, "two instances share nothing", "networks:instances"),
    Check("taps", GENERATOR, "its intermediate features have the right shape", "features:taps", offered="taps"),
    Check("double_backward", NETWORKS, "the gradient of its gradient is that of finite differences",
          "features:double_backward", offered="double_backward"),
    Check("independent_samples", NETWORKS, "the images of a batch do not influence one another",
          "features:independent_samples", offered="independent_samples"),
    Check("exports", NETWORKS, "torch.export gives a program that computes the same",
          "features:exports", offered="exports", after=("shapes",), slow=True),
    Check("compiles", NETWORKS, "torch.compile takes it without a graph break, and its gradients stay the same",
          "features:compiles", offered="compiles", after=("shapes",), slow=True),
    Check("promises", ("normalizer",), "discriminators stay within the bounds that it promises",
          "bounds:promises", promised=True),
    Check("inference", METHOD, "`inference` names all that a translation needs", "methods:inference"),
    Check("networks", METHOD, "in an optimizer's update gradients reach all of its parameters", "methods:networks"),
    Check("rectangles", METHOD, "it trains on images that are not square, or requires squares", "methods:rectangles"),
    Check("learns", METHOD, "each optimizer lowers its loss on scenes while the others are frozen", "methods:learns"),
    Check("direction", METRIC, "noise makes a score worse, in the direction that it names", "metrics:direction"),
    Check("bounds", METRIC, "scores stay within the bounds that it promises", "metrics:bounds", promised=True),
    Check("symmetric", METRIC, "translated and real images can be exchanged", "metrics:symmetric", offered="symmetric"),
    Check("epochs", DATASET, "it writes the same images every time", "datasets:epochs"),
    Check("refuses", DATASET, "a folder in another layout is refused", "datasets:refuses", importer=True),
    Check("composes", ("recipe",), "its parts fit together", "plugin:composes"),
)
# fmt: on
