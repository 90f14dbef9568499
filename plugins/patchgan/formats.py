"""The layouts in which pix2pix's, CycleGAN's and CUT's own code save their discriminators. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from zoo.checkpoints.templates import COUNTERS, STATISTICS, conv, norm
from zoo.hookspec import CheckpointFormat

NORMS = {"instance": "instance norm", "batch": "batch norm", "none": "no norm"}
JZ, CUT = "pytorch-CycleGAN-and-pix2pix", "contrastive-unpaired-translation"


def formats() -> list[CheckpointFormat]:
    """Return the formats of patch discriminators of one to seven stages, plain and anti-aliased, and of the pixel one."""
    depths = list(product((3, 1, 2, 4, 5, 6, 7), NORMS))
    return [
        *(_patchgan(layers, kind, antialias=False) for layers, kind in depths),
        *(_patchgan(layers, kind, antialias=True) for layers, kind in depths),
        *(_pixel(kind) for kind in NORMS),
    ]


def _patchgan(layers: int, kind: str, *, antialias: bool) -> CheckpointFormat:
    widths = [f"{min(2**layer, 8)}w" for layer in range(layers + 1)]
    tensors = conv("model.0", "w i 4 4")
    place = 2  # after the convolution and its activation
    for layer in range(1, layers + 1):
        if antialias:
            tensors |= {f"model.{place}.filt": f"{widths[layer - 1]} 1 3 3"}
            place += 1
        tensors |= conv(f"model.{place}", f"{widths[layer]} {widths[layer - 1]} 4 4", bias=kind == "instance")
        tensors |= norm(f"model.{place + 1}", widths[layer], kind)
        place += 3
    tensors |= conv(f"model.{place}", f"1 {widths[-1]} 4 4")
    blurred = f",antialias={str(antialias).lower()}"
    words = f"{layers} layers, {NORMS[kind]}{', anti-aliased' * antialias}"
    return _format(
        f"{'cut' if antialias else 'pix2pix'}-patchgan{layers}-{kind}",
        f"{'CUT' if antialias else 'pix2pix'} PatchGAN discriminator, {words}, of {{i}} channels",
        CUT if antialias else JZ,
        tensors,
        f"discriminator patchgan/patchgan:layers={layers},norm={kind}{blurred}",
        kind,
    )


def _pixel(kind: str) -> CheckpointFormat:
    bias = kind == "instance"
    tensors = (
        conv("net.0", "w i 1 1")
        | conv("net.2", "2w w 1 1", bias=bias)
        | norm("net.3", "2w", kind)
        | conv("net.5", "1 2w 1 1", bias=bias)
    )
    summary = f"pix2pix pixel discriminator, {NORMS[kind]}, of {{i}} channels"
    return _format(f"pix2pix-pixel-{kind}", summary, JZ, tensors, f"discriminator patchgan/pixel:norm={kind}", kind)


def _format(
    name: str, summary: str, origin: str, tensors: Mapping[str, str], component: str, kind: str
) -> CheckpointFormat:
    return CheckpointFormat(
        name=name,
        summary=summary,
        origin=origin,
        tensors=tensors,
        component=component,
        options={"in_channels": "i", "width": "w"},
        optional=COUNTERS,
        dropped=STATISTICS if kind == "instance" else (),
    )
