"""The method `i2sb`, as zoo lists it. Imports no torch: that happens when it is built."""

from __future__ import annotations

from zoo.hookspec import Component, Contract, Training, hookimpl

from .config import I2SBConfig


@hookimpl
def zoo_components() -> list[Component]:
    """Return what this plugin brings."""
    return [
        Component(
            kind="method",
            name="i2sb",
            target="i2sb.method:I2SB",
            config=I2SBConfig(),
            summary="a diffusion bridge from the visible image to the thermal one, with a posterior in closed form",
            # `time`: the method passes one to the generator, so that zoo refuses generators without it.
            contract=Contract(
                uses=("generator",), needs=frozenset({"pairs", "time"}), training=Training(decay_epochs=0)
            ),
            paper="Liu et al., I2SB: Image-to-Image Schroedinger Bridge, ICML 2023",
            small={"steps": 2},
        )
    ]
