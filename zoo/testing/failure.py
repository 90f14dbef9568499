"""What a failed check says. Imports nothing."""

from __future__ import annotations


class CheckError(AssertionError):
    """A check that failed.

    Args:
        expected: what every part of the kind does.
        found: what this one did.
        fix: what to change in it.
    """

    def __init__(self, expected: str, found: str, fix: str) -> None:
        super().__init__(f"expected {expected}; found {found}. {fix}")
        self.expected, self.found, self.fix = expected, found, fix
