"""Where the code of a third-party plugin failed. Imports no torch."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

from zoo.errors import ZooError
from zoo.plugins import Plugin, installed
from zoo.probe import describe


class PluginError(ZooError):
    """The code of a plugin failed: its module, or the constructor of a part."""


def plugin_error(what: str, error: BaseException, plugin: Plugin) -> PluginError:
    """Return the error to show for a part of a plugin that cannot be used, with the place in its code."""
    found = place_of(error)
    place = f" ({found[0]})" if found else ""
    return PluginError(f"{what}: {describe(error)}{place}", f"Run: zoo check {plugin.name}")


def place_of(error: BaseException) -> tuple[str, str] | None:
    """Return the last line of a third-party plugin that an error passed, as `FILE, line N`, and the plugin; None without one."""
    names = _packages()
    if isinstance(error, SyntaxError) and error.filename:
        parts = {*Path(error.filename).parent.parts, Path(error.filename).stem}
        plugin = next((plugin for package, plugin in names.items() if package in parts), None)
        return (f"{error.filename}, line {error.lineno}", plugin) if plugin else None
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in names:
            return f"{frame.f_code.co_filename}, line {line}", names[package]
    return None


def _packages() -> dict[str, str]:
    """Return third-party plugins by the packages of their hooks and of their components' targets."""
    found: dict[str, str] = {}
    for plugin in installed():
        modules = [plugin.module, *(component.target for component in plugin.components)]
        found |= {} if plugin.builtin else {re.split(r"[.:]", module)[0]: plugin.name for module in modules}
    return {package: name for package, name in found.items() if package not in ("zoo", "")}
