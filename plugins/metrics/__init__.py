"""PSNR and SSIM, the metrics of the papers' tables, with MATLAB's definitions. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.hookspec import Component, hookimpl

from .config import PSNRConfig, SSIMConfig


@hookimpl
def zoo_components() -> Iterable[Component]:
    """Return the metrics' rows."""
    return [
        Component(
            kind="metric",
            name="psnr",
            target="zoo_plugins.metrics.psnr:PSNR",
            config=PSNRConfig(),
            summary="Peak signal-to-noise ratio in dB, data range 1; identical images score the cap",
        ),
        Component(
            kind="metric",
            name="ssim",
            target="zoo_plugins.metrics.ssim:SSIM",
            config=SSIMConfig(),
            summary="Structural similarity, Gaussian 11x11 window, borders as MATLAB's ssim",
            paper="Wang et al., Image quality assessment: from error visibility to structural similarity, TIP 2004",
        ),
    ]
