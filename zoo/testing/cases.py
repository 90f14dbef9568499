"""The test class that a plugin's own tests subclass. Needs pytest."""

from __future__ import annotations

from typing import ClassVar

import pytest

from zoo.testing.failure import CheckError
from zoo.testing.running import Case, cases_of, run


class ComponentTests:
    """One test for each part of a plugin and each check of its kind.

        class TestMyNet(zoo.testing.ComponentTests):
            plugin = "mynet"

    Raises:
        UsageError: when tests are collected, there is no such plugin or part.
    """

    plugin: ClassVar[str] = ""
    """Name of an installed plugin, or of a module that implements its hooks."""
    parts: ClassVar[tuple[str, ...]] = ()
    """Only these, each as `KIND:NAME`; none: every part."""
    fast: ClassVar[bool] = False
    """Leave out the checks that take seconds."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of every case."""
        if "zoo_case" in metafunc.fixturenames:
            assert self.plugin, f"{type(self).__name__} names no plugin: write plugin = NAME in its body"
            cases = cases_of(self.plugin, parts=self.parts, fast=self.fast)
            metafunc.parametrize("zoo_case", cases, ids=[case.name for case in cases])

    def test_component(self, zoo_case: Case) -> None:
        """Run one check of one part."""
        __tracebackhide__ = True
        try:
            run(zoo_case)
        except CheckError as error:
            pytest.fail(f"{zoo_case.part} {zoo_case.check.name}: {error}", pytrace=False)
