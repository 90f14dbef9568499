"""The precision that `auto` means, from the driver and without torch, since it is part of a run's identity."""

from __future__ import annotations

import shutil
import subprocess
from typing import cast, get_args

from zoo.errors import UsageError
from zoo.recipe import Precision

BF16_SINCE = 8.0
"""Compute capability of the first NVIDIA GPUs with bfloat16 matrix units (Ampere)."""


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


def _capabilities() -> list[float]:
    """Return the compute capability of every GPU that nvidia-smi lists; none where it cannot run."""
    program = shutil.which("nvidia-smi")
    words = [program or "nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        listed = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout
        return [float(line) for line in listed.split()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
