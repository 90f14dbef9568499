"""Faster ways to compute the same training step, and which of them a device gets. Imports no torch at its top."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from importlib.util import find_spec
from typing import TYPE_CHECKING

from zoo.errors import UsageError
from zoo.recipe import Precision

if TYPE_CHECKING:
    import torch

LONG = 2000
"""Steps from which on compiling, one to two minutes, is soon earned back."""
RECOMPILATIONS = 64
"""Variants of one network's code: of shapes, of players whose weights get gradients, of a method's own networks."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How a step is computed. What it computes stays the same but for the order of sums, that is, for rounding."""

    channels_last: bool = False
    """Keep images and features pixel by pixel: convolutions read them without rearranging."""
    fused: bool = False
    """Step each player's Adam in one kernel."""
    compile: bool = False
    """Compile the networks by torch.compile, which fuses what lies between their convolutions."""
    graph: bool = False
    """Record the whole step in a CUDA graph: kernels then start without the processor."""

    def __str__(self) -> str:
        return ",".join(self.words) or "plain"

    @property
    def words(self) -> tuple[str, ...]:
        """The options that are on, as `--compute` spells them."""
        return tuple(_word(field.name) for field in fields(self) if getattr(self, field.name))


PLAIN = Speed()
"""Every operation by itself, as the papers' programs run: what the others are compared with."""


def parse_speed(text: str) -> Speed | None:
    """Return the ways that `--speed` names, or None for `auto`, by which the device decides (`choose_speed`).

    >>> str(parse_speed("fused,channels-last"))
    'channels-last,fused'
    >>> parse_speed("auto") is None
    True

    Args:
        text: `auto`, `plain`, or words of `Speed`, comma-separated: `channels-last,fused`.

    Raises:
        UsageError: a word is none of these.
    """
    known = {_word(field.name): field.name for field in fields(Speed)}
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words in (["auto"], ["plain"]):
        return None if words == ["auto"] else PLAIN
    for word in words or [text]:
        if word not in known:
            fix = f"Type auto, plain or any of {','.join(known)}"
            raise UsageError(f"--speed does not know {word!r}", fix)
    return Speed(**{known[word]: True for word in words})


def choose_speed(
    wanted: Speed | None, device: torch.device, *, steps: int, processes: int = 1, deep: bool = False
) -> Speed:
    """Return how to compute the steps of a training.

    By default: on a CPU what needs no preparation; on a GPU the whole step as a graph, and for trainings that last compiled.
    Every training of a recipe on one kind of device gets the same, also when it is taken up again.

    Args:
        wanted: what was asked for; None for the default.
        device: where the training runs.
        steps: of the whole training.
        processes: that train together.
        deep: whether most weights are used at few pixels (`zoo.compute.networks.is_deep`).

    Raises:
        UsageError: what was asked for is not to be had here.
    """
    if wanted is None:
        if device.type == "cpu":
            return Speed(channels_last=not deep, fused=True)
        if device.type != "cuda":
            return PLAIN
        long = steps >= LONG and _can_compile(device)
        return Speed(channels_last=long, fused=True, compile=long, graph=processes == 1)
    if wanted.graph and device.type != "cuda":
        raise UsageError(f"--speed graph records CUDA graphs, and this training runs on {device.type}", "Leave it out")
    if wanted.compile and not _can_compile(device):
        needs = "triton" if device.type == "cuda" else "a C++ compiler, g++ or clang++"
        raise UsageError(f"--speed compile needs {needs}, and there is none", "Install it, or leave the word out")
    return wanted


def choose_translation(wanted: Speed | None, device: torch.device) -> Speed:
    """Return how to translate images; compiled only when asked for, since every new size would be compiled anew.

    Raises:
        UsageError: what was asked for is of trainings, or not to be had here.
    """
    if wanted is None:
        return Speed(channels_last=device.type in ("cpu", "cuda"))
    if wanted.fused or wanted.graph:
        raise UsageError(f"--speed {wanted} is of trainings", "Type auto, plain, or any of channels-last,compile")
    return choose_speed(wanted, device, steps=0)


def pick_device(name: str) -> torch.device:
    """Return the device that `auto`, `cpu` or `cuda` means here.

    Raises:
        UsageError: CUDA was asked for and is not there, or the name is unknown.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"{name!r} is not a device", "Type auto, cpu or cuda") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device is available", "Type --device cpu, or --device auto")
    return device


def require_precision(precision: Precision, device: torch.device) -> None:
    """Refuse a number format that the device would only imitate, tens of times slower.

    Raises:
        UsageError: the device has no units for it.
    """
    if precision == "tf32" and device.type != "cuda":
        raise UsageError(f"precision tf32 is of NVIDIA GPUs, and this is a {device.type}", "Type fp32")
    if precision == "bf16" and not has_bf16(device):
        raise UsageError(f"precision bf16 was asked for, and this {device.type} has no bf16 units", "Type fp32")


def has_bf16(device: torch.device) -> bool:
    """Whether a device has units for bfloat16, and need not imitate it."""
    import torch

    if device.type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


@contextmanager
def kernels(precision: Precision, speed: Speed, *, same_shapes: bool = True) -> Iterator[None]:
    """Set torch's process-wide choices of kernels for a training or translations, and put the former back after them.

    `fp32` is IEEE single precision on every device: torch lets cuDNN round to TF32 unless told otherwise.
    """
    import torch

    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    matmul.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
    cudnn.benchmark = same_shapes and speed != PLAIN  # a search among algorithms, made once for each shape
    try:
        if speed.compile:
            import torch._dynamo

            # A network that cannot be compiled is run as it is, with a warning.
            with torch._dynamo.config.patch(recompile_limit=RECOMPILATIONS, suppress_errors=True):
                yield
        else:
            yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before


def _can_compile(device: torch.device) -> bool:
    if device.type == "cuda":
        return find_spec("triton") is not None
    return any(shutil.which(name) for name in ("g++", "clang++", "c++"))


def _word(field: str) -> str:
    return field.replace("_", "-")
