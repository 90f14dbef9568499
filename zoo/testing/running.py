"""Cases, a part and a check each, and how they are run. Imports no torch until a check runs."""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from typing import Any, Literal

from zoo.choices import Choice
from zoo.errors import UsageError, did_you_mean
from zoo.hookspec import ENTRY_POINT_GROUP, Component
from zoo.plugins import Plugin, discover, installed
from zoo.testing.causes import Causes, raised
from zoo.testing.checks import CHECKS, Check, CheckError


@dataclass(frozen=True, kw_only=True)
class Case:
    """A check of one part of a plugin."""

    plugin: Plugin
    choice: Choice | None
    """The part with the options of its row's `small`; None for a check of the whole plugin."""
    check: Check

    @property
    def part(self) -> str:
        """`KIND:NAME`, or `plugin:NAME` for a check of the whole plugin."""
        return f"{self.choice.kind}:{self.choice.name}" if self.choice else f"plugin:{self.plugin.name}"

    @property
    def name(self) -> str:
        """`KIND:NAME-CHECK`."""
        return f"{self.part}-{self.check.name}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of a case."""

    plugin: str
    part: str
    check: str
    status: Literal["passed", "failed", "skipped"]
    """`skipped`: the part cannot be built, or the check fails for a cause that an earlier one names."""
    text: str
    """What was measured, or what was expected, what was found and what to change, or why it was skipped."""
    seconds: float
    trace: str = ""
    """Where the part's code raised, if it did."""


def cases_of(plugin: str | None = None, *, parts: Sequence[str] = (), fast: bool = False) -> list[Case]:
    """Return the cases of a plugin, in the order of its rows.

    Args:
        plugin: name of an installed plugin, or of a module that implements hooks; None: every plugin that is not blocked.
        parts: only these, each as `KIND:NAME`.
        fast: leave out the checks that take seconds.

    Raises:
        UsageError: there is no such plugin or part.
    """
    plugins = [_plugin(plugin)] if plugin else [each for each in installed() if each.status != "blocked"]
    checks = [check for check in CHECKS if not (fast and check.slow)]
    cases: list[Case] = []
    for each in plugins:
        cases += [Case(plugin=each, choice=None, check=check) for check in checks if not check.kinds]
        for component in each.components:
            choice = Choice(plugin=each, component=component, config=small_config(component))
            cases += [Case(plugin=each, choice=choice, check=check) for check in checks if check.applies(choice)]
    known = list(dict.fromkeys(case.part for case in cases))
    for part in parts:
        if part not in known:
            fix = did_you_mean(part, known) or f"Write KIND:NAME, e.g. {known[-1]}"
            raise UsageError(f"{plugin or 'zoo'} has no part {part!r}", fix)
    return [case for case in cases if not parts or case.part in parts]


def run(case: Case) -> str:
    """Run a case and return what was measured; the caller's random streams and settings do not change.

    Raises:
        CheckError: the part fails the check.
        Exception: raised by the part's code.
    """
    if case.choice is None:
        return case.check.function()(case.plugin)
    # Here, not above: it imports torch.
    from zoo.testing.global_state import isolated

    # Keep output and warnings of the part out of the results.
    with isolated(), contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return case.check.function()(case.choice)


def outcome(case: Case, causes: Causes | None = None) -> Result:
    """Run a case and return its result, whatever the part's code raises.

    Args:
        case: the check and the part.
        causes: of the failures before this one, to which its own is added; None: there were none.
    """
    start = time.perf_counter()
    causes = causes or Causes()
    status: Literal["passed", "failed", "skipped"] = "failed"
    trace = ""
    try:
        text, status = _blocked_or_run(case, causes)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a part must not end the command
        if text := causes.repeated(case, error):
            status = "skipped"
        elif isinstance(error, CheckError):
            text = str(error)
        else:
            trace = traceback.format_exc()
            text = f"expected that {case.check.proves}; found {raised(error, case)}. Use `trace` to see where"
    plugin = case.plugin.name
    seconds = round(time.perf_counter() - start, 3)
    return Result(
        plugin=plugin, part=case.part, check=case.check.name, status=status, text=text, seconds=seconds, trace=trace
    )


def _blocked_or_run(case: Case, causes: Causes) -> tuple[str, Literal["passed", "skipped"]]:
    """Run a case unless an earlier failure of its part makes that pointless."""
    blocked = causes.blocked(case)
    return (blocked, "skipped") if blocked else (run(case), "passed")


def _plugin(name: str) -> Plugin:
    """Return an installed plugin, or the one that a module of that name would be."""
    found = next((plugin for plugin in installed() if plugin.name == name), None)
    if found:
        return found
    try:
        known = find_spec(name) is not None
    except (ImportError, ValueError):
        known = False
    if not known:
        names = [plugin.name for plugin in installed()]
        hint = did_you_mean(name, names) or "Run zoo plugins, or name a module that implements zoo_components"
        raise UsageError(f"no plugin and no module is named {name!r}", hint)
    importlib.invalidate_caches()
    return discover([EntryPoint(name=name, value=name, group=ENTRY_POINT_GROUP)], selection="", strict=False)[0]


def small_config(component: Component) -> Any:
    """Return the part's config with the options of `small`, or unchanged where it refuses them, which a check reports."""
    try:
        return replace(component.config, **component.small)
    except Exception:
        return component.config
