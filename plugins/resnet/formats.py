"""The layouts in which CycleGAN's and CUT's own code save their ResNet generators. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from zoo.checkpoints.templates import COUNTERS, STATISTICS, conv, norm
from zoo.hookspec import CheckpointFormat

NORMS = {"instance": "instance norm", "batch": "batch norm", "none": "no norm"}


def formats() -> list[CheckpointFormat]:
    """Return the formats of both programs for each normalization, without and with dropout."""
    kinds = list(product(NORMS, (False, True)))
    return [
        *(_cyclegan(blocks, norm, dropout) for blocks in (9, 6) for norm, dropout in kinds),
        *(_cut(blocks, norm, dropout) for blocks in (9, 6, 4) for norm, dropout in kinds),
    ]


def _cyclegan(blocks: int, kind: str, dropout: bool) -> CheckpointFormat:
    """Return the layout with strided and transposed convolutions; CUT's without anti-aliasing is the same."""
    bias, up = kind == "instance", 10 + blocks
    tensors = (
        _encoder((1, 4, 7), kind)
        | _blocks(range(10, up), kind, dropout)
        | conv(f"model.{up}", "4w 2w 3 3", bias=bias, transposed=True)
        | norm(f"model.{up + 1}", "2w", kind)
        | conv(f"model.{up + 3}", "2w w 3 3", bias=bias, transposed=True)
        | norm(f"model.{up + 4}", "w", kind)
        | conv(f"model.{up + 7}", "o w 7 7")
    )
    return _format("cyclegan", "pytorch-CycleGAN-and-pix2pix", tensors, blocks, kind, dropout)


def _cut(blocks: int, kind: str, dropout: bool) -> CheckpointFormat:
    """Return the layout whose halvings and doublings are blurred by fixed filters."""
    bias, up = kind == "instance", 12 + blocks
    tensors = (
        _encoder((1, 4, 8), kind)
        | {"model.7.filt": "2w 1 3 3", "model.11.filt": "4w 1 3 3"}
        | _blocks(range(12, up), kind, dropout)
        | {f"model.{up}.filt": "4w 1 4 4", f"model.{up + 4}.filt": "2w 1 4 4"}
        | conv(f"model.{up + 1}", "2w 4w 3 3", bias=bias)
        | norm(f"model.{up + 2}", "2w", kind)
        | conv(f"model.{up + 5}", "w 2w 3 3", bias=bias)
        | norm(f"model.{up + 6}", "w", kind)
        | conv(f"model.{up + 9}", "o w 7 7")
    )
    return _format("cut", "contrastive-unpaired-translation", tensors, blocks, kind, dropout)


def _encoder(convs: tuple[int, int, int], kind: str) -> dict[str, str]:
    shapes = ("w i 7 7", "2w w 3 3", "4w 2w 3 3")
    found: dict[str, str] = {}
    for place, shape in zip(convs, shapes, strict=True):
        found |= conv(f"model.{place}", shape, bias=kind == "instance") | norm(
            f"model.{place + 1}", shape.split()[0], kind
        )
    return found


def _blocks(places: range, kind: str, dropout: bool) -> dict[str, str]:
    second = 6 if dropout else 5
    block = f"model.{{{places[0]}..{places[-1]}}}.conv_block"
    convs = conv(f"{block}.{{1,{second}}}", "4w 4w 3 3", bias=kind == "instance")
    return convs | norm(f"{block}.{{2,{second + 1}}}", "4w", kind)


def _format(
    paper: str, origin: str, tensors: Mapping[str, str], blocks: int, kind: str, dropout: bool
) -> CheckpointFormat:
    blurred = paper == "cut"
    generator = f"resnet{blocks}:" if blocks in (6, 9) else f"resnet6:blocks={blocks},"
    words = [NORMS[kind], *(["dropout"] if dropout else []), *(["anti-aliased"] if blurred else [])]
    return CheckpointFormat(
        name=f"{paper}-resnet{blocks}-{kind}{'-dropout' * dropout}",
        summary=f"{'CUT' if blurred else 'CycleGAN'} ResNet-{blocks} generator, {', '.join(words)}, {{i}} -> {{o}}",
        origin=origin,
        tensors=tensors,
        component=f"generator resnet/{generator}norm={kind},dropout={str(dropout).lower()},antialias={str(blurred).lower()}",
        options={"in_channels": "i", "out_channels": "o", "width": "w"},
        optional=COUNTERS,
        dropped=STATISTICS if kind == "instance" else (),
        method="converted:evaluation=train",  # the authors' test scripts leave the networks in this mode
    )
