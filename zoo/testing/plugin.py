"""Checks of a whole plugin and of its recipes. Imports no torch."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import get_args

import msgspec

from zoo.choices import Choice
from zoo.composition import compose
from zoo.hookspec import ENTRY_POINT_GROUP, RecipeConfig
from zoo.plugins import Plugin
from zoo.presets import PresetName
from zoo.sources import open_source
from zoo.testing.checks import CheckError

_LIST_ALONE = f"""
import sys
from importlib.metadata import EntryPoint
from zoo.plugins import discover
(plugin,) = discover([EntryPoint(name=sys.argv[1], value=sys.argv[2], group={ENTRY_POINT_GROUP!r})], selection="", strict=False)
import msgspec
print(msgspec.json.encode([plugin.status, plugin.why, plugin.heavy, plugin.milliseconds]).decode())
"""


def discovery(plugin: Plugin) -> str:
    """List the plugin alone in a fresh process; return the milliseconds that it took."""
    listed = "a plugin that is listed"
    if plugin.status == "incompatible":
        raise CheckError(listed, plugin.why, "Widen the requirement, or install the versions that fit")
    done = subprocess.run(
        [sys.executable, "-c", _LIST_ALONE, plugin.name, plugin.module],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise CheckError(listed, f"a process that ended with {last!r}", f"Run zoo plugins --why {plugin.name}")
    status, why, heavy, milliseconds = msgspec.json.decode(done.stdout.splitlines()[-1])
    if status != "ok":
        raise CheckError(listed, why, "Fix its rows or its imports; zoo plugins --why NAME shows the trace")
    if heavy:
        names = ", ".join(heavy)
        raise CheckError(
            "a plugin that is listed without torch or other heavy modules",
            f"{names} imported, {milliseconds:.0f} ms",
            f"Import {names} only in the module that the row's `target` names, not in `{plugin.module}` or its configs",
        )
    return f"{milliseconds:.1f} ms"


def composes(choice: Choice) -> str:
    """Compose the recipe on `scenes` as each preset does; return its parts."""
    system = choice.config
    if not isinstance(system, RecipeConfig):
        fix = "Write config=RecipeConfig(method=...)"
        raise CheckError("a config that is a zoo.hookspec.RecipeConfig", type(system).__name__, fix)
    source = open_source("scenes:train=4,test=2", size=64)
    names = ""
    presets: tuple[PresetName, ...] = get_args(PresetName)
    for preset in presets:
        chosen = system.quick() if preset == "quick" else system
        # By its parts, so that the recipe of a module that is not installed composes too.
        recipe = compose(
            method=chosen.method,
            generator=chosen.generator,
            discriminator=chosen.discriminator,
            data=source,
            preset=preset,
            size=chosen.size if preset == "paper" else None,
            batch=min(chosen.batch, source.train),
        )
        parts = (recipe.method, recipe.generator, recipe.discriminator, recipe.normalizer)
        names = ", ".join(part.name for part in parts if part)
    return names
