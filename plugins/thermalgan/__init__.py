"""ThermalGAN: a thermal segmentation first, then the contrasts inside its objects."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.hookspec import Component, hookimpl

from .config import ThermalGANConfig


@hookimpl
def zoo_components() -> Iterable[Component]:
    """Return the method."""
    return [
        Component(
            kind="method",
            name="thermalgan",
            target="zoo_plugins.thermalgan.method:ThermalGAN",
            config=ThermalGANConfig(),
            summary="two generators in a row: objects at their mean temperatures, then the contrasts inside them",
            contract=ThermalGANConfig().contract(),
            paper="Kniaz et al., ThermalGAN, ECCV 2018 workshops; vlkniaz/ThermalGAN@74250c3",
        )
    ]
