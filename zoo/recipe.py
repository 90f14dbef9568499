"""Recipes: frozen descriptions of one training. Imports no torch; `zoo.compose` makes and checks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from zoo.choices import Choice
from zoo.errors import UsageError
from zoo.hookspec import Kind
from zoo.registry import get_registry

Precision = Literal["fp32", "tf32", "bf16"]
"""Number format of convolutions and matrix products in training; weights, optimizers and losses are fp32 always. `fp32` is IEEE
single precision; `tf32` rounds factors to 10 bits of mantissa on GPUs that have it; `bf16` is autocast to bfloat16 (7 bits)."""


PREDICTIONS = "predictions/predictions"
"""The method of runs whose images another program translated."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One component of a recipe with every option spelled out."""

    name: str
    """Full name, `plugin/name`."""
    config: dict[str, Any] = field(default_factory=dict)
    """The component's config dataclass as JSON data."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long to train, in optimizer steps, and how the learning rate falls."""

    steps: int
    """Optimizer steps in all."""
    constant: int
    """Steps at the full learning rate; over the rest it falls linearly and ends above zero."""
    period: int = 1
    """Steps that share one rate: the steps of an epoch where the budget was given in epochs, else 1."""

    @property
    def text(self) -> str:
        """The length in the words of its request: `200 epochs`, `60 steps` or `not trained`."""
        if not self.steps:
            return "not trained"
        count, unit = (self.steps // self.period, "epoch") if self.period > 1 else (self.steps, "step")
        return f"{count} {unit}{'s' * (count != 1)}"


@dataclass(frozen=True, kw_only=True)
class Validation:
    """How a training is scored while it runs, on images that it does not train on and that are not the test split."""

    split: str = ""
    """A split of the dataset; empty: images that are held out of the training split."""
    part: float = 0.0
    """Part of the training images that is held out, where no split is named; which ones does not depend on the seed."""
    every: int
    """Steps between two validations; the last step has one too."""
    metric: Part
    """What is scored."""
    keep: Literal["last", "best"] = "last"
    """Whether the weights at the end remain, or those with the best score."""
    patience: int | None = None
    """Validations without a better score after which the training ends; None: it ends with its budget."""
    rescues: int = 0
    """How often a training whose loss is no longer finite goes back to the last validation, at half the learning rate."""

    @property
    def images(self) -> str:
        """What it is scored on, in words."""
        return f"the {self.split} split" if self.split else f"{self.part:.3g} of the training images"


@dataclass(frozen=True, kw_only=True)
class DataRef:
    """The dataset of a recipe."""

    name: str
    """Component name (`scenes`) or the name in the folder's `dataset.json`."""
    config: dict[str, Any] = field(default_factory=dict)
    """Options of the component that made it; empty for a folder."""
    fingerprint: str
    """SHA-256 over the dataset's files; the same for the same content anywhere."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training's weights, apart from versions and hardware."""

    method: Part
    """Networks, losses, and the order of their updates."""
    generator: Part | None = None
    """What translates; None for a method without a generator of its own choice."""
    discriminator: Part | None = None
    """The network that is trained against the generator; None for a method without one."""
    normalizer: Part | None = None
    """How the discriminator is kept Lipschitz."""
    data: DataRef
    """What is trained and scored on."""
    size: int | tuple[int, int]
    """Training crop and test size in pixels: a square's side, or height and width."""
    load_size: int | tuple[int, int]
    """Images are resized to this size before the random crop (286 for 256 in the papers' code)."""
    flip: bool = True
    """Whether training images are mirrored at random."""
    decay_crop: bool = True
    """Whether images are cropped at random also while the learning rate falls; else they are then resized to `size` whole."""
    batch: int = 1
    """Images per step."""
    accumulate: int = 1
    """Equal parts of a batch that are computed one after the other, for less memory; an update follows their mean gradient."""
    budget: Budget
    """How long."""
    validation: Validation | None = None
    """How it is scored while it is trained; None: it is not."""
    seed: int = 0
    """Of weights, data order and augmentation."""
    visible_channels: int = 3
    """Channels of visible images."""
    thermal_channels: int = 1
    """Channels of thermal images: 1, or 3 for the papers' RGB copies."""
    precision: Precision = "fp32"
    """Number format in training; it changes the weights."""
    split: str = "test"
    """The split that is scored; another one only of images that another program translated and of baselines beside them."""

    @property
    def parts(self) -> dict[Kind, Part]:
        """The parts that the recipe has, by kind."""
        parts: dict[Kind, Part | None] = {
            "method": self.method,
            "generator": self.generator,
            "discriminator": self.discriminator,
            "normalizer": self.normalizer,
        }
        return {kind: part for kind, part in parts.items() if part}

    @property
    def program(self) -> str:
        """Name of the other program whose images were scored; empty for what zoo trains."""
        return str(self.method.config.get("name", "")) if self.method.name == PREDICTIONS else ""

    def reads(self) -> tuple[str, ...]:
        """Return the entries of a batch that method and generator read to translate, `visible` first.

        Raises:
            UsageError: no installed plugin has a part, or its options have changed.
        """
        return tuple(dict.fromkeys(entry for part in self._readers() for entry in part.contract.reads))

    def entries(self) -> frozenset[str]:
        """Return what method and generator read of a batch to translate or need in training; of these a dataset declares some.

        Raises:
            UsageError: as of `reads`.
        """
        return frozenset().union(*({*part.contract.reads, *part.contract.needs} for part in self._readers()))

    def _readers(self) -> list[Choice]:
        return [choice_of(kind, part) for kind, part in self.parts.items() if kind in ("method", "generator")]


def as_part(choice: Choice) -> Part:
    """Return a choice as a recipe names it.

    Raises:
        UsageError: a default of the component's config is not of its field's type, so that no record of it could be read.
    """
    config = msgspec.to_builtins(choice.config)
    try:
        msgspec.convert(config, type(choice.config))
    except msgspec.ValidationError as error:
        where = f"{choice.kind} {choice.full_name} of {choice.plugin.distribution} {choice.plugin.version}"
        reason = str(error).replace(" - at `$.", " for the default of option `")
        raise UsageError(f"{where}: {reason}", f"Correct it in the plugin: zoo check {choice.plugin.name}") from None
    return Part(name=choice.full_name, config=config)


def choice_of(kind: Kind, part: Part) -> Choice:
    """Return the installed component that a recipe's part names, with the recipe's options.

    Raises:
        UsageError: no installed plugin has it, or its options have changed.
    """
    return get_registry().find(kind, part.name).with_options(part.config, named=True)


def choices_of(recipes: Iterable[Recipe]) -> Iterator[Choice]:
    """Yield the installed components that recipes name, each once.

    Raises:
        UsageError: no installed plugin has a part, or its options have changed.
    """
    known: set[bytes] = set()
    for recipe in recipes:
        for kind, part in recipe.parts.items():
            key = msgspec.json.encode(part)
            if key not in known:
                known.add(key)
                yield choice_of(kind, part)
