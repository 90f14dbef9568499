"""`zoo doctor`: versions, devices, disk, the Hub and plugins of this machine, each with the command that fixes it."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zoo.cli.output import Json, print_json, print_lines, print_table
from zoo.errors import ZooError
from zoo.files import cache_dir
from zoo.plugins import discover
from zoo.version import __version__

if TYPE_CHECKING:
    import torch

PACKAGES = ("timm", "torchmetrics", "accelerate", "safetensors", "huggingface-hub", "pillow")
LOW_DISK = 2e9
"""Bytes; a grid's weights and pictures soon need more."""
TIMEOUT = 5.0
"""Seconds in which the Hub must answer."""
PIP = f"{Path(sys.executable).name} -m pip"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fact about this machine."""

    what: str
    found: str
    verdict: Literal["ok", "warning", "fault"] = "ok"
    fix: str = ""
    """What to run or change, where the verdict is not `ok`."""


def doctor(
    network: Annotated[bool, typer.Option("--network/--no-network", help="Check that the Hub answers.")] = True,
    as_json: Json = False,
) -> None:
    """Check versions, devices, disk, plugins and the Hub.

    Each fault is shown with its fix; the exit code is then 1.

    Example: zoo doctor
    """
    findings = list(examine(network=network))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(("", "found", "verdict"), [(one.what, one.found, one.verdict) for one in findings])
        print_lines(f"\n{one.what}: {one.fix}" for one in findings if one.fix)
    if faults := [one.what for one in findings if one.verdict == "fault"]:
        raise ZooError(f"{', '.join(faults)}: broken or missing")


def examine(*, network: bool = True) -> Iterator[Finding]:
    """Yield the findings; a check that raises becomes a finding.

    Args:
        network: also connect to the Hub.
    """
    checks = [_software, _plugins, _torch, _devices, _disk]  # plugins before torch: a forked process imports them first
    for check in [*checks, _hub] if network else checks:
        try:
            yield from check()
        except Exception as error:  # whatever it is, the other checks still run
            yield Finding(what=check.__name__.strip("_"), found=f"{type(error).__name__}: {error}", verdict="fault")


def _software() -> Iterator[Finding]:
    yield Finding(what="zoo", found=__version__)
    yield Finding(what="python", found=f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for package in PACKAGES:
        try:
            yield Finding(what=package, found=version(package))
        except PackageNotFoundError:
            yield Finding(what=package, found="not installed", verdict="fault", fix=f"Run: {PIP} install {package}")


def _torch() -> Iterator[Finding]:
    mismatch = (
        "torchvision's operators fit one build of torch: a CPU build of torch with a CUDA build of torchvision, or another "
        "release, breaks torchvision, timm and torchmetrics. "
        f"Run: {PIP} install -U --force-reinstall torch torchvision"
    )
    for package, fix in {"torch": f"Run: {PIP} install -U torch torchvision", "torchvision": mismatch}.items():
        try:
            module = import_module(package)
        except Exception as error:
            found = " ".join(f"{type(error).__name__}: {error}".split())
            yield Finding(what=package, found=found, verdict="fault", fix=fix)
            return
        threads = f", {module.get_num_threads()} threads" if package == "torch" else ""
        yield Finding(what=package, found=f"{module.__version__}{threads}")


def _devices() -> Iterator[Finding]:
    import torch

    if not torch.cuda.is_available():
        if torch.version.cuda and shutil.which("nvidia-smi"):
            fix = f"torch is built for CUDA {torch.version.cuda}; update the driver, or install a torch for its CUDA"
            yield Finding(what="GPU", found="a driver, but torch cannot use it", verdict="warning", fix=fix)
        else:
            yield Finding(what="GPU", found="none: runs use the CPU; preset quick is meant for that")
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        yield Finding(what=f"GPU {index}", found=f"{device.name}, {device.total_memory / 2**30:.0f} GiB")
    yield from _compute(torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def _compute(device: torch.device) -> Iterator[Finding]:
    """Yield how training is computed by default."""
    from zoo.compute.options import LONG, choose_compute, has_bf16

    if has_bf16(device):
        usual = "the default" if device.type == "cuda" else "off by default: use --precision bf16"
        yield Finding(what="bf16", found=f"supported; {usual}")
    else:
        yield Finding(what="bf16", found="not supported: training runs in fp32")
    short = choose_compute(None, device, steps=1)
    others = {
        f"from {LONG} steps on": choose_compute(None, device, steps=LONG),
        "UNets": choose_compute(None, device, steps=1, deep=True),
    }
    found = [str(short), *(f"{when} {options}" for when, options in others.items() if options != short)]
    yield Finding(what="compute", found="; ".join(found))


def _disk() -> Iterator[Finding]:
    for what, folder in (("working folder", Path.cwd()), ("cache", cache_dir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                free = shutil.disk_usage(folder).free
        except OSError as error:
            fix = "Set ZOO_CACHE to a writable folder" if what == "cache" else "Change to another folder"
            yield Finding(what=what, found=f"{folder}: {error.strerror or error}", verdict="fault", fix=fix)
            continue
        found = f"{folder}, {free / 1e9:.1f} GB free"
        if free < LOW_DISK:
            yield Finding(
                what=what, found=found, verdict="warning", fix="Free some space: runs save weights and pictures"
            )
        else:
            yield Finding(what=what, found=found)


def _plugins() -> Iterator[Finding]:
    found = discover(strict=False)
    for plugin in found:
        if plugin.status in ("failed", "incompatible"):
            fix = f"Run: zoo plugins --why {plugin.name}"
            yield Finding(what=f"plugin {plugin.name}", found=plugin.why, verdict="fault", fix=fix)
        elif plugin.heavy:
            heavy = f"imports {', '.join(plugin.heavy)} when it is discovered, {plugin.milliseconds:.0f} ms"
            fix = "Its author should import such modules where a component is built"
            yield Finding(what=f"plugin {plugin.name}", found=heavy, verdict="warning", fix=fix)
    loaded = sum(plugin.status == "ok" for plugin in found)
    yield Finding(what="plugins", found=f"{loaded} of {len(found)} loaded")


def _hub() -> Iterator[Finding]:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    from huggingface_hub import constants, get_token

    token = "a token is set" if get_token() else "no token: public models load; publishing needs one"
    if constants.HF_HUB_OFFLINE:
        yield Finding(what="Hub", found=f"HF_HUB_OFFLINE is set; {token}")
        return
    endpoint = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    try:
        with contextlib.suppress(HTTPError), urlopen(Request(endpoint, method="HEAD"), timeout=TIMEOUT):
            pass  # an error status is an answer too
    except (OSError, ValueError) as error:
        found = f"{endpoint} cannot be reached: {getattr(error, 'reason', error)}; {token}"
        fix = (
            "Cached and local weights still load; set HF_ENDPOINT for a mirror, or HF_HUB_OFFLINE=1 to make no requests"
        )
        yield Finding(what="Hub", found=found, verdict="warning", fix=fix)
    else:
        yield Finding(what="Hub", found=f"{endpoint} answers; {token}")
