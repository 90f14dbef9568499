"""What the page answers to what a visitor does. Imports no gradio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.demo.examples import examples
from zoo.demo.picture import Mark, Thermal, coloured, enlargement, legend, reading, scale_of

if TYPE_CHECKING:
    from zoo.translation.translator import Translator

TILE, TILED_FROM = 1024, 3_000_000
"""Photographs of more pixels than the second are translated in tiles, so that a page on a small machine survives them."""


class View(NamedTuple):
    """What stands beside the visible image; in the order of the page's outputs."""

    picture: NDArray[np.uint8] | None
    scale: str
    reading: str


class Answers:
    """A translator as a visitor sees it; what a visit must remember (thermal image, mark) is handed in and out."""

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
        """Return the thermal image, no mark, and the view; none of them while something that the model reads is missing.

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
        """Return the picture in colours, their scale, and what the marked pixel reads."""
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
