"""The name under which a trained model is published, and the complete system that its parts make up. Imports no torch."""

from __future__ import annotations

import re
from typing import Any

from zoo.composition import choose_parts, parts_text, resolve_parts
from zoo.errors import UsageError
from zoo.hookspec import RecipeConfig, Training
from zoo.keys import qualified
from zoo.presets import choose_preset
from zoo.recipe import Recipe
from zoo.registry import get_registry
from zoo.sizes import size_text


def model_name(recipe: Recipe, train_key: str) -> str:
    """Return a name such as `gn-cyclegan-flir` or `pix2pix-scenes-64px-60it-s1`, which follows from the recipe alone.

    A named system stands for its parts. Its paper's size, epochs and batch, seed 0 and one thermal channel go without
    saying. Parts whose options have no name give the start of `train_key`.
    """
    known = known_system(recipe)
    if known:
        words, usual, key = [known[0]], known[1], ""
    else:
        words = [qualified(part) for kind, part in recipe.parts.items() if kind != "normalizer"]
        norm = qualified(recipe.normalizer) if recipe.normalizer else "none"
        words[-1] += f"_{norm}" if norm != "none" else ""
        usual = RecipeConfig(method=recipe.method.name)
        key = "" if _by_default(recipe) else train_key[:8]
    epochs, decay = _epochs(recipe)
    usual_epochs, usual_decay = _usual_epochs(usual, epochs)
    departures = {
        f"{size_text(recipe.size)}px": recipe.size != usual.size,
        f"{epochs}e" if epochs else f"{recipe.budget.steps}it": epochs != usual_epochs and recipe.budget.steps > 0,
        f"{decay}decay": epochs is not None and decay != usual_decay,
        f"b{recipe.batch}": recipe.batch != usual.batch,
        "rgb": recipe.thermal_channels == 3,
        recipe.precision: recipe.precision != "fp32",
        "quick": usual == usual.quick() and bool(usual.quick_method or usual.quick_generator),
        f"s{recipe.seed}": recipe.seed != 0,
        key: bool(key),
    }
    words += [recipe.data.name, *(word for word, departs in departures.items() if departs)]
    return slug(" ".join(words))


def slug(text: str) -> str:
    """Return text as a name of lower-case letters, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"


def known_system(recipe: Recipe) -> tuple[str, RecipeConfig] | None:
    """Return the name and settings of the complete system that has these very parts, or None where none has."""
    for entry in get_registry().list("recipe"):
        config = entry.component.config
        assert isinstance(config, RecipeConfig)
        # As preset `paper` trains it, and as preset `quick` does.
        for system in (config, config.quick()):
            if _same(system, recipe):
                return entry.component.name if entry.plugin.builtin else entry.full_name, system
    return None


def _epochs(recipe: Recipe) -> tuple[int | None, int]:
    """Return a training's epochs and how many of them the learning rate falls over; None where it was given in steps."""
    steps, constant, period = recipe.budget.steps, recipe.budget.constant, recipe.budget.period
    return (steps // period, (steps - constant) // period) if period > 1 else (None, 0)


def _usual_epochs(system: RecipeConfig, epochs: int | None) -> tuple[int, int]:
    """Return the epochs of a system's preset `paper`, and how many of `epochs` the learning rate would fall over."""
    try:
        training = get_registry().find("method", system.method).contract.training
    except UsageError:  # its plugin is not installed any more
        training = Training()
    preset = choose_preset("paper", system, training)
    assert preset.epochs is not None
    return preset.epochs, int((epochs or preset.epochs) * preset.decay)


def _by_default(recipe: Recipe) -> bool:
    """Whether the names of the parts say all of their options."""
    names: dict[str, Any] = {kind: part.name for kind, part in recipe.parts.items()}
    norm = names.pop("normalizer", None)
    return _same(RecipeConfig(**names), recipe, norm)


def _same(config: RecipeConfig, recipe: Recipe, norm: str | None = None) -> bool:
    try:
        chosen = resolve_parts(choose_parts(get_registry(), config, norm), recipe.size)
        return parts_text(chosen) == parts_text(recipe.parts)
    except UsageError:  # a plugin is not installed any more
        return False
