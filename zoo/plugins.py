"""Discovery: every plugin is imported alone, timed, version-checked and blockable; one bad plugin costs one line.

A third-party plugin is imported in a forked process first (`zoo.probe`): it may crash, exit or hang there.

Imports no torch. `ZOO_PLUGINS=a,b` loads only these, `ZOO_PLUGINS=-a` all but this; `ZOO_STRICT=1` raises instead of reporting.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from itertools import chain
from typing import Literal

import pluggy

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.hookspec import ENTRY_POINT_GROUP, PROJECT, Component, Hooks
from zoo.probe import Failure, can_probe, describe, probe, stdout_to_stderr
from zoo.rows import NO_ROWS, RejectedError, Rows, checked_rows
from zoo.version import DISTRIBUTION, __version__

HEAVY_MODULES = ("torch", "torchvision", "timm", "torchmetrics", "accelerate", "matplotlib", "scipy")
"""Modules that listing must not import; `zoo plugins` names the plugin that does."""

SLOW_MS = 200.0
"""Milliseconds of discovery from which `zoo plugins` calls a plugin slow; every command that looks up a part waits for it."""

Status = Literal["ok", "failed", "blocked", "incompatible"]


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One entry point and what became of it."""

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
    """Heavy modules that importing this plugin brought in."""
    rows: Rows = NO_ROWS
    """What it brings."""

    @property
    def components(self) -> tuple[Component, ...]:
        """The components that it brings."""
        return self.rows.components

    @property
    def builtin(self) -> bool:
        """Whether the plugin comes in zoo's own wheel."""
        return self.distribution == DISTRIBUTION


def discover(
    points: Iterable[EntryPoint] | None = None, *, selection: str | None = None, strict: bool | None = None
) -> tuple[Plugin, ...]:
    """Load every plugin by itself and return what became of each, zoo's own first, then by name.

    Args:
        points: entry points to load; by default those installed in group `zoo.plugins`.
        selection: comma-separated plugin names; a leading `-` blocks one. By default `$ZOO_PLUGINS`.
        strict: raise at the first plugin that fails. By default `$ZOO_STRICT` is `1`.

    Raises:
        UsageError: `selection` names an unknown plugin.
        ZooError: a plugin failed and `strict` holds.
    """
    points = list(entry_points(group=ENTRY_POINT_GROUP) if points is None else points)
    points.sort(key=lambda point: (_distribution(point) != DISTRIBUTION, point.name, _distribution(point)))
    selection = os.environ.get("ZOO_PLUGINS", "") if selection is None else selection
    blocked = _blocked(selection, {point.name for point in points})
    strict = os.environ.get("ZOO_STRICT") == "1" if strict is None else strict
    plugins: list[Plugin] = []
    failures: dict[str, Failure] | None = None
    for position, point in enumerate(points):
        taken = next((other for other in plugins if other.name == point.name), None)
        plugin = _report(point, "blocked", "blocked by ZOO_PLUGINS or --no-plugin")
        if taken:
            why = f"the name is taken by distribution {taken.distribution}"
            plugin = _report(point, "failed", f"{why}; one of the two must be uninstalled")
        elif point.name not in blocked:
            if failures is None and _distribution(point) != DISTRIBUTION:
                failures = _probed(points[position:], blocked)
            plugin = _load(point, (failures or {}).get(point.name))
        if strict and plugin.status in ("failed", "incompatible"):
            raise ZooError(
                f"plugin {plugin.name} ({plugin.distribution} {plugin.version}): {plugin.why}\n{plugin.trace}"
            )
        plugins.append(plugin)
    return tuple(plugins)


@cache
def installed() -> tuple[Plugin, ...]:
    """Return the installed plugins, discovered once a process; broken ones are told on stderr, a line each."""
    plugins = discover()
    for plugin in plugins:
        if plugin.status in ("failed", "incompatible"):
            print(
                f"zoo: plugin {plugin.name} left out: {plugin.why} [zoo plugins --why {plugin.name}]", file=sys.stderr
            )
    return plugins


def _blocked(selection: str, known: set[str]) -> set[str]:
    names = [name.strip() for name in selection.split(",") if name.strip()]
    minus = {name[1:] for name in names if name.startswith("-")}
    only = {name for name in names if not name.startswith("-")}
    for name in sorted((minus | only) - known):
        raise UsageError(f"no plugin is named {name!r}", did_you_mean(name, known) or "Type: zoo plugins")
    return minus | (known - only if only else set())


def _probed(points: Iterable[EntryPoint], blocked: set[str]) -> dict[str, Failure]:
    """Return the third-party plugins that cannot be imported; where a copy of this process would not tell, none."""
    tried: dict[str, EntryPoint] = {}
    for point in points:
        with contextlib.suppress(Exception):  # metadata that cannot be read are reported by `_load`
            if point.name not in blocked and not _incompatible(point.dist):
                tried.setdefault(point.name, point)
    return probe(list(tried.values()), _rows) if can_probe() else {}


def _load(point: EntryPoint, failure: Failure | None = None) -> Plugin:
    if failure:
        return _report(point, "failed", failure.why, failure.trace, failure.seconds)
    before = {name for name in HEAVY_MODULES if name in sys.modules}
    start = time.perf_counter()
    try:
        if why := _incompatible(point.dist):
            return _report(point, "incompatible", why)
        with stdout_to_stderr():
            rows = _rows(point)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a plugin must not end the command
        return _report(point, "failed", describe(error), _trace(error), time.perf_counter() - start)
    heavy = tuple(name for name in HEAVY_MODULES if name in sys.modules and name not in before)
    return _report(point, "ok", "", "", time.perf_counter() - start, heavy, rows)


def _rows(point: EntryPoint) -> Rows:
    """Import one plugin into a manager of its own and return its checked rows."""
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
    """Return why a distribution's own requirement on zoo is not met, read before anything of it is imported."""
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
            return f"{wants}, this is {__version__}; type: pip install -U {DISTRIBUTION} {dist.name}"
    return ""


def _report(
    point: EntryPoint,
    status: Status,
    why: str = "",
    trace: str = "",
    seconds: float = 0.0,
    heavy: tuple[str, ...] = (),
    rows: Rows = NO_ROWS,
) -> Plugin:
    return Plugin(
        name=point.name,
        distribution=_distribution(point),
        version=_identity(point.dist)[1] if point.dist else "",
        module=point.module,
        status=status,
        why=why,
        trace=trace,
        milliseconds=round(seconds * 1000, 1),
        heavy=heavy,
        rows=rows,
    )


def _distribution(point: EntryPoint) -> str:
    return _identity(point.dist)[0] if point.dist else ""


@cache
def _identity(dist: Distribution) -> tuple[str, str]:
    """Return a distribution's name and version; each look at them parses its whole metadata again."""
    metadata = dist.metadata
    return metadata["Name"], metadata["Version"]


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
