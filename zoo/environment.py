"""What a record says of the machine and the software. Names no path and no host."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from zoo.checksums import sha256_of
from zoo.content import files_of, source_of, with_contents
from zoo.hookspec import INFERENCE
from zoo.recipe import Recipe, choice_of
from zoo.registry import get_registry
from zoo.version import __version__

PACKAGES = ("torch", "torchvision", "timm", "torchmetrics", "accelerate", "safetensors", "numpy", "pillow", "scipy")


def environment(device: str) -> dict[str, Any]:
    """Return Python, platform, processor, device and the versions of the packages that numbers depend on."""
    import torch

    accelerator = device_name(device) if device.startswith("cuda") else ""
    return {
        "zoo": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": device_name("cpu"),
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


def option_files(recipe: Recipe, *, fetch: bool = False) -> dict[str, str]:
    """Return the SHA-256 of each file that an option of a recipe's part names or requires, by `KIND.OPTION`.

    Args:
        recipe: of a training.
        fetch: whether to download published weights that an option requires and this machine lacks; without, they are left out.

    Raises:
        ZooError: they cannot be downloaded.
    """
    configs = {(row.kind, row.full_name): row.config for row in get_registry().choices}
    found: dict[str, str] = {}
    for kind, part in recipe.parts.items():
        found |= {f"{kind}.{place}": digest for place, digest in files_of(part.config).items()}
        if hasattr(configs.get((kind, part.name)), "weights_files"):
            required: Mapping[str, Path] = choice_of(kind, part).config.weights_files(fetch=fetch)
            found |= {f"{kind}.{option}": sha256_of(path.resolve()) for option, path in required.items()}
    return found


def inference_options(recipe: Recipe) -> list[str]:
    """Return the options of a recipe that only translation reads, as `KIND.OPTION`; none of parts that are not installed."""
    configs = {(row.kind, row.full_name): row.config for row in get_registry().choices}
    return [
        f"{kind}.{field.name}"
        for kind, part in recipe.parts.items()
        for field in (fields(configs[kind, part.name]) if (kind, part.name) in configs else ())
        if field.metadata.get(INFERENCE) and field.name in part.config
    ]


def values_of(recipe: Recipe, places: Iterable[str], files: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a recipe's options at `KIND.OPTION`, with the SHA-256 of `option_files` in place of paths."""
    configs = {kind: with_contents(part.config, files, f"{kind}.") for kind, part in recipe.parts.items()}
    named = {f"{kind}.{option}": value for kind, config in configs.items() for option, value in config.items()}
    return {place: named[place] for place in places if place in named}


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


def device_name(device: str) -> str:
    """Return the name of an accelerator, or for `cpu` that of the processor."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name()
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            names = (line.partition(":")[2].strip() for line in file if line.startswith("model name"))
            return next(names, platform.processor())
    except OSError:
        return platform.processor()
