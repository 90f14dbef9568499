"""Short names for recipes that stand side by side: by the parts and options in which they differ. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from zoo.composition import choose_parts, resolve_parts
from zoo.errors import ZooError
from zoo.hookspec import Kind, RecipeConfig
from zoo.option_types import value_text
from zoo.recipe import Budget, DataRef, Part, Recipe
from zoo.registry import get_registry
from zoo.sizes import Size

Place = tuple[str, ...]
Varied = set[tuple[Place, str]]

KINDS: tuple[Kind, ...] = ("method", "generator", "discriminator")
"""Parts that make up a name, in order."""


def name_systems(recipes: Sequence[Recipe]) -> list[str]:
    """Return a short name for each recipe, of the parts in which they differ; alike only for seeds of one system.

    Recipes on other data or at another size may share a name, since they stand in tables of their own. Null baselines are named
    among themselves, so that they do not lengthen the names of networks, and without the settings of a training.
    """
    names = [""] * len(recipes)
    for places in _networks_and_baselines(recipes):
        for place, name in zip(places, _names([without_training(recipes[place]) for place in places]), strict=True):
            names[place] = name
    return names


def without_training(recipe: Recipe) -> Recipe:
    """Return a null baseline's recipe without what does not change it, such as length and seed; other recipes as they are."""
    if not is_baseline(recipe):
        return recipe
    offers = get_registry().find("method", recipe.method.name).contract.offers
    held_out = recipe.validation and recipe.validation.part and "unfitted" not in offers
    return replace(
        recipe,
        budget=Budget(steps=0, constant=0),
        batch=1,
        accumulate=1,
        seed=0,
        precision="fp32",
        validation=recipe.validation if held_out else None,  # images that a fit did not read
        flip=True,
        decay_crop=True,
        load_size=recipe.size,
    )


def is_baseline(recipe: Recipe) -> bool:
    """Return whether a recipe's method is a null baseline."""
    return recipe.method.name in get_registry().null_baselines()


def _networks_and_baselines(recipes: Sequence[Recipe]) -> list[list[int]]:
    """Return the places of networks and those of null baselines; the first list is empty only where there are no networks."""
    return [
        [place for place, recipe in enumerate(recipes) if is_baseline(recipe) == baseline] for baseline in (False, True)
    ]


def _names(recipes: Sequence[Recipe]) -> list[str]:
    texts = _part_texts(recipes)
    kinds = _distinguishing(texts)
    names = [" ".join(text[kind] for kind in kinds if text[kind] != "-") for text in texts]
    for setting in (_length, _batch, _channels, _precision, _validation, _images):
        names = _set_apart(names, recipes, setting)
    return _number_twins(names, recipes)


def add_training_data(names: Sequence[str], trained: Sequence[DataRef], tested: Sequence[DataRef]) -> list[str]:
    """Append `, trained on NAME` to the names of systems of which a run was tested on other data than it was trained on."""
    crossing = {name for name, own, other in zip(names, trained, tested, strict=True) if own != other}
    return [
        f"{name}, trained on {own.name}" if name in crossing else name for name, own in zip(names, trained, strict=True)
    ]


def shared_parts(recipes: Sequence[Recipe]) -> list[str]:
    """Return the names of the parts that all recipes with a network share and `name_systems` leaves out."""
    networks, baselines = _networks_and_baselines(recipes)
    texts = _part_texts([recipes[place] for place in networks or baselines])
    kinds = _distinguishing(texts)
    return [texts[0][kind] for kind in KINDS if kind not in kinds and texts[0][kind] != "-"]


def shared_options(recipes: Sequence[Recipe]) -> str:
    """Return the options that are not the defaults and that no name of `name_systems` has, e.g. `resnet6:width=8`; else nothing.

    Defaults are those beside the partners of each part, and at the size of the images.
    """
    varied = varied_options(recipes)
    found: dict[str, list[str]] = {}
    for recipe in recipes:
        usual = {} if recipe.program else _default_options(recipe)
        for kind, options in usual.items():
            part = recipe.parts[kind]
            texts = [
                f"{option}={value_text(value)}"
                for option, value in part.config.items()
                if option in options and value != options[option] and (_place(recipe, kind), option) not in varied
            ]
            if texts:
                found.setdefault(part_name(kind, part), texts)
    return ", ".join(f"{name}:{','.join(texts)}" for name, texts in found.items())


def _default_options(recipe: Recipe) -> dict[Kind, dict[str, Any]]:
    """Return the options that the parts of a recipe have by default; nothing where a component is not installed."""
    names = {kind: part.name for kind, part in recipe.parts.items()}
    system = RecipeConfig(
        method=names["method"], generator=names.get("generator"), discriminator=names.get("discriminator")
    )
    try:
        usual = resolve_parts(choose_parts(get_registry(), system, names.get("normalizer")), recipe.size)
    except ZooError:
        return {}
    return {kind: part.config for kind, part in usual.items() if kind in names}


def varied_options(recipes: Sequence[Recipe]) -> Varied:
    """Return the options in which runs with the same components differ."""
    seen: dict[tuple[Place, str], set[str]] = {}
    for recipe in recipes:
        for kind, part in recipe.parts.items():
            place = _place(recipe, kind)
            for option, value in part.config.items():
                seen.setdefault((place, option), set()).add(repr(value))
    return {key for key, values in seen.items() if len(values) > 1}


def part_text(recipe: Recipe, kind: Kind, varied: Varied) -> str:
    """Return a component's name with the options in which the runs differ; `-` for none.

    A discriminator's normalizer is its suffix: `patchgan_gn`.
    """
    part = recipe.parts.get(kind)
    if part is None:
        return "-"
    if kind == "method" and recipe.program:
        return recipe.program
    place = _place(recipe, kind)
    options = [f"{option}={value_text(value)}" for option, value in part.config.items() if (place, option) in varied]
    name = part_name(kind, part)
    text = f"{name}:{','.join(options)}" if options else name
    if kind == "discriminator" and recipe.normalizer and part_name("normalizer", recipe.normalizer) != "none":
        text += f"_{part_text(recipe, 'normalizer', varied)}"
    return text


def part_name(kind: str, part: Part) -> str:
    """Return a component's bare name; with its plugin's where the bare name means another component, several or none here."""
    return get_registry().short_name(kind, part.name)


def length_text(budget: Budget) -> str:
    """Return how long a training was in the words of its request: `200 epochs`, `60 steps` or `not trained`."""
    return budget.text


def _part_texts(recipes: Sequence[Recipe]) -> list[dict[str, str]]:
    varied = varied_options(recipes)
    return [{kind: part_text(recipe, kind, varied) for kind in KINDS} for recipe in recipes]


def _distinguishing(texts: Sequence[dict[str, str]]) -> tuple[str, ...]:
    """Return the kinds of parts in which recipes differ; all kinds where nothing but the plugins of the parts does."""
    found = tuple(kind for kind in KINDS if len({text[kind] for text in texts}) > 1)
    same_names = all(len({text[kind].rpartition("/")[2] for text in texts}) == 1 for kind in found)
    return KINDS if same_names else found


def _place(recipe: Recipe, kind: Kind) -> Place:
    """Return what two parts must share to be compared: partners set options too (a method the init, a normalizer the norm)."""
    names = {kind: part.name for kind, part in recipe.parts.items()}
    partners = {
        "method": (),
        "generator": (names["method"],),
        "discriminator": (names["method"], names.get("normalizer", "")),
        "normalizer": (names.get("discriminator", ""),),
    }
    return (kind, names[kind], *partners[kind])


def _set_apart(names: Sequence[str], recipes: Sequence[Recipe], setting: Callable[[Recipe], str]) -> list[str]:
    """Append a setting where recipes of one name, dataset and size differ in it."""
    seen: dict[tuple[str, str, Size], set[str]] = {}
    keys = [(name, recipe.data.fingerprint, recipe.size) for name, recipe in zip(names, recipes, strict=True)]
    for key, recipe in zip(keys, recipes, strict=True):
        seen.setdefault(key, set()).add(setting(recipe))
    return [
        f"{key[0]}, {setting(recipe)}" if len(seen[key]) > 1 else key[0]
        for key, recipe in zip(keys, recipes, strict=True)
    ]


def _number_twins(names: Sequence[str], recipes: Sequence[Recipe]) -> list[str]:
    """Number the recipes that are alike down to the seed: trained with other versions of a plugin, or copied."""
    if all(map(is_baseline, recipes)):  # a null baseline has no training that could have been repeated
        return list(names)
    seen: Counter[tuple[str, str, Size, int]] = Counter()
    numbered = []
    for name, recipe in zip(names, recipes, strict=True):
        key = (name, recipe.data.fingerprint, recipe.size, recipe.seed)
        seen[key] += 1
        numbered.append(f"{name} ({seen[key]})" if seen[key] > 1 else name)
    return numbered


def _length(recipe: Recipe) -> str:
    return length_text(recipe.budget)


def _images(recipe: Recipe) -> str:
    return f"images {recipe.method.config['sha256'][:8]}" if recipe.program else ""


def _batch(recipe: Recipe) -> str:
    parts = f" in {recipe.accumulate} parts" if recipe.accumulate > 1 else ""
    return f"batch {recipe.batch}{parts}"


def _validation(recipe: Recipe) -> str:
    plan = recipe.validation
    if plan is None:
        return "not validated"
    options = "".join(f",{name}={value_text(value)}" for name, value in plan.metric.config.items())
    more = {"patience": plan.patience, "rescues": plan.rescues}
    ends = "".join(f", {name} {number}" for name, number in more.items() if number)
    kept = f"{plan.keep} of validations every {plan.every} steps"
    return f"{kept} by {plan.metric.name.rpartition('/')[2]}{options} on {plan.images}{ends}"


def _channels(recipe: Recipe) -> str:
    return f"{recipe.thermal_channels} thermal channel{'s' * (recipe.thermal_channels > 1)}"


def _precision(recipe: Recipe) -> str:
    return recipe.precision
