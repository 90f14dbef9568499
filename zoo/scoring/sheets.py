"""The sample sheet of a scored run: its title, and the shapes in which its images are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from zoo.data.images import header_size
from zoo.data.layout import list_split
from zoo.errors import ZooError
from zoo.evaluate.pictures import COLUMNS, SheetRow, sample_sheet
from zoo.evaluate.results import Score
from zoo.evaluate.score import Sample
from zoo.keys import qualified
from zoo.recipe import Recipe
from zoo.registry import get_registry

MOST_SCORES = 2
"""Scores in the title of a sheet."""


def write_sheet(
    path: Path,
    samples: Mapping[str, Sample],
    recipe: Recipe,
    scores: Sequence[Score],
    shapes: Mapping[str, tuple[int, int]],
) -> None:
    """Write the sample sheet of a run; images stand in the shape of their files, whatever the size at which they are scored.

    Raises:
        OSError: the file cannot be written.
    """
    rows = [
        SheetRow(images=[image for image in sample if image is not None], shape=shapes.get(stem))
        for stem, sample in samples.items()
    ]
    labels = COLUMNS[-len(rows[0].images) :]
    sample_sheet(rows, path, labels, title=sheet_title(recipe, scores))


def sheet_title(recipe: Recipe, scores: Sequence[Score]) -> str:
    """Return method, length of the training and first scores, e.g. `pix2pix resnet6, 3000 steps, psnr 18.99 dB`."""
    parts = [recipe.method, *filter(None, [recipe.generator])]
    name = recipe.program or " ".join(qualified(part) for part in parts)
    trained = recipe.budget.steps and recipe.method.name not in get_registry().null_baselines()
    length = recipe.budget.text if trained else ""
    values = [f"{score.metric} {score.value:.4g} {score.unit}".strip() for score in scores[:MOST_SCORES]]
    return ", ".join(filter(None, [name, length, *values]))


def own_shapes(root: Path, split: str, stems: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return height and width of the files of test images by stem; those of files that are gone are left out."""
    wanted = set(stems)
    shapes = {}
    with suppress(ZooError, OSError):
        for files in list_split(root, split):
            path: Path | None = files.thermal or files.visible
            if files.stem in wanted and path:
                shapes[files.stem] = header_size(path)
    return shapes
