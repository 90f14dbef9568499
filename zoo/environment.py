"""What a record says of the machine and the software. Names no path and no host."""

from __future__ import annotations

import os
import platform
import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from zoo.content import files_of, source_of
from zoo.recipe import Recipe
from zoo.registry import get_registry
from zoo.version import __version__

PACKAGES = ("torch", "torchvision", "timm", "torchmetrics", "accelerate", "safetensors", "numpy", "pillow", "scipy")


def environment(device: str) -> dict[str, Any]:
    """Return Python, platform, processor, device and the versions of the packages that numbers depend on."""
    import torch

    accelerator = torch.cuda.get_device_name() if device.startswith("cuda") else ""
    return {
        "zoo": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device,
        "accelerator": accelerator,
        "cuda": torch.version.cuda if accelerator else None,
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def provenance(recipe: Recipe) -> dict[str, dict[str, str]]:
    """Return plugin, distribution and version of each part of a recipe, by kind, and `source` where it is no release."""
    plugins = {plugin.name: plugin for plugin in get_registry().plugins}
    found: dict[str, dict[str, str]] = {}
    for kind, part in recipe.parts.items():
        plugin = plugins[part.name.partition("/")[0]]
        found[kind] = {"plugin": plugin.name, "distribution": plugin.distribution, "version": plugin.version}
        if source := source_of(plugin):
            found[kind]["source"] = source
    return found


def option_files(recipe: Recipe) -> dict[str, str]:
    """Return the SHA-256 of each file that an option of a recipe's part names, by `KIND.OPTION`."""
    return {
        f"{kind}.{place}": digest
        for kind, part in recipe.parts.items()
        for place, digest in files_of(part.config).items()
    }


def peak_memory() -> dict[str, int | None]:
    """Return the peak memory of this process and of its accelerator so far, in bytes."""
    import torch

    unit = 1 if sys.platform == "darwin" else 1024
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"host": host, "device": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            names = (line.partition(":")[2].strip() for line in file if line.startswith("model name"))
            return next(names, platform.processor())
    except OSError:
        return platform.processor()
