"""The layout in which CUT's own code saves its patch head, F. Imports no torch."""

from __future__ import annotations

from zoo.checkpoints.templates import linear
from zoo.hookspec import CheckpointFormat

LAYERS = 5


def head() -> CheckpointFormat:
    """Return the format of the head on CUT's five layers; it is no component, as nothing but CUT's training uses it."""
    tensors: dict[str, str] = {}
    for layer in range(LAYERS):
        tensors |= linear(f"mlp_{layer}.0", f"w c{layer}") | linear(f"mlp_{layer}.2", "w w")
    return CheckpointFormat(
        name="cut-head",
        summary="CUT patch head (F), which only its training uses, on {c0}, {c1}, {c2}, {c3} and {c4} channels",
        origin="contrastive-unpaired-translation",
        tensors=tensors,
    )
