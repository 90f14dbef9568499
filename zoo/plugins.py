"""Discovery: every plugin is imported separately, timed and checked; a bad plugin is one line on stderr.

A third-party plugin is first imported in a forked process (`zoo.probe`), which it may crash, end or block.

`ZOO_PLUGINS=a,b` loads only these, `ZOO_PLUGINS=-a` all except this; `ZOO_STRICT=1` raises at a bad plugin. Imports no torch.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from itertools import chain
from typing import Literal

import pluggy

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.hookspec import ENTRY_POINT_GROUP, PROJECT, Component, Hooks
from zoo.probe import ImportFailure, can_probe, describe, probe, stdout_to_stderr, trace_of
from zoo.rows import NO_ROWS, RejectedError, Rows, checked_rows
from zoo.version import DISTRIBUTION, __version__

HEAVY_MODULES = ("torch", "torchvision", "timm", "torchmetrics", "accelerate", "matplotlib", "scipy")
"""Modules that the import of a plugin must not import; `zoo plugins` names plugins that do."""

SLOW_MS = 200.0
"""Milliseconds from which `zoo plugins` calls an import slow; it delays every command that looks up a component."""

Status = Literal["ok", "failed", "blocked", "incompatible"]


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """An entry point and the result of its import."""

    name: str
    distribution: str
    version: str
    module: str
    status: Status = "ok"
    why: str = ""
    """One line; empty for status `ok`."""
    trace: str = ""
    milliseconds: float = 0.0
    heavy: tuple[str, ...] = ()
    """Heavy modules that this plugin imported."""
    rows: Rows = NO_ROWS
    """The results of its hooks."""

    @property
    def components(self) -> tuple[Component, ...]:
        """Its components."""
        return self.rows.components

    @property
    def builtin(self) -> bool:
        """Whether the plugin is part of zoo's own wheel."""
        return self.distribution == DISTRIBUTION


def discover(
    points: Iterable[EntryPoint] | None = None, *, selection: str | None = None, strict: bool | None = None
) -> tuple[Plugin, ...]:
    """Import every plugin separately and return the results, zoo's own first, then by name.

    Args:
        points: entry points to load; by default those installed in group `zoo.plugins`.
        selection: comma-separated plugin names; a leading `-` blocks one. By default `$ZOO_PLUGINS`.
        strict: raise at the first plugin that fails. By default whether `$ZOO_STRICT` is `1`.

    Raises:
        UsageError: `selection` names an unknown plugin.
        ZooError: a plugin failed and `strict` is set.
    """
    points = list(entry_points(group=ENTRY_POINT_GROUP) if points is None else points)
    points.sort(key=lambda point: (_distribution(point) != DISTRIBUTION, point.name, _distribution(point)))
    selection = os.environ.get("ZOO_PLUGINS", "") if selection is None else selection
    blocked = _blocked(selection, {point.name for point in points})
    strict = os.environ.get("ZOO_STRICT") == "1" if strict is None else strict
    failures = _probed([point for point in points if point.name not in blocked])
    plugins: list[Plugin] = []
    taken: dict[str, str] = {}
    for point in points:
        plugin = Plugin(
            name=point.name,
            distribution=_distribution(point),
            version=_identity(point.dist)[1] if point.dist else "",
            module=point.module,
        )
        if point.name in taken:
            why = f"the name is taken by distribution {taken[point.name]}; uninstall one of the two"
            plugin = replace(plugin, status="failed", why=why)
        elif point.name in blocked:
            plugin = replace(plugin, status="blocked", why="blocked by ZOO_PLUGINS or `no_plugin`")
        else:
            plugin = _loaded(plugin, point, failures.get(point.name))
        if strict and plugin.status in ("failed", "incompatible"):
            what = f"plugin {plugin.name} ({plugin.distribution} {plugin.version})"
            raise ZooError(f"{what}: {plugin.why}\n{plugin.trace}")
        taken.setdefault(point.name, plugin.distribution)
        plugins.append(plugin)
    return tuple(plugins)


@cache
def installed() -> tuple[Plugin, ...]:
    """Return the installed plugins, imported once per process; each broken one is a line on stderr."""
    plugins = discover()
    for plugin in plugins:
        if plugin.status in ("failed", "incompatible"):
            why = f"{plugin.why} [zoo plugins --why {plugin.name}]"
            print(f"zoo: plugin {plugin.name} left out: {why}", file=sys.stderr)
    return plugins


def _blocked(selection: str, known: set[str]) -> set[str]:
    names = [name.strip() for name in selection.split(",") if name.strip()]
    minus = {name[1:] for name in names if name.startswith("-")}
    only = {name for name in names if not name.startswith("-")}
    for name in sorted((minus | only) - known):
        raise UsageError(f"no plugin is named {name!r}", did_you_mean(name, known) or "Run: zoo plugins")
    return minus | (known - only if only else set())


def _probed(points: Sequence[EntryPoint]) -> dict[str, ImportFailure]:
    """Return the third-party plugins that cannot be imported; none if a forked process would not work like this one."""
    tested: dict[str, EntryPoint] = {}
    for point in points:
        with contextlib.suppress(Exception):  # `_loaded` reports metadata that cannot be read
            if _distribution(point) != DISTRIBUTION and not _incompatible(point.dist):
                tested.setdefault(point.name, point)
    return probe(list(tested.values()), _rows) if tested and can_probe() else {}


def _loaded(plugin: Plugin, point: EntryPoint, failure: ImportFailure | None) -> Plugin:
    """Return a plugin with its status and its rows."""
    if failure:
        milliseconds = round(failure.seconds * 1000, 1)
        return replace(plugin, status="failed", why=failure.why, trace=failure.trace, milliseconds=milliseconds)
    before = {name for name in HEAVY_MODULES if name in sys.modules}
    start = time.perf_counter()
    try:
        if why := _incompatible(point.dist):
            return replace(plugin, status="incompatible", why=why)
        with stdout_to_stderr():
            plugin = replace(plugin, rows=_rows(point))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a plugin must not end the command
        plugin = replace(plugin, status="failed", why=describe(error), trace=trace_of(error))
    heavy = tuple(name for name in HEAVY_MODULES if name in sys.modules and name not in before)
    return replace(plugin, milliseconds=round((time.perf_counter() - start) * 1000, 1), heavy=heavy)


def _rows(point: EntryPoint) -> Rows:
    """Import a plugin and return the checked rows of its hooks."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    module = point.load()
    manager.register(module, name=point.name)
    manager.check_pending()
    if not manager.get_hookcallers(module):
        raise RejectedError(f"{point.value} implements no hook of zoo; is @hookimpl missing before zoo_components?")
    return checked_rows(
        components=chain.from_iterable(manager.hook.zoo_components()),
        weights=chain.from_iterable(manager.hook.zoo_weights()),
        checkpoints=chain.from_iterable(manager.hook.zoo_checkpoints()),
    )


def _incompatible(dist: Distribution | None) -> str:
    """Return why a distribution's requirement on zoo is not met; reads only its metadata."""
    if dist is None or _identity(dist)[0] == DISTRIBUTION:
        return ""
    from packaging.requirements import InvalidRequirement, Requirement

    for line in dist.requires or []:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        same = re.sub(r"[-_.]+", "-", requirement.name).lower() == DISTRIBUTION
        if same and not requirement.specifier.contains(__version__, prereleases=True):
            wants = f"{dist.name} {dist.version} needs {DISTRIBUTION}{requirement.specifier}"
            return f"{wants}, this is {__version__}; run: pip install -U {DISTRIBUTION} {dist.name}"
    return ""


def _distribution(point: EntryPoint) -> str:
    return _identity(point.dist)[0] if point.dist else ""


@cache
def _identity(dist: Distribution) -> tuple[str, str]:
    """Return a distribution's name and version; `metadata` parses the whole file at each access."""
    metadata = dist.metadata
    return metadata["Name"], metadata["Version"]
