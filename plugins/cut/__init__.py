"""CUT and FastCUT: one-way translation between unpaired domains, held in place by a contrast of patches."""

from __future__ import annotations

from zoo.hookspec import CheckpointFormat, Component, Contract, Training, hookimpl

from .config import CUTConfig
from .formats import head

PAPER = "Park et al., CUT, ECCV 2020; taesungp/contrastive-unpaired-translation@b3ac297"
SMALL = {"width": 8, "patches": 16}


def _contract(training: Training) -> Contract:
    return Contract(
        uses=("generator", "discriminator"),
        needs=frozenset({"taps"}),
        defaults={"generator": {"init": "xavier"}, "discriminator": {"init": "xavier"}},
        training=training,
    )


CUT = _contract(Training(epochs=400, decay_epochs=200, decay_crop=False))
FASTCUT = _contract(Training(epochs=200, decay_epochs=50, decay_crop=False))


@hookimpl
def zoo_components() -> list[Component]:
    """Return CUT, and FastCUT, which is the same class with other defaults."""
    return [
        Component(
            kind="method",
            name="cut",
            target="zoo_plugins.cut.method:CUT",
            config=CUTConfig(),
            summary="one generator on unpaired images, tied by a contrast of patches and by identity",
            contract=CUT,
            paper=PAPER,
            small=SMALL,
        ),
        Component(
            kind="method",
            name="fastcut",
            target="zoo_plugins.cut.method:CUT",
            config=CUTConfig(nce=10.0, identity=False, flip=True),
            summary="CUT without identity, lighter and faster, with mirrored images in between",
            contract=FASTCUT,
            paper=PAPER,
            small=SMALL,
        ),
    ]


@hookimpl
def zoo_checkpoints() -> list[CheckpointFormat]:
    """Return the layout of the head; the other networks' are beside their components."""
    return [head()]
