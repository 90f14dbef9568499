"""Options of the metrics; each is part of the protocol that a score names. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DATA_RANGE = 1.0
"""Metrics get images in [0, 1]; the range is that of the format, never that of one image's content."""


@dataclass(frozen=True, kw_only=True)
class PSNRConfig:
    """How PSNR is computed."""

    cap_db: float = 100.0
    """Highest score of one image in dB. The PSNR of identical images is infinite, which neither a mean nor JSON can
    hold; 100 dB is above that of one grey level's error in one pixel of a 256x256 image (96.3 dB)."""


@dataclass(frozen=True, kw_only=True)
class SSIMConfig:
    """How SSIM is computed (Wang et al. 2004, Eq. 13)."""

    sigma: float = 1.5
    """Standard deviation of the Gaussian window in pixels; the window reaches 3.5 sigma: 11x11 for 1.5."""
    k1: float = 0.01
    """Stabilises the luminance term: C1 = (k1 * data range)^2."""
    k2: float = 0.03
    """Stabilises the contrast term: C2 = (k2 * data range)^2."""
    border: Literal["replicate", "valid"] = "replicate"
    """`replicate` averages over all pixels with the edge repeated outwards, as MATLAB's ssim; `valid` averages over the
    pixels whose window lies within the image, as the 2004 paper's code and scikit-image."""
