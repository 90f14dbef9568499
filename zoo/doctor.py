"""What `zoo doctor` looks at: versions, devices, disk, the Hub, plugins, each with what to do about it."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zoo.files import cache_dir
from zoo.plugins import HEAVY_MODULES, discover
from zoo.version import __version__

if TYPE_CHECKING:
    import torch

PACKAGES = ("timm", "torchmetrics", "accelerate", "safetensors", "huggingface-hub", "pillow")
LOW_DISK = 2e9
"""Bytes; a grid's weights and pictures soon need more."""
TIMEOUT = 5.0
"""Seconds that the Hub has to answer."""

Verdict = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    found: str
    verdict: Verdict = "ok"
    fix: str = ""
    """What to type or change, where the verdict is not `ok`."""


def examine(*, network: bool = True) -> Iterator[Finding]:
    """Yield what was found, part by part; a part that breaks is a finding, not an end.

    Args:
        network: ask the Hub whether it can be reached.
    """
    parts: list[Callable[[], Iterator[Finding]]] = [
        _software,
        _plugins,
        _torch,
        _devices,
        _disk,
    ]  # plugins before torch: a forked process imports them first
    for part in [*parts, _hub] if network else parts:
        try:
            yield from part()
        except Exception as error:  # whatever it is, the other parts are still worth knowing
            yield Finding(what=part.__name__.strip("_"), found=f"{type(error).__name__}: {error}", verdict="fault")


def _software() -> Iterator[Finding]:
    yield Finding(what="zoo", found=__version__)
    yield Finding(what="python", found=f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for package in PACKAGES:
        try:
            yield Finding(what=package, found=version(package))
        except PackageNotFoundError:
            yield Finding(what=package, found="not installed", verdict="fault", fix=f"Type: {_pip()} install {package}")


def _torch() -> Iterator[Finding]:
    try:
        import torch
    except Exception as error:
        yield Finding(
            what="torch", found=str(error), verdict="fault", fix=f"Type: {_pip()} install -U torch torchvision"
        )
        return
    yield Finding(what="torch", found=f"{torch.__version__}, {torch.get_num_threads()} threads")
    try:
        import torchvision
    except Exception as error:
        yield Finding(what="torchvision", found=_one_line(error), verdict="fault", fix=_mismatch())
    else:
        yield Finding(what="torchvision", found=torchvision.__version__)


def _mismatch() -> str:
    """Return why torchvision usually fails: its compiled operators fit one build of torch only."""
    return (
        "torchvision's compiled operators fit one build of torch only: a CPU build of torch with a CUDA build of torchvision (or "
        f"another release) breaks it, and timm and torchmetrics with it. Type: {_pip()} install -U --force-reinstall "
        "torch torchvision"
    )


def _devices() -> Iterator[Finding]:
    import torch

    if not torch.cuda.is_available():
        built = torch.version.cuda
        driver = shutil.which("nvidia-smi") is not None
        if built and driver:
            fix = f"torch is built for CUDA {built}; update the driver, or install a torch for the driver's CUDA"
            yield Finding(what="GPU", found="a driver, but torch cannot use it", verdict="warning", fix=fix)
        else:
            yield Finding(what="GPU", found="none: cells run on the CPU; preset quick is meant for that")
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        yield Finding(what=f"GPU {index}", found=f"{device.name}, {device.total_memory / 2**30:.0f} GiB")
    yield from _speed(torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def _speed(device: torch.device) -> Iterator[Finding]:
    """Tell how trainings are computed unless the user says otherwise."""
    from zoo.compute.options import LONG, choose_compute, has_bf16

    place = "GPU" if device.type == "cuda" else "CPU"
    if has_bf16(device):
        usual = "the default" if place == "GPU" else "not the default: type --precision bf16"
        yield Finding(what="bf16", found=f"in this {place}; {usual}")
    else:
        yield Finding(what="bf16", found=f"no units in this {place}: training stays in fp32")
    short = choose_compute(None, device, steps=1)
    others = {
        f"from {LONG} steps on": choose_compute(None, device, steps=LONG),
        "UNets": choose_compute(None, device, steps=1, deep=True),
    }
    told = [str(short), *(f"{when} {speed}" for when, speed in others.items() if speed != short)]
    yield Finding(what="speed", found="; ".join(told))


def _disk() -> Iterator[Finding]:
    for what, folder in (("working folder", Path.cwd()), ("cache", cache_dir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                free = shutil.disk_usage(folder).free
        except OSError as error:
            fix = "Set ZOO_CACHE to a folder that can be written" if what == "cache" else "Go to another folder"
            yield Finding(what=what, found=f"{folder}: {error.strerror or error}", verdict="fault", fix=fix)
            continue
        low = free < LOW_DISK
        yield Finding(
            what=what,
            found=f"{folder}, {free / 1e9:.1f} GB free",
            verdict="warning" if low else "ok",
            fix="A grid leaves weights and pictures: make room" if low else "",
        )


def _plugins() -> Iterator[Finding]:
    for plugin in (found := discover(strict=False)):
        if plugin.status in ("failed", "incompatible"):
            fix = f"Type: zoo plugins --why {plugin.name}"
            yield Finding(what=f"plugin {plugin.name}", found=plugin.why, verdict="fault", fix=fix)
        elif plugin.heavy:
            heavy = f"imports {', '.join(plugin.heavy)} when it is discovered, {plugin.milliseconds:.0f} ms"
            fix = f"Its author should import {', '.join(HEAVY_MODULES[:1])} and the like where a part is built"
            yield Finding(what=f"plugin {plugin.name}", found=heavy, verdict="warning", fix=fix)
    fine = [plugin for plugin in found if plugin.status == "ok"]
    yield Finding(what="plugins", found=f"{len(fine)} of {len(found)} loaded")


def _hub() -> Iterator[Finding]:
    from huggingface_hub import constants, get_token

    token = "a token is set" if get_token() else "no token: what is public can be loaded, nothing published"
    if constants.HF_HUB_OFFLINE:
        yield Finding(what="Hub", found=f"HF_HUB_OFFLINE is set; {token}")
        return
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    endpoint = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    try:
        with contextlib.suppress(HTTPError), urlopen(Request(endpoint, method="HEAD"), timeout=TIMEOUT):
            pass  # an error's status is an answer too
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        fix = "Cached and local weights load all the same; set HF_ENDPOINT for a mirror, HF_HUB_OFFLINE=1 to not try"
        yield Finding(what="Hub", found=f"{endpoint} does not answer: {reason}; {token}", verdict="warning", fix=fix)
        return
    yield Finding(what="Hub", found=f"{endpoint} answers; {token}")


def _pip() -> str:
    return f"{Path(sys.executable).name} -m pip"


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
