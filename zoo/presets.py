"""Presets: the budget and image size of a training, and the steps that they mean for a dataset. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from zoo.errors import UsageError
from zoo.hookspec import RecipeConfig, Training
from zoo.recipe import Budget
from zoo.sizes import Size

PresetName = Literal["quick", "paper"]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A budget and an image size."""

    size: Size
    steps: int | None = None
    epochs: int | None = None
    decay: Fraction = Fraction(1, 2)
    """Part of the budget over which the learning rate falls."""


PRESETS: Mapping[str, Preset] = {
    "quick": Preset(
        size=64, steps=600
    ),  # two to four minutes for ResNet-9 CycleGAN on two CPU cores, with narrow networks
    "paper": Preset(size=256, epochs=200),  # in place of these numbers, those of the recipe or of the method's source
}


def choose_preset(name: str, system: RecipeConfig, training: Training) -> Preset:
    """Return a preset for a system whose method's source trains it so; `paper` is the system's own.

    Raises:
        UsageError: there is no such preset, or the system's epochs make no sense.
    """
    if name not in PRESETS:
        raise UsageError(f"no preset is named {name!r}", f"Choose one of: {', '.join(PRESETS)}")
    epochs = training.epochs if system.epochs is None else system.epochs
    decay = Fraction(training.decay_epochs, training.epochs)
    if epochs < 1:
        raise UsageError(f"the recipe's option epochs is {epochs}; it must be 1 or more")
    if system.decay_epochs is not None:
        if not 0 <= system.decay_epochs <= epochs:
            raise UsageError(
                f"the recipe has {epochs} epochs, and its option decay_epochs is {system.decay_epochs}",
                f"Choose decay_epochs from 0 to {epochs}; they are the last of the epochs",
            )
        decay = Fraction(system.decay_epochs, epochs)
    preset = Preset(size=system.size, epochs=epochs) if name == "paper" else PRESETS[name]
    return replace(preset, decay=decay)


def budget(preset: Preset, steps: int | None, epochs: int | None, steps_per_epoch: int) -> Budget:
    """Return the number of steps, and how many of them are at the full learning rate.

    Raises:
        UsageError: both steps and epochs were given.
    """
    if steps and epochs:
        raise UsageError("`steps` and `epochs` were both given", "Give one of them")
    if not steps and not epochs:
        steps, epochs = preset.steps, preset.epochs
    if epochs:
        constant = epochs - int(epochs * preset.decay)
        return Budget(steps=epochs * steps_per_epoch, constant=constant * steps_per_epoch, period=steps_per_epoch)
    assert steps is not None
    return Budget(steps=steps, constant=steps - int(steps * preset.decay))
