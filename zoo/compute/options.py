"""How a training step is computed: the options, their defaults for a device, and checks. Imports torch in functions only."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast, get_args

from zoo.errors import UsageError
from zoo.recipe import Precision

if TYPE_CHECKING:
    import torch

LONG = 2000
"""Steps of a training from which on compiling, one to two minutes, saves time."""
RECOMPILATIONS = 64
"""Variants of one network's code: by shapes, by which weights require gradients, by the method's other networks."""

BF16_SINCE = 8.0
"""Compute capability of the first NVIDIA GPUs with bfloat16 matrix units (Ampere)."""


@dataclass(frozen=True, kw_only=True)
class ComputeOptions:
    """How a step is computed. The result stays the same up to the order of sums, that is, up to rounding."""

    channels_last: bool = False
    """Store images and features in torch's channels-last layout, which convolutions read without rearranging."""
    fused: bool = False
    """Update all weights of an optimizer in one kernel."""
    compile: bool = False
    """Compile the networks with torch.compile, which fuses the operations between their convolutions."""
    graph: bool = False
    """Capture the whole step in a CUDA graph: its kernels then start without the CPU."""
    recompute: bool = False
    """Compute the activations inside blocks again in the backward pass: less memory, about a third more time."""

    def __str__(self) -> str:
        """Return the options that are on, as `parse_compute` reads them."""
        return ",".join(_word(field.name) for field in fields(self) if getattr(self, field.name)) or "plain"


PLAIN = ComputeOptions()
"""The eager path, as the papers' programs run; the others are verified against it."""


def parse_compute(text: str) -> ComputeOptions | None:
    """Return the options that a text names, or None for `auto`, the device's defaults (`choose_compute`).

    >>> str(parse_compute("fused,channels-last"))
    'channels-last,fused'
    >>> parse_compute("auto") is None
    True

    Args:
        text: `auto`, `plain`, or names of options, comma-separated: `channels-last,fused`.

    Raises:
        UsageError: a name is none of these.
    """
    known = {_word(field.name): field.name for field in fields(ComputeOptions)}
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words in (["auto"], ["plain"]):
        return None if words == ["auto"] else PLAIN
    for word in words or [text]:
        if word not in known:
            raise UsageError(f"`compute` has no option {word!r}", f"Use auto, plain or any of {','.join(known)}")
    return ComputeOptions(**{known[word]: True for word in words})


def choose_compute(
    wanted: ComputeOptions | None, device: torch.device, *, steps: int, processes: int = 1, deep: bool = False
) -> ComputeOptions:
    """Return how to compute the steps of a training.

    The defaults are, on a CPU, what needs no preparation; on a GPU the whole step as a graph, and compiled networks for long
    trainings. Every training of a recipe on one kind of device has the same defaults, also when it is resumed.

    Args:
        wanted: the user's options; None for the default.
        device: where the training runs.
        steps: of the whole training.
        processes: number of processes of the training.
        deep: whether most weights are used at few pixels (`zoo.compute.networks.is_deep`).

    Raises:
        UsageError: the device or the machine does not support the options.
    """
    if wanted is None:
        if device.type == "cpu":
            return ComputeOptions(channels_last=not deep, fused=True)
        if device.type != "cuda":
            return PLAIN
        long = steps >= LONG and _can_compile(device)
        return ComputeOptions(channels_last=long, fused=True, compile=long, graph=processes == 1)
    if wanted.graph and device.type != "cuda":
        raise UsageError(f"`compute`=graph requires an NVIDIA GPU; the device is {device.type}", "Leave graph out")
    if wanted.graph and wanted.recompute:
        raise UsageError(
            "`compute`=graph,recompute: a CUDA graph cannot recompute activations", "Leave one of them out"
        )
    if wanted.compile and not _can_compile(device):
        needs = "triton" if device.type == "cuda" else "a C++ compiler, g++ or clang++"
        raise UsageError(f"`compute`=compile requires {needs}, and none was found", "Install it, or leave compile out")
    return wanted


def choose_translation(wanted: ComputeOptions | None, device: torch.device) -> ComputeOptions:
    """Return how to translate images; compiled only on request, since every new size is compiled again.

    Raises:
        UsageError: the options are only for training, or the device or the machine does not support them.
    """
    if wanted is None:
        return ComputeOptions(channels_last=device.type in ("cpu", "cuda"))
    if wanted.fused or wanted.graph or wanted.recompute:
        raise UsageError(f"`compute`={wanted} is only for training", "Use auto, plain, or any of channels-last,compile")
    return choose_compute(wanted, device, steps=0)


def pick_device(name: str) -> torch.device:
    """Return the device that `auto`, `cpu` or `cuda` means on this machine.

    Raises:
        UsageError: the name is unknown, or this machine has no CUDA device.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"{name!r} is not a device", device_fix(name)) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device is available", "Use `device`=cpu or `device`=auto")
    return device


def device_fix(name: str) -> str:
    """Return what to name instead of something that is no device; other programs number GPUs only.

    >>> device_fix("0")
    'Use `device`=cuda:0'
    """
    number = re.fullmatch(r"(?:gpu:?)?(\d+)", name)
    return f"Use `device`=cuda:{number[1]}" if number else "Use auto, cpu, cuda or cuda:N"


def choose_precision(wanted: str, device: str) -> Precision:
    """Return the precision to train in.

    Args:
        wanted: `auto` or a precision. `auto` is bf16 where runs use NVIDIA GPUs of this machine and all of these support it,
            else fp32, also for the machines of a cluster.
        device: the device of the runs.

    Raises:
        UsageError: there is no such precision, or the device does not support it.
    """
    known = get_args(Precision)
    if wanted not in ("auto", *known):
        raise UsageError(f"no precision is named {wanted!r}", f"Use auto, {', '.join(known[:-1])} or {known[-1]}")
    if wanted == "tf32" and device == "cpu":
        raise UsageError("precision tf32 requires an NVIDIA GPU; the device is cpu", "Use `precision`=fp32")
    if wanted != "auto":
        return cast(Precision, wanted)
    capabilities = _capabilities() if device.startswith("cuda") else []
    return "bf16" if capabilities and min(capabilities) >= BF16_SINCE else "fp32"


def require_precision(precision: Precision, device: torch.device) -> None:
    """Refuse a number format that the device would emulate, tens of times slower.

    Raises:
        UsageError: the device has no hardware for it.
    """
    if precision == "tf32" and device.type != "cuda":
        raise UsageError(f"precision tf32 requires an NVIDIA GPU; the device is {device.type}", "Use fp32")
    if precision == "bf16" and not has_bf16(device):
        raise UsageError(f"precision bf16 requires bf16 hardware, which this {device.type} does not have", "Use fp32")


def has_bf16(device: torch.device) -> bool:
    """Whether a device has hardware for bfloat16 and does not emulate it."""
    import torch

    if device.type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


@contextmanager
def kernels(precision: Precision, compute: ComputeOptions, *, same_shapes: bool = True) -> Iterator[None]:
    """Set torch's process-wide choices of kernels in a `with` block, and restore them after it.

    `fp32` is IEEE single precision on every device: by default torch lets cuDNN round to TF32.
    """
    import torch

    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    matmul.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
    cudnn.benchmark = same_shapes and compute != PLAIN  # searches among algorithms once for each shape
    try:
        if compute.compile:
            import torch._dynamo

            # A network that cannot be compiled runs in eager mode, with a warning.
            with torch._dynamo.config.patch(recompile_limit=RECOMPILATIONS, suppress_errors=True):
                yield
        else:
            yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before


def query_gpus(fact: str) -> list[str]:
    """Return a fact of every GPU that nvidia-smi lists, such as `index` or `compute_cap`; none where it cannot run."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, f"--query-gpu={fact}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.split()


def _capabilities() -> list[float]:
    """Return the compute capability of every GPU that nvidia-smi lists; none where it does not know them."""
    try:
        return [float(text) for text in query_gpus("compute_cap")]
    except ValueError:
        return []


def _can_compile(device: torch.device) -> bool:
    if device.type == "cuda":
        return find_spec("triton") is not None
    return any(shutil.which(name) for name in ("g++", "clang++", "c++"))


def _word(field: str) -> str:
    return field.replace("_", "-")
