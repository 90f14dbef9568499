"""The complete system that a recipe's parts make up, and what a finished training is called where it is published. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import msgspec

from zoo.build import choice_of
from zoo.composition import choose_parts, choose_preset
from zoo.errors import UsageError
from zoo.hookspec import Kind, RecipeConfig, Training
from zoo.recipe import Part, Recipe
from zoo.registry import Choice, get_registry
from zoo.run.naming import qualified


def model_name(recipe: Recipe, train_key: str) -> str:
    """Return a name such as `gn-cyclegan-flir` or `pix2pix-scenes-64px-60it-s1`, which follows from the recipe alone.

    A named system stands for its parts. Its paper's size, epochs and batch, seed 0 and one thermal channel go without
    saying. Parts whose options have no name give the start of `train_key`.
    """
    known = known_system(recipe)
    if known:
        words, usual, key = [known[0]], known[1], ""
    else:
        words = [qualified(part) for kind, part in recipe_parts(recipe).items() if kind != "normalizer"]
        norm = qualified(recipe.normalizer) if recipe.normalizer else "none"
        words[-1] += f"_{norm}" if norm != "none" else ""
        usual = RecipeConfig(method=recipe.method.name)
        key = "" if _by_default(recipe) else train_key[:8]
    epochs, decay = _epochs(recipe)
    usual_epochs, usual_decay = _usual_epochs(usual, epochs)
    departures = {
        f"{recipe.size}px": recipe.size != usual.size,
        f"{epochs}e" if epochs else f"{recipe.budget.steps}it": epochs != usual_epochs,
        f"{decay}decay": epochs is not None and decay != usual_decay,
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


def recipe_parts(recipe: Recipe) -> dict[Kind, Part]:
    """Return the parts of a recipe that there are, by kind."""
    parts: dict[Kind, Part | None] = {
        "method": recipe.method,
        "generator": recipe.generator,
        "discriminator": recipe.discriminator,
        "normalizer": recipe.normalizer,
    }
    return {kind: part for kind, part in parts.items() if part}


def all_parts(recipes: Iterable[Recipe]) -> Iterator[Choice]:
    """Yield the parts of several recipes, each once, as they are needed.

    Raises:
        UsageError: no installed plugin has a part, or its options have changed.
    """
    known: set[bytes] = set()
    for recipe in recipes:
        for kind, part in recipe_parts(recipe).items():
            key = msgspec.json.encode(part)
            if key not in known:
                known.add(key)
                yield choice_of(kind, part)


def same_parts(choices: Mapping[str, Choice], recipe: Recipe) -> bool:
    """Return whether chosen parts with their options are the recipe's."""
    return parts_text(fitted_parts(choices, recipe.size)) == parts_text(recipe_parts(recipe))


def fitted_parts(choices: Mapping[str, Choice], size: int) -> dict[str, Part]:
    """Return chosen parts, by kind, as a recipe of an image size names them."""
    fitted = {kind: choice.for_size(size) for kind, choice in choices.items()}
    return {kind: Part(name=c.full_name, config=msgspec.to_builtins(c.config)) for kind, c in fitted.items()}


def parts_text(parts: Mapping[Kind, Part] | Mapping[str, Part]) -> bytes:
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
    discriminator = recipe.discriminator.name if recipe.discriminator else None
    norm = recipe.normalizer.name if recipe.normalizer else None
    generator = recipe.generator.name if recipe.generator else None
    config = RecipeConfig(method=recipe.method.name, generator=generator, discriminator=discriminator)
    return _same(config, recipe, norm)


def _same(config: RecipeConfig, recipe: Recipe, norm: str | None = None) -> bool:
    try:
        return same_parts(choose_parts(get_registry(), config, norm), recipe)
    except UsageError:  # a plugin is not installed any more
        return False
