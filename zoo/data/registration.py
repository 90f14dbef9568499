"""How far a thermal image is shifted against its visible one, estimated from the directions of their edges. Imports no torch.

Brightness has no relation between the two spectra, but outlines run the same way in both. Every pixel votes with the
direction of its gradient, doubled so that dark-on-bright and bright-on-dark agree (normalized gradient fields: Haber and
Modersitzki, "Intensity Gradient Based Registration and Fusion of Multi-modal Images", MICCAI 2006), and the
cross-correlation of the two fields has its peak at the shift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]

# Both images are brought to this longer side: larger ones are slower and, on RoadScene, not more accurate.
_SIDE = 320
_SIGMAS = (0.7, 1.4)  # widths of the derivative filters in pixels; what both find is seldom noise
_REACH = 24  # largest shift searched, in pixels of the reduced images
_MIN_SIDE = 48  # smaller images have too few edges
# Height of the peak over the median of its surroundings, in their robust standard deviations. Chosen on RoadScene, and not
# validated elsewhere: of its pairs shifted by 12 pixels 787 of 805 reach it and are reported, 18 stay unchecked; of
# visible images paired with noise 5 of 300 are reported.
_SURE = 3.6


@dataclass(frozen=True, kw_only=True)
class Shift:
    """Where the thermal image lies against the visible one."""

    x: float
    """Pixels to the right."""
    y: float
    """Pixels down."""
    score: float
    """Height of the peak in standard deviations of its surroundings."""

    @property
    def length(self) -> float:
        """Pixels along the line."""
        return math.hypot(self.x, self.y)

    @property
    def sure(self) -> bool:
        """Whether the edges of the two images agree clearly."""
        return self.score >= _SURE


def aligned_shift_limit(shape: tuple[int, ...]) -> float:
    """Return the largest shift in pixels of an aligned pair of this height and width: 1.25 % of the longer side, at least 6.

    In RoadScene, whose publishers aligned it by hand, shifts reach 5 pixels of about 500.
    """
    return max(6.0, 0.0125 * max(shape[:2]))


def estimate_shift(visible: Array, thermal: Array) -> Shift | None:
    """Return how the thermal image is shifted against the visible one, or None for images too small or without edges.

    Args:
        visible: [H, W, 3] or [H, W], any number type.
        thermal: [H, W], any number type.
    """
    found = _surface(visible, thermal)
    if found is None:
        return None
    surface, factor = found
    y, x = np.unravel_index(int(surface.argmax()), surface.shape)
    reach = surface.shape[0] // 2
    return Shift(x=(int(x) - reach) * factor, y=(int(y) - reach) * factor, score=float(surface[y, x]))


def edge_agreement(visible: Array, thermal: Array, within: float) -> float | None:
    """Return how well the edges of a pair agree unshifted, in standard deviations, or None without edges to compare.

    Args:
        visible: [H, W, 3] or [H, W], any number type.
        thermal: [H, W], any number type.
        within: largest shift in pixels that counts as no shift.
    """
    found = _surface(visible, thermal)
    if found is None:
        return None
    surface, factor = found
    reach = surface.shape[0] // 2
    near = min(reach, max(1, round(within / factor)))
    return float(surface[reach - near : reach + near + 1, reach - near : reach + near + 1].max())


def _surface(visible: Array, thermal: Array) -> tuple[Array, float] | None:
    """Return the agreement of edges at every shift, and how many pixels a step of it is."""
    shape = visible.shape[:2]
    factor = max(1.0, max(shape) / _SIDE)
    size = round(shape[1] / factor), round(shape[0] / factor)
    if min(size) < _MIN_SIDE:
        return None
    brightness = visible.mean(axis=2) if visible.ndim == 3 else visible
    images = [_reduced(image, size) for image in (brightness, thermal)]
    surfaces = [_correlation(*(_directions(image, sigma) for image in images)) for sigma in _SIGMAS]
    if any(surface is None for surface in surfaces):
        return None
    return np.mean([surface for surface in surfaces if surface is not None], axis=0), factor


def _reduced(image: Array, size: tuple[int, int]) -> NDArray[np.float32]:
    picture = Image.fromarray(image.astype(np.float32))
    return np.asarray(picture.resize(size, Image.Resampling.BOX))


def _directions(image: NDArray[np.float32], sigma: float) -> NDArray[np.complex64]:
    """Return z^2 / (|z|^2 + eps^2) of the gradient z = gx + i gy, without the border, where the filter sees no image."""
    from scipy import ndimage

    down, right = (ndimage.gaussian_filter(image, sigma, order=order) for order in ((1, 0), (0, 1)))
    z = (right + 1j * down).astype(np.complex64)
    strength = np.abs(z)
    eps = np.median(strength) + 1e-6
    field: NDArray[np.complex64] = z * z / (strength**2 + eps**2)
    border = 4 + int(3 * sigma)
    inside = np.zeros(image.shape, bool)
    inside[border:-border, border:-border] = True
    return np.where(inside, field, 0).astype(np.complex64)


def _correlation(a: NDArray[np.complex64], b: NDArray[np.complex64]) -> Array | None:
    """Return the cross-correlation at shifts of -reach to reach, in standard deviations over its median."""
    from scipy import fft

    reach = min(_REACH, min(a.shape) // 4)
    shape = [fft.next_fast_len(side + reach) for side in a.shape]
    whole = fft.ifft2(np.conj(fft.fft2(a, shape)) * fft.fft2(b, shape)).real
    near = np.roll(whole, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    median = np.median(near)
    deviation = 1.4826 * np.median(np.abs(near - median))
    return (near - median) / deviation if deviation > 1e-9 else None
