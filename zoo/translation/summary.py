"""A translator in a few lines: as text, and as a card with a sample picture for notebooks. Nothing here raises."""

from __future__ import annotations

import base64
import io
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from zoo.data.opening import open_image
from zoo.errors import ZooError
from zoo.hub.card_data import read_readme
from zoo.hub.remote import model_index_scores
from zoo.records.integrity import SAMPLES_FILE
from zoo.records.record import read_record
from zoo.report.naming import length_text, part_name
from zoo.sizes import pixels_text
from zoo.terminal import one_line

if TYPE_CHECKING:
    from zoo.translation.translator import Translator

PICTURE_SIDE = 420
"""Largest side of the sample picture in pixels; of a taller sheet the first rows are shown."""
MOST_SCORES = 4


def facts(translator: Translator) -> dict[str, str]:
    """Return what a user needs to know of a model, by label."""
    recipe, config = translator.config.recipe, translator.config
    parts = [recipe.method, *filter(None, [recipe.generator])]
    names = " with ".join(part_name(kind, part) for kind, part in zip(("method", "generator"), parts, strict=False))
    count = sum(parameter.numel() for parameter in translator.parameters())
    dtype = str(translator.dtype).removeprefix("torch.")
    low_high = translator.thermal_range
    found = {
        "network": f"{names}, {count:,} parameters, {dtype} on {translator.device}",
        "trained on": f"{config.dataset.name}, {pixels_text(recipe.size)}, {length_text(recipe.budget)}",
        "converted": config.converted.title if config.converted else "",
        "reads": ", ".join(translator.reads) if len(translator.reads) > 1 else "",
        "degrees": "{:g} to {:g} °C".format(*low_high) if low_high else "not calibrated",
        "scores": ", ".join(f"{name} {value}" for name, value in list(scores(translator).items())[:MOST_SCORES]),
    }
    return {label: one_line(fact) for label, fact in found.items() if fact}


def scores(translator: Translator) -> dict[str, str]:
    """Return scores by metric: of the run's record, or else of the model card; none where neither can be read."""
    record = None
    with suppress(ZooError, OSError):
        record = read_record(translator.folder) if translator.folder else None
    if record:
        return {score.metric: f"{score.value:.4g} {score.unit}".strip() for score in record.scores}
    index = model_index_scores(read_readme(translator.card)[0].get("model-index"))
    return {name: f"{value:.4g}" for name, value in index.items()}


def text(translator: Translator) -> str:
    """Return the lines that `print(translator)` shows."""
    title = f"Translator {one_line(translator.name)}".rstrip()
    return "\n".join([title, *(f"  {label:<11}{fact}" for label, fact in facts(translator).items())])


def card(translator: Translator) -> str:
    """Return the card that a notebook shows, as HTML of fewer than 15 lines."""
    rows = [f"<tr><th>{label}</th><td>{escape(fact)}</td></tr>" for label, fact in facts(translator).items()]
    head = f"<b>{escape(one_line(translator.name) or 'Translator')}</b>"
    return "\n".join([f"<div>{head}", "<table>", *rows, "</table>", *_picture(translator.folder), "</div>"])


def _picture(folder: Path | None) -> list[str]:
    """Return the beginning of a run's sample sheet as an image element; nothing where there is none."""
    if folder is None or not (folder / SAMPLES_FILE).is_file():
        return []
    buffer = io.BytesIO()
    try:
        with open_image(folder / SAMPLES_FILE, any_size=False) as sheet:
            shown = sheet.convert("RGB").crop((0, 0, sheet.width, min(sheet.height, sheet.width)))
        shown.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
        shown.save(buffer, "JPEG", quality=88)
    except Exception:  # a file that was changed or cut off; a card without its picture is still a card
        return []
    data = base64.b64encode(buffer.getvalue()).decode()
    return [f'<img alt="samples: visible, translated, real" src="data:image/jpeg;base64,{data}">']
