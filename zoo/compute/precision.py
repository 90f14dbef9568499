"""The precision that `--precision auto` means, asked of the driver and not of torch, since it is part of a run's identity."""

from __future__ import annotations

import shutil
import subprocess
from typing import cast, get_args

from zoo.errors import UsageError
from zoo.recipe import Precision

BF16_SINCE = 8.0
"""Compute capability of the first NVIDIA GPUs whose matrix units take bfloat16 (Ampere)."""


def choose_precision(wanted: str, device: str) -> Precision:
    """Return the precision to train in.

    Args:
        wanted: `auto` or a precision. `auto` is bf16 where runs run on NVIDIA GPUs of this machine that all have units for it,
            else fp32; also where a cluster's machines are not known yet.
        device: what the runs are told to run on.

    Raises:
        UsageError: there is no such precision, or no processor has it.
    """
    known = get_args(Precision)
    if wanted not in ("auto", *known):
        raise UsageError(f"no precision is named {wanted!r}", f"Type auto, {', '.join(known[:-1])} or {known[-1]}")
    if wanted == "tf32" and device == "cpu":
        raise UsageError("precision tf32 is of NVIDIA GPUs, and --device is cpu", "Type --precision fp32")
    if wanted != "auto":
        return cast(Precision, wanted)
    capabilities = _capabilities() if device.startswith("cuda") else []
    return "bf16" if capabilities and min(capabilities) >= BF16_SINCE else "fp32"


def _capabilities() -> list[float]:
    """Return the compute capability of every GPU that nvidia-smi lists; none where it cannot be asked."""
    program = shutil.which("nvidia-smi")
    words = [program or "nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        listed = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout
        return [float(line) for line in listed.split()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
