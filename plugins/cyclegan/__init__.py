"""CycleGAN: translation between unpaired domains through cycle consistency."""

from collections.abc import Iterable

from zoo.hookspec import Component, hookimpl

from .config import CycleGANConfig


@hookimpl
def zoo_components() -> Iterable[Component]:
    """Return the method."""
    return [
        Component(
            kind="method",
            name="cyclegan",
            target="zoo_plugins.cyclegan.method:CycleGAN",
            config=CycleGANConfig(),
            summary="two generators and two discriminators on unpaired images, with cycle consistency",
            paper="Zhu et al., Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, 2017",
            small={"pool": 2},
            quick={"lr": 5e-4},
        )
    ]
