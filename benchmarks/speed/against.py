"""How fast zoo trains against the original program, from a checkout that the user has: both take turns in one process.

python benchmarks/speed/against.py REFERENCE_DIR --size 128 --seconds 120
REFERENCE_DIR is a checkout of pytorch-CycleGAN-and-pix2pix, or of contrastive-unpaired-translation. The original gets finished
batches, and its data loading is not timed; zoo's steps draw and augment their images. Both have networks of the same width on
images of 3 channels, so that CycleGAN computes its identity losses. Above 1, zoo is faster.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import harness  # before torch
import steps
import torch

from zoo.composition import compose
from zoo.compute.options import LONG
from zoo.errors import UsageError, ZooError
from zoo.recipe import Recipe
from zoo.sources import open_source

NETWORKS = Path("models/networks.py")


@dataclass(frozen=True, kw_only=True)
class Original:
    """A model of the original programs, with the parts of zoo that compute the same."""

    module: str
    model: str
    """Its class."""
    parts: dict[str, str]
    """Of zoo's recipe; each network's width is added."""
    options: dict[str, Any] = field(default_factory=dict)
    """The authors' defaults, beside `common`."""


ORIGINALS = {
    "cyclegan": Original(
        module="cycle_gan_model",
        model="CycleGANModel",
        parts={"method": "cyclegan", "generator": "resnet9", "discriminator": "patchgan"},
        options={"lambda_A": 10.0, "lambda_B": 10.0, "lambda_identity": 0.5, "pool_size": 50},
    ),
    "pix2pix": Original(
        module="pix2pix_model",
        model="Pix2PixModel",
        parts={"method": "pix2pix", "generator": "unet_auto", "discriminator": "patchgan"},
        options={"norm": "batch", "no_dropout": False, "gan_mode": "vanilla", "lambda_L1": 100.0, "pool_size": 0},
    ),
    "cut": Original(
        module="cut_model",
        model="CUTModel",
        parts={"method": "cut", "generator": "resnet9:antialias=true", "discriminator": "patchgan:antialias=true"},
        options={
            "CUT_mode": "CUT",
            "lambda_GAN": 1.0,
            "lambda_NCE": 1.0,
            "nce_idt": True,
            "nce_layers": "0,4,8,12,16",
            "nce_includes_all_negatives_from_minibatch": False,
            "netF": "mlp_sample",
            "netF_nc": 256,
            "nce_T": 0.07,
            "num_patches": 256,
            "flip_equivariance": False,
            "normG": "instance",
            "normD": "instance",
            "no_antialias": False,
            "no_antialias_up": False,
            "stylegan2_G_num_downsampling": 1,
            "init_type": "xavier",
            "pool_size": 0,
        },
    ),
}


def common(args: argparse.Namespace) -> dict[str, Any]:
    """Return the originals' options that their models share: the authors' defaults, at this width and size."""
    shape = {"input_nc": 3, "output_nc": 3, "ngf": args.width, "ndf": args.width, "netG": "resnet_9blocks"}
    networks = {"netD": "basic", "n_layers_D": 3, "norm": "instance", "init_type": "normal", "init_gain": 0.02}
    training = {"isTrain": True, "lr": 2e-4, "beta1": 0.5, "beta2": 0.999, "gan_mode": "lsgan", "no_dropout": True}
    schedule = {"lr_policy": "linear", "epoch_count": 1, "n_epochs": 100, "n_epochs_decay": 100, "lr_decay_iters": 50}
    files = {"checkpoints_dir": ".", "name": "against", "continue_train": False, "load_iter": 0, "epoch": "latest"}
    images = {"direction": "AtoB", "preprocess": "none", "crop_size": args.size, "load_size": args.size}
    device = torch.device(args.device)
    # One release reads the GPUs' numbers, another the device itself.
    where = {"gpu_ids": [device.index or 0] if device.type == "cuda" else [], "device": device}
    return {**shape, **networks, **training, **schedule, **files, **images, **where} | {
        "verbose": False,
        "batch_size": args.batch,
        "phase": "train",
    }


def find_originals(folder: Path) -> list[str]:
    """Return the methods that a checkout has a model of.

    Raises:
        UsageError: the folder is no such checkout.
    """
    found = [name for name, original in ORIGINALS.items() if (folder / "models" / f"{original.module}.py").is_file()]
    if (folder / NETWORKS).is_file() and found:
        return found
    models = ", ".join(f"models/{original.module}.py" for original in ORIGINALS.values())
    raise UsageError(
        f"`{folder}` is no checkout of an original program: it needs {NETWORKS} and one of {models}",
        "Give the folder of pytorch-CycleGAN-and-pix2pix or contrastive-unpaired-translation",
    )


def original_step(folder: Path, name: str, args: argparse.Namespace) -> Callable[[], None]:
    """Return a function that does one training step of the original program, after its first one.

    Raises:
        ZooError: its code cannot be imported, or has another interface.
    """
    original, batch = ORIGINALS[name], (args.batch, 3, args.size, args.size)
    options = argparse.Namespace(**(common(args) | original.options | unet(name, args.size)))
    data: dict[str, Any] = {side: torch.rand(batch) * 2 - 1 for side in "AB"}
    data |= {f"{side}_paths": ["against.png"] * args.batch for side in "AB"}
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its networks
            model = getattr(importlib.import_module(f"models.{original.module}"), original.model)(options)
            if hasattr(model, "data_dependent_initialize"):  # CUT's head has the shape of the features
                model.data_dependent_initialize(data)
            model.setup(options)
            step = partial(_step, model, data)
            step()
    except ImportError as error:
        raise ZooError(f"`{folder}` cannot be imported: {error}", "Install what the original program needs") from error
    except (AttributeError, TypeError) as error:  # an option or a method that this version lacks
        raise ZooError(
            f"`models/{original.module}.py` of `{folder}` has another interface than the published versions: {error}",
            "Use a checkout of the main branch",
        ) from error

    return step


def _step(model: Any, data: dict[str, Any]) -> None:
    model.set_input(data)
    model.optimize_parameters()


def unet(name: str, size: int) -> dict[str, str]:
    """Return the original's name of pix2pix's U-Net for images of this size.

    Raises:
        UsageError: the original has none.
    """
    if name != "pix2pix":
        return {}
    if size % 128:
        raise UsageError(f"the U-Nets of the original pix2pix need multiples of 128 px, got {size}", "Use --size 128")
    return {"netG": "unet_128" if size % 256 else "unet_256"}


def recipe_of(name: str, args: argparse.Namespace) -> Recipe:
    """Return zoo's recipe of a method, with networks of the originals' width."""
    parts = dict(ORIGINALS[name].parts)
    for kind in ("generator", "discriminator"):
        component, _, options = parts[kind].partition(":")
        parts[kind] = f"{component}:" + ",".join(filter(None, [options, f"width={args.width}"]))
    sized = {"size": args.size, "batch": args.batch, "steps": 1, "preset": "paper", "thermal_channels": 3}
    return compose(**parts, data=open_source(steps.DATA, size=args.size), **sized)


def measure(name: str, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a row for the original and for each of zoo's ways to compute."""
    device = torch.device(args.device)
    ways: dict[str, Callable[[], object]] = {"original": original_step(args.reference, name, args)}
    with contextlib.ExitStack() as undo:
        for words in args.compute.split("/"):
            path = steps.Path(recipe_of(name, args), words, args.steps, device)
            undo.enter_context(path.undo)
            path.warm()
            ways[f"zoo, {path.speed} {path.precision}"] = path.step
        taken = harness.take_turns(ways, device, args.seconds)
    rows = []
    for way, times in taken.items():
        about = {"method": name, "px": args.size, "batch": args.batch, "way": way, "rounds": len(times)}
        rows.append(
            {
                **about,
                "ms": 1e3 * statistics.median(times),
                **harness.ratios(taken["original"], times),
            }
        )
    return rows


def main() -> int:
    """Measure every method that the checkout has, and return the exit code."""
    options = harness.parser(__doc__)
    options.add_argument("reference", type=Path, metavar="REFERENCE_DIR", help="checkout of an original program")
    options.add_argument("--methods", help=f"some of {', '.join(ORIGINALS)} [default: all of the checkout's]")
    options.add_argument("--size", default=128, type=int)
    options.add_argument("--batch", default=1, type=int)
    options.add_argument("--width", default=64, type=int, help="of the networks' first layer")
    options.add_argument("--compute", default="auto", help="zoo's compute options, separated by /")
    options.add_argument("--steps", type=int, default=LONG, help="length of the training that auto chooses for")
    args = options.parse_args()
    args.reference = args.reference.resolve()
    rows: list[dict[str, Any]] = []
    try:
        found = find_originals(args.reference)
        for name in args.methods.split(",") if args.methods else found:
            if name not in found:
                raise UsageError(f"`{args.reference}` has no {name}", f"Use --methods {','.join(found)}")
            new = measure(name, args)
            harness.report(new, args, before=rows)
            rows += new
    except ZooError as error:
        print(f"against.py: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
