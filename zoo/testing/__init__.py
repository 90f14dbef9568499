"""The conformance suite: what every part of a kind must do, for zoo's own plugins and third-party ones.

    zoo check mynet                                # a table of checks; exit code 1 where one fails
    pytest --zoo mynet                             # the same, one test for each part and check

    class TestMyNet(zoo.testing.ComponentTests):   # the same, in the plugin's own tests
        plugin = "mynet"

Importing this imports no torch; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.testing.checks import CHECKS, Check, CheckError
    from zoo.testing.pytest_plugin import ComponentTests
    from zoo.testing.running import Case, Result, cases_of, outcome, run
    from zoo.testing.stubs import scenes_batch, small_parts

_MODULES = {
    "checks": ("CHECKS", "Check", "CheckError"),
    "pytest_plugin": ("ComponentTests",),
    "running": ("Case", "Result", "cases_of", "outcome", "run"),
    "stubs": ("scenes_batch", "small_parts"),
}
# fmt: off
__all__ = [
    "CHECKS", "Case", "Check", "CheckError", "ComponentTests", "Result", "cases_of", "outcome", "run", "scenes_batch",
    "small_parts",
]
# fmt: on


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"zoo.testing.{module}"), name)
    raise AttributeError(f"module 'zoo.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
