"""What identifies the images of another program. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PredictionsConfig:
    """A folder of images."""

    name: str = ""
    """Name of the program, as tables show it."""
    sha256: str = ""
    """SHA-256 over the names and contents of the images that were scored."""
    source: str = ""
    """Where the images come from, in free text."""
    range: tuple[float, float] | None = None
    """Values of the darkest and the brightest level, where they do not follow from the type of the files."""
