"""ThermalGAN: a thermal segmentation first, then the contrasts inside its objects."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.hookspec import Component, Contract, hookimpl

from .config import ContrastConfig, ThermalGANConfig

PAPER = "Kniaz et al., ThermalGAN, ECCV 2018 workshops; vlkniaz/ThermalGAN@74250c3"


@hookimpl
def zoo_components() -> Iterable[Component]:
    """Return the method, and its second step, which the authors' files contain."""
    return [
        Component(
            kind="method",
            name="thermalgan",
            target="zoo_plugins.thermalgan.method:ThermalGAN",
            config=ThermalGANConfig(),
            summary="two generators in a row: objects at their mean temperatures, then the contrasts inside them",
            paper=PAPER,
            small={"encoder_width": 4},
        ),
        Component(
            kind="method",
            name="thermalgan_contrast",
            target="zoo_plugins.thermalgan.method:Contrast",
            config=ContrastConfig(),
            summary="ThermalGAN's second step alone, from converted weights; for translation only",
            contract=Contract(
                uses=("generator",), reads=("visible", "thermal_segmentation"), needs=frozenset({"converted_weights"})
            ),
            paper=PAPER,
        ),
    ]
