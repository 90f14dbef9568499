"""The conformance suite: what every part of a kind must do, for zoo's own plugins and for anybody's.

    zoo check mynet                                # a table of checks; exit code 1 where one fails
    pytest --zoo mynet                             # the same, one test for each part and check

    class TestMyNet(zoo.testing.ComponentTests):   # the same, in the plugin's own tests
        plugin = "mynet"

Importing this imports no torch; each name is fetched when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.testing.cases import ComponentTests
    from zoo.testing.checks import CHECKS, Check
    from zoo.testing.failure import CheckError
    from zoo.testing.running import Case, Result, cases_of, outcome, run
    from zoo.testing.stubs import scenes_batch, small_parts

__all__ = [
    "CHECKS",
    "Case",
    "Check",
    "CheckError",
    "ComponentTests",
    "Result",
    "cases_of",
    "outcome",
    "run",
    "scenes_batch",
    "small_parts",
]

_HOMES = {
    "CHECKS": "checks",
    "Case": "running",
    "Check": "checks",
    "CheckError": "failure",
    "ComponentTests": "cases",
    "Result": "running",
    "cases_of": "running",
    "outcome": "running",
    "run": "running",
    "scenes_batch": "stubs",
    "small_parts": "stubs",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"zoo.testing.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'zoo.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
