"""The causes of failed checks, so that each is named once for a part. Imports no torch."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import ZooError
from zoo.plugin_faults import PluginError
from zoo.testing.checks import BUILDS, CheckError

if TYPE_CHECKING:
    from zoo.testing.running import Case

Part = tuple[str, str]
"""Names of a plugin and of its part."""


class Causes:
    """What failed so far: a part that cannot be built is checked no further, and a cause that was named is not named again."""

    def __init__(self) -> None:
        self._checks: dict[Part, dict[Hashable, str]] = {}

    def blocked(self, case: Case) -> str:
        """Return why a case is not run; empty where it is."""
        failed = self._checks.get(_part(case), {}).values()
        needed = [name for name in (BUILDS, *case.check.after) if name in failed and case.check.name != name]
        return f"not run: {needed[0]} failed" if needed else ""

    def repeated(self, case: Case, error: BaseException) -> str:
        """Note the failure of a case; return which check named the same cause before, empty where none did."""
        checks = self._checks.setdefault(_part(case), {})
        first = checks.setdefault(_cause(error, case), case.check.name)
        return f"it fails for the same cause as {first}" if first != case.check.name else ""


def raised(error: BaseException, case: Case) -> str:
    """Return an exception in one line, with the last place in the plugin's own code where it passed."""
    error = _own(error)
    text = " ".join(str(error).split())
    if isinstance(error, ZooError):
        return text
    place = _place(error, case)
    return f"{type(error).__name__}{f': {text[:300]}' if text else ''}{f' ({place})' if place else ''}"


def _part(case: Case) -> Part:
    return case.plugin.name, case.part


def _cause(error: BaseException, case: Case) -> Hashable:
    """Return what two failures of one cause have in common; sizes in the text of an exception differ between checks."""
    if isinstance(error, CheckError):
        if error.__cause__ is None:
            return error.expected, error.found
        error = error.__cause__
    error = _own(error)
    return type(error).__name__, _place(error, case), re.sub(r"\d+", "#", str(error))


def _own(error: BaseException) -> BaseException:
    """Return what the plugin's code raised, in place of the error by which zoo names the plugin."""
    return error.__cause__ if isinstance(error, PluginError) and error.__cause__ else error


def _place(error: BaseException, case: Case) -> str:
    """Return the file and line of the plugin's own code where an exception passed last; empty where it did not."""
    code = getattr(sys.modules.get(case.plugin.module), "__file__", None) or __file__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(Path(code).parent)]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
