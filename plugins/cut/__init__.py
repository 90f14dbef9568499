"""CUT and FastCUT: one-way translation between unpaired domains with a patch-wise contrastive loss."""

from __future__ import annotations

from zoo.checkpoints.templates import linear
from zoo.hookspec import CheckpointFormat, Component, Contract, Training, hookimpl

from .config import CUTConfig

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
            summary="one generator on unpaired images, with patch-wise contrastive and identity loss",
            contract=CUT,
            paper=PAPER,
            small=SMALL,
        ),
        Component(
            kind="method",
            name="fastcut",
            target="zoo_plugins.cut.method:CUT",
            config=CUTConfig(nce=10.0, identity=False, flip=True),
            summary="CUT without identity loss, lighter and faster, with random mirroring",
            contract=FASTCUT,
            paper=PAPER,
            small=SMALL,
        ),
    ]


@hookimpl
def zoo_checkpoints() -> list[CheckpointFormat]:
    """Return the layout of the patch head (F) on CUT's five layers, in which CUT's own code saves it."""
    tensors: dict[str, str] = {}
    for layer in range(5):
        tensors |= linear(f"mlp_{layer}.0", f"w c{layer}") | linear(f"mlp_{layer}.2", "w w")
    head = CheckpointFormat(
        name="cut-head",
        summary="CUT patch head (F), which only its training uses, on {c0}, {c1}, {c2}, {c3} and {c4} channels",
        origin="contrastive-unpaired-translation",
        tensors=tensors,
    )
    return [head]
