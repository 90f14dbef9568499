"""The layouts in which CycleGAN's and CUT's own code save their ResNet generators. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from zoo.checkpoints.templates import COUNTERS, STATISTICS, conv, norm
from zoo.hookspec import CheckpointFormat
from zoo.layers.kinds import Antialias

NORMS = {"instance": "instance norm", "batch": "batch norm", "none": "no norm"}
BLURS = {True: "anti-aliased", "down": "anti-aliased downwards only", "up": "anti-aliased upwards only"}


def formats() -> list[CheckpointFormat]:
    """Return the formats of both programs for each normalization, without and with dropout."""
    kinds = list(product(NORMS, (False, True)))
    return [
        *(_resnet(blocks, norm, dropout, False) for blocks in (9, 6) for norm, dropout in kinds),
        *(_resnet(blocks, norm, dropout, True) for blocks in (9, 6, 4) for norm, dropout in kinds),
        *(_resnet(blocks, norm, dropout, "down") for blocks in (9, 6, 4) for norm, dropout in kinds),
        *(_resnet(blocks, norm, dropout, "up") for blocks in (9, 6, 4) for norm, dropout in kinds),
    ]


def _resnet(blocks: int, kind: str, dropout: bool, antialias: Antialias) -> CheckpointFormat:
    """Return a layout; CUT's with both `no_antialias` flags is CycleGAN's, and with one of them it blurs only up or down."""
    first = 12 if antialias in (True, "down") else 10
    up = first + blocks
    tensors = _encoder(kind, blurred=first == 12) | _blocks(range(first, up), kind, dropout)
    tensors |= _decoder(up, kind, blurred=antialias in (True, "up"))
    return _format(tensors, blocks, kind, dropout, antialias)


def _encoder(kind: str, *, blurred: bool) -> dict[str, str]:
    places, shapes = (1, 4, 8 if blurred else 7), ("w i 7 7", "2w w 3 3", "4w 2w 3 3")
    found = {"model.7.filt": "2w 1 3 3", "model.11.filt": "4w 1 3 3"} if blurred else {}
    for place, shape in zip(places, shapes, strict=True):
        found |= conv(f"model.{place}", shape, bias=kind == "instance")
        found |= norm(f"model.{place + 1}", shape.split()[0], kind)
    return found


def _decoder(place: int, kind: str, *, blurred: bool) -> dict[str, str]:
    """Return the layers from an index on: doublings by a blur and a convolution or a transposed convolution, and the last."""
    found: dict[str, str] = {}
    for ins, outs in (("4w", "2w"), ("2w", "w")):
        if blurred:
            found |= {f"model.{place}.filt": f"{ins} 1 4 4"}
            place += 1
        shape = f"{outs} {ins} 3 3" if blurred else f"{ins} {outs} 3 3"
        found |= conv(f"model.{place}", shape, bias=kind == "instance", transposed=not blurred)
        found |= norm(f"model.{place + 1}", outs, kind)
        place += 3
    return found | conv(f"model.{place + 1}", "o w 7 7")


def _blocks(places: range, kind: str, dropout: bool) -> dict[str, str]:
    second = 6 if dropout else 5
    block = f"model.{{{places[0]}..{places[-1]}}}.conv_block"
    convs = conv(f"{block}.{{1,{second}}}", "4w 4w 3 3", bias=kind == "instance")
    return convs | norm(f"{block}.{{2,{second + 1}}}", "4w", kind)


def _format(
    tensors: Mapping[str, str], blocks: int, kind: str, dropout: bool, antialias: Antialias
) -> CheckpointFormat:
    paper, origin = (
        ("CUT", "contrastive-unpaired-translation") if antialias else ("CycleGAN", "pytorch-CycleGAN-and-pix2pix")
    )
    generator = f"resnet{blocks}:" if blocks in (6, 9) else f"resnet6:blocks={blocks},"
    words = [NORMS[kind], *(["dropout"] if dropout else []), *([BLURS[antialias]] if antialias else [])]
    side = f"-antialias-{antialias}" if antialias in ("down", "up") else ""
    return CheckpointFormat(
        name=f"{paper.lower()}-resnet{blocks}-{kind}{'-dropout' * dropout}{side}",
        summary=f"{paper} ResNet-{blocks} generator, {', '.join(words)}, {{i}} -> {{o}}",
        origin=origin,
        tensors=tensors,
        component=f"generator resnet/{generator}norm={kind},dropout={str(dropout).lower()},antialias={str(antialias).lower()}",
        options={"in_channels": "i", "out_channels": "o", "width": "w"},
        optional=COUNTERS,
        dropped=STATISTICS if kind == "instance" else (),
        method="converted:evaluation=train",  # the authors' test scripts leave the networks in this mode
    )
