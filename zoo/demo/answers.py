"""The functions behind the controls of the page. Imports no gradio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.data.layout import Entry, list_split
from zoo.demo.picture import Mark, Thermal, coloured, enlargement, legend, reading, scale_of
from zoo.errors import ZooError
from zoo.recipe import Recipe
from zoo.registry import get_registry
from zoo.sources import open_source

if TYPE_CHECKING:
    from zoo.translation.translator import Translator

TILE, TILED_FROM = 1024, 3_000_000
"""Images of more pixels than the second are translated in tiles, to fit into the memory of a small machine."""
COUNT = 6
"""Examples on a page."""


class View(NamedTuple):
    """The page's outputs, in their order."""

    picture: NDArray[np.uint8] | None
    scale: str
    reading: str


class Answers:
    """A translator for a page; the state of a visit (thermal image, mark) is passed in and out."""

    def __init__(self, translator: Translator) -> None:
        self.translator = translator

    def translate(
        self,
        image: Image.Image | None,
        labels: str | None,
        degrees: Sequence[Sequence[Any]] | None,
        colours: str,
        stretched: bool,
    ) -> tuple[Thermal | None, Mark | None, *View]:
        """Return the thermal image, no mark, and the view; all are None while an input is missing.

        Args:
            labels: file of the class of every pixel.
            degrees: rows of a class and its degrees Celsius.

        Raises:
            ZooError: the image cannot be translated.
        """
        reads = self.translator.reads_labels
        if image is None or (reads and labels is None):
            return None, None, *self.view(None, None, colours, stretched)
        tile = TILE if image.width * image.height > TILED_FROM else None
        rows = (degrees or []) if self.translator.reads_temperatures else []
        given = {name: float(c) for name, c in rows if isinstance(c, int | float) and math.isfinite(c)}
        drawn = self.translator.translate(image, labels if reads else None, given, tile=tile, depth="float")
        thermal = np.asarray(drawn)
        return thermal, None, *self.view(thermal, None, colours, stretched)

    def view(self, thermal: Thermal | None, mark: Mark | None, colours: str, stretched: bool) -> View:
        """Return the picture in colors, their scale, and the value of the marked pixel."""
        if thermal is None:
            return View(None, "", reading(self.translator, None, None))
        scale = scale_of(thermal, stretched=stretched)
        picture = coloured(thermal, colours, scale, mark)
        return View(picture, legend(self.translator, colours, scale), reading(self.translator, thermal, mark))

    def click(
        self, thermal: Thermal | None, colours: str, stretched: bool, place: Sequence[float]
    ) -> tuple[Mark | None, *View]:
        """Return the mark and the view after a click at a place (x, y) of the page's picture."""
        mark = None
        if thermal is not None:
            x, y = (int(side / enlargement(thermal)) for side in place)
            mark = (min(x, thermal.shape[1] - 1), min(y, thermal.shape[0] - 1))
        return mark, *self.view(thermal, mark, colours, stretched)

    def example(self, count: int) -> tuple[int, str, str | None]:
        """Return the next number, and files of the example of this number: the visible image and its labels.

        Raises:
            ZooError: they cannot be written.
        """
        entries = examples(self.translator.config.recipe)
        entry = entries[count % len(entries)]
        return count + 1, str(entry.visible), str(entry.labels) if self.translator.reads_labels else None


def can_be_made(recipe: Recipe) -> bool:
    """Whether the training data of a recipe is synthetic, so that examples can be generated."""
    try:
        choice = get_registry().find("dataset", recipe.data.name)
    except ZooError:
        return False
    return bool(recipe.data.config) and choice.has("train") and choice.has("test")


def examples(recipe: Recipe) -> list[Entry]:
    """Return test images of a recipe's synthetic dataset, which are not in its training split.

    Raises:
        ZooError: they cannot be written.
    """
    config = {**recipe.data.config, "train": 1, "test": COUNT}
    spec = f"{recipe.data.name}:{','.join(f'{key}={value}' for key, value in config.items())}"
    return list_split(open_source(spec, size=recipe.size).root, "test")
