"""The layouts in which pix2pix's and ThermalGAN's own code save their U-Nets. Imports no torch."""

from __future__ import annotations

from itertools import pairwise

from zoo.checkpoints.templates import COUNTERS, STATISTICS, conv, norm
from zoo.hookspec import CheckpointFormat

NORMS = {"instance": "instance norm", "batch": "batch norm", "none": "no norm"}
THERMALGAN = "vlkniaz/ThermalGAN"


def formats() -> list[CheckpointFormat]:
    """Return the formats of pix2pix for each depth, the two of ThermalGAN, and its depth with other channels, for each norm."""
    return [
        *(_pix2pix(downs, kind) for downs in (8, 7) for kind in NORMS),
        *(_thermalgan(kind, absolute=absolute) for kind in ("batch", "instance", "none") for absolute in (False, True)),
        *(_pix2pix(9, kind) for kind in NORMS),
    ]


def _pix2pix(downs: int, kind: str) -> CheckpointFormat:
    # Dropout has no keys in a U-Net's state dict. pix2pix uses it with batch norm; CycleGAN's script does not.
    dropout = str(kind == "batch").lower()
    return CheckpointFormat(
        name=f"pix2pix-unet{2**downs}-{kind}",
        summary=f"pix2pix UNet-{2**downs} generator, {NORMS[kind]}, {{i}} -> {{o}}",
        origin="pytorch-CycleGAN-and-pix2pix" if downs < 9 else THERMALGAN,
        tensors=_tensors(downs, kind, "i", "o"),
        component=f"generator unet/unet_{2**downs}:norm={kind},dropout={dropout}",
        options={"in_channels": "i", "out_channels": "o", "width": "w"},
        undetermined=("dropout",),
        optional=COUNTERS,
        dropped=STATISTICS if kind == "instance" else (),
        method="converted:evaluation=train",  # the authors' test scripts leave the networks in this mode
    )


def _thermalgan(kind: str, *, absolute: bool) -> CheckpointFormat:
    """Return the layout of the generator of temperatures, or of relative temperatures, which also reads a segmentation."""
    inputs, limit = ("3", 50.0) if absolute else ("4", 40.0)
    classes = {} if absolute else {"classes": ("background", "object")}
    return CheckpointFormat(
        name=f"thermalgan-unet512{'-absolute' * absolute}" + f"-{kind}" * (kind != "batch"),
        summary=f"ThermalGAN UNet-512 generator of {'relative ' * (not absolute)}temperatures, {NORMS[kind]}, {inputs} -> 1",
        origin=THERMALGAN,
        tensors=_tensors(9, kind, inputs, "1"),
        component=f"generator unet/unet_512:norm={kind},dropout=true,in_channels={inputs},out_channels=1",
        options={"width": "w"},
        undetermined=("dropout",),
        optional=COUNTERS,
        dropped=STATISTICS if kind == "instance" else (),
        method="converted:evaluation=train" if absolute else "thermalgan_contrast",
        dataset={"unit": "celsius", "thermal_low": -limit, "thermal_high": limit, **classes},
    )


def _tensors(downs: int, kind: str, inputs: str, outputs: str) -> dict[str, str]:
    """Return the tensors from the outermost level inwards; `model.3` of a level's model is the level inside."""
    bias, level = kind == "instance", "model.model.1"
    found = conv("model.model.0", f"w {inputs} 4 4", bias=bias)
    widths = ["w", "2w", "4w", *["8w"] * (downs - 3)]
    for outer, inner in pairwise(widths[:-1]):
        found |= (
            conv(f"{level}.model.1", f"{inner} {outer} 4 4", bias=bias)
            | norm(f"{level}.model.2", inner, kind)
            | conv(f"{level}.model.5", f"{_twice(inner)} {outer} 4 4", bias=bias, transposed=True)
            | norm(f"{level}.model.6", outer, kind)
        )
        level += ".model.3"
    return (
        found
        | conv(f"{level}.model.1", "8w 8w 4 4", bias=bias)
        | conv(f"{level}.model.3", "8w 8w 4 4", bias=bias, transposed=True)
        | norm(f"{level}.model.4", "8w", kind)
        | conv("model.model.3", f"2w {outputs} 4 4", transposed=True)
    )


def _twice(size: str) -> str:
    """Return the channels of features concatenated with their skip connection."""
    return f"{2 * int(size[:-1] or 1)}{size[-1]}"
