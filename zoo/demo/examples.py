"""Pictures to try a model on, where the data that it was trained on is made on the spot."""

from __future__ import annotations

from zoo.data.layout import StemFiles, list_split
from zoo.errors import ZooError
from zoo.recipe import Recipe
from zoo.registry import get_registry
from zoo.sources import open_source

COUNT = 6
"""Examples on a page."""


def can_be_made(recipe: Recipe) -> bool:
    """Whether the training data of a recipe is a synthetic set, of which a few pictures can be had at any time."""
    try:
        choice = get_registry().find("dataset", recipe.data.name)
    except ZooError:
        return False
    return bool(recipe.data.config) and choice.has("train") and choice.has("test")


def examples(recipe: Recipe) -> list[StemFiles]:
    """Return test pictures of a recipe's synthetic set, which the training did not see.

    Raises:
        ZooError: they cannot be written.
    """
    config = {**recipe.data.config, "train": 1, "test": COUNT}
    spec = f"{recipe.data.name}:{','.join(f'{key}={value}' for key, value in config.items())}"
    return list_split(open_source(spec, size=recipe.size).root, "test")
