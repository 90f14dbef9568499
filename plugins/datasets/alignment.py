"""Whether a FLIR camera's photos are to be moved by the offsets that its files state, decided by the edges of both images.

`OffsetX` and `OffsetY` say where the thermal image lies in the photo. Some cameras (FLIR ONE Edge Pro) write them although the
photo that they store is aligned already, and nothing in the file says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from zoo.data.geometry import View, crop_to_view
from zoo.data.names import plain
from zoo.data.radiometric import Thermogram, camera_of, read_flir_jpeg
from zoo.data.registration import edge_agreement, tolerance
from zoo.data.splitting import by_digest
from zoo.errors import DataError

FILES = 24
"""Files of a camera that are compared; more make the import slower and the answer no surer."""


class Alignment:
    """Decides once for each camera model, from the first files by digest, and for each file that names no camera."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._files: dict[str, list[Path]] = {}
        for path in paths:
            self._files.setdefault(_key(path), []).append(path)
        self._moved: dict[str, bool] = {}
        self.notes: list[str] = []
        """What was decided, a sentence a camera."""

    def view(self, path: Path, found: Thermogram) -> View | None:
        """Return the part of a file's photo that its degrees show."""
        if found.view == found.central:
            return found.view
        key = _key(path)
        if key not in self._moved:
            self._moved[key] = self._decide(key)
        return found.view if self._moved[key] else found.central

    def _decide(self, key: str) -> bool:
        chosen = by_digest(map(str, self._files[key]))[:FILES]
        compared = [pair for name in chosen if (pair := _compare(Path(name)))]
        moved, central = (sum(pair[side] for pair in compared) / max(1, len(compared)) for side in (0, 1))
        if not compared:
            why = "as stated, since no file has edges to compare"
        else:
            files = f"{len(compared)} file{'s' * (len(compared) > 1)}"
            why = f"since edges agree {moved:.1f} with them and {central:.1f} without (standard deviations, {files})"
        apply = moved >= central
        self.notes.append(f"{key}: the photo's offsets are {'applied' if apply else 'left out'}, {why}")
        return apply


def _key(path: Path) -> str:
    return camera_of(path) or plain(path.name)


def _compare(path: Path) -> tuple[float, float] | None:
    """Return the agreement of edges with and without the offsets; None where they cannot be compared."""
    try:
        found = read_flir_jpeg(path)
    except DataError:
        return None  # the file is left out when its turn comes
    if found.visible is None or found.view is None or found.central is None or found.view == found.central:
        return None
    height, width = found.celsius.shape
    across = (found.view.left - found.central.left) / (found.central.right - found.central.left) * width
    down = (found.view.top - found.central.top) / (found.central.bottom - found.central.top) * height
    within = min(tolerance(found.celsius.shape), math.hypot(across, down) / 2)  # so that no shift counts for both
    views = (found.view, found.central)
    moved, central = (
        edge_agreement(crop_to_view(found.visible, view, found.celsius.shape), found.celsius, within) for view in views
    )
    return None if moved is None or central is None else (moved, central)
