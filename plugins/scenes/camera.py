"""The camera: from metres in the street to fractions of the picture.

The street runs along +z away from the camera, x points right, y up, the ground is y = 0. A bend shifts x by bend * z^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float, float]
"""x, y, z in metres."""
Spot = tuple[float, float]
"""Column and row as fractions of the picture's width and height, (0, 0) top left."""

NEAR = 0.4
"""Nothing nearer than this (metres) is drawn."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera on a vehicle, level, with a shifted sensor in place of pan and tilt."""

    x: float
    """Metres right of the street's middle."""
    height: float
    """Metres above the ground."""
    focal: float
    """Focal length in picture widths."""
    column: float
    """Vanishing point of the street, fraction of the width."""
    horizon: float
    """Row of the horizon, fraction of the height."""
    bend: float = 0.0
    """Sideways curve of the street in metres per square metre of depth."""

    def project(self, points: Sequence[Point]) -> list[Spot]:
        """Return where a polygon's corners fall; parts nearer than `NEAR` are cut off, so the count may change."""
        f, h = self.focal, self.height
        return [
            (self.column + f * (x - self.x + self.bend * z * z) / z, self.horizon - f * (y - h) / z)
            for x, y, z in _clip(points)
        ]


def _clip(points: Sequence[Point]) -> Sequence[Point]:
    if min([z for _, _, z in points]) >= NEAR:
        return points
    kept: list[Point] = []
    before = points[-1]
    for point in points:
        if (point[2] >= NEAR) != (before[2] >= NEAR):
            t = (NEAR - before[2]) / (point[2] - before[2])
            kept.append((before[0] + t * (point[0] - before[0]), before[1] + t * (point[1] - before[1]), NEAR))
        if point[2] >= NEAR:
            kept.append(point)
        before = point
    return kept
