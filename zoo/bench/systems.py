"""The complete system that a recipe's parts make up, and what a finished training is called where it is published. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec

from zoo.bench.naming import bare
from zoo.composition import choose_parts
from zoo.errors import UsageError
from zoo.hookspec import RecipeConfig
from zoo.recipe import Part, Recipe
from zoo.registry import Choice, get_registry


def model_name(recipe: Recipe, train_key: str) -> str:
    """Return a name such as `gn-cyclegan-flir` or `pix2pix-scenes-64px-60it-s1`, which follows from the recipe alone.

    A named system stands for its parts. Its paper's size, epochs and batch, seed 0 and one thermal channel go without
    saying. Parts whose options have no name give the start of `train_key`.
    """
    known = known_system(recipe)
    if known:
        words, usual, key = [known[0]], known[1], ""
    else:
        words = [bare(part) for kind, part in recipe_parts(recipe).items() if kind != "normalizer"]
        norm = bare(recipe.normalizer) if recipe.normalizer else "none"
        words[-1] += f"_{norm}" if norm != "none" else ""
        usual = RecipeConfig(method=words[0])
        key = "" if _by_default(recipe) else train_key[:8]
    epochs = recipe.budget.steps // recipe.budget.period if recipe.budget.period > 1 else None
    departures = {
        f"{recipe.size}px": recipe.size != usual.size,
        f"{epochs}e" if epochs else f"{recipe.budget.steps}it": epochs != usual.epochs,
        f"b{recipe.batch}": recipe.batch != usual.batch,
        "rgb": recipe.thermal_channels == 3,
        recipe.precision: recipe.precision != "fp32",
        "quick": usual.method == usual.quick_method,
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
    for name, config in _systems():
        if _same(config, recipe):
            return name, config
    return None


def recipe_parts(recipe: Recipe) -> dict[str, Part]:
    """Return the parts of a recipe that there are, by kind."""
    parts = {
        "method": recipe.method,
        "generator": recipe.generator,
        "discriminator": recipe.discriminator,
        "normalizer": recipe.normalizer,
    }
    return {kind: part for kind, part in parts.items() if part}


def same_parts(choices: Mapping[str, Choice], recipe: Recipe) -> bool:
    """Return whether chosen parts with their options are the recipe's."""
    return parts_text(fitted_parts(choices, recipe.size)) == parts_text(recipe_parts(recipe))


def fitted_parts(choices: Mapping[str, Choice], size: int) -> dict[str, Part]:
    """Return chosen parts, by kind, as a recipe of an image size names them."""
    fitted = {kind: choice.for_size(size) for kind, choice in choices.items()}
    return {kind: Part(name=c.entry.full_name, config=msgspec.to_builtins(c.config)) for kind, c in fitted.items()}


def parts_text(parts: Mapping[str, Part]) -> bytes:
    """Return parts as JSON, in which a recipe that was read from a file has lists where a config has tuples, as both do."""
    return msgspec.json.encode(parts, order="deterministic")


def _systems() -> Iterator[tuple[str, RecipeConfig]]:
    """Yield every complete system, and once more with what preset `quick` makes of it."""
    for entry in get_registry().list("recipe"):
        config = entry.component.config
        assert isinstance(config, RecipeConfig)
        name = entry.component.name if entry.plugin.builtin else entry.full_name
        yield name, config
        if config.quick_method:
            yield name, replace(config, method=config.quick_method)


def _by_default(recipe: Recipe) -> bool:
    """Whether the names of the parts say all of their options."""
    judge = recipe.discriminator.name if recipe.discriminator else None
    norm = bare(recipe.normalizer) if recipe.normalizer else None
    generator = recipe.generator.name if recipe.generator else None
    config = RecipeConfig(method=recipe.method.name, generator=generator, discriminator=judge)
    return _same(config, recipe, norm)


def _same(config: RecipeConfig, recipe: Recipe, norm: str | None = None) -> bool:
    try:
        return same_parts(choose_parts(get_registry(), config, norm), recipe)
    except UsageError:  # a plugin is not installed any more
        return False
