"""The check of recipes. Imports no torch."""

from __future__ import annotations

from typing import get_args

from zoo.composition import PresetName, compose
from zoo.hookspec import RecipeConfig
from zoo.registry import Choice
from zoo.sources import open_source
from zoo.testing.failure import CheckError


def composes(choice: Choice) -> str:
    """Compose the recipe on `scenes` as each preset does; return its parts."""
    system = choice.config
    if not isinstance(system, RecipeConfig):
        raise CheckError(
            "a config that is a zoo.hookspec.RecipeConfig",
            type(system).__name__,
            "Write config=RecipeConfig(method=...)",
        )
    source = open_source("scenes:train=4,test=2", size=64)
    told = ""
    presets: tuple[PresetName, ...] = get_args(PresetName)
    for preset in presets:
        narrow = system.quick_method if preset == "quick" else None
        # By its parts, so that the recipe of a module that is not installed composes too.
        recipe = compose(
            method=narrow or system.method,
            generator=system.generator,
            discriminator=system.discriminator,
            data=source,
            preset=preset,
            size=system.size if preset == "paper" else None,
            batch=system.batch,
        )
        parts = (recipe.method, recipe.generator, recipe.discriminator, recipe.normalizer)
        told = ", ".join(part.name for part in parts if part)
    return told
