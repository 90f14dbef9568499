"""What importers of unregistered pairs share: bringing a visible image onto its thermal partner's pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.data.geometry import View, crop_to_view, read_homography, warp

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Registration:
    """A homography where the user measured one, else a crop that depends on both shapes."""

    view: Callable[[Shape, Shape], View | None]
    """The part of a visible image of one shape that a thermal image of the other shape shows; None: it fits already."""
    homography: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, homography: str, view: Callable[[Shape, Shape], View | None]) -> Registration:
        """Return the registration by the matrix in a file, or by `view` where the file's name is empty.

        Raises:
            DataError: the file holds no homography.
        """
        return cls(view=view, homography=read_homography(Path(homography)) if homography else None)

    def apply(self, visible: NDArray[np.uint8], thermal: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the visible image [H, W, 3] in the thermal image's size and field of view.

        Raises:
            DataError: the thermal camera sees more than the visible image holds.
        """
        if self.homography is not None:
            return warp(visible, self.homography, thermal.shape)
        view = self.view(visible.shape, thermal.shape)
        return visible if view is None else crop_to_view(visible, view, thermal.shape)
