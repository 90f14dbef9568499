"""`pytest --zoo PLUGIN` and `ComponentTests`: one test for each part and check. Imports only pytest until one is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

if TYPE_CHECKING:
    from zoo.testing.causes import Causes
    from zoo.testing.running import Case


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("zoo", "conformance of zoo's plugins")
    group.addoption(
        "--zoo", action="append", default=[], metavar="PLUGIN", help="check every part of this plugin or module"
    )
    group.addoption("--zoo-fast", action="store_true", help="leave out the checks that take seconds")


def pytest_configure(config: pytest.Config) -> None:
    """Collect no other tests where the command names none."""
    if config.getoption("--zoo") and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []


@pytest.hookimpl(tryfirst=True)  # before -k and -m select items
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the plugins' cases."""
    for name in config.getoption("--zoo"):
        items.extend(session.genitems(PluginNode.from_parent(session, name=name, nodeid=f"zoo/{name}")))


class PluginNode(pytest.Collector):
    """A plugin, as pytest collects it."""

    def collect(self) -> Iterator[pytest.Item]:
        """Return an item for each case."""
        from zoo.errors import ZooError
        from zoo.testing.causes import Causes
        from zoo.testing.running import cases_of

        try:
            cases = cases_of(self.name, fast=self.config.getoption("--zoo-fast"))
        except ZooError as error:
            raise self.CollectError(str(error)) from error
        causes = Causes()
        for case in cases:
            yield CaseItem.from_parent(self, name=case.name, case=case, causes=causes)


class CaseItem(pytest.Item):
    """A check of one part."""

    def __init__(self, *, case: Case, causes: Causes, **given: Any) -> None:
        super().__init__(**given)
        self.case, self.causes = case, causes

    def runtest(self) -> None:
        """Run the check."""
        _run(self.case, self.causes)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the message of a failed check, and any other error with its trace."""
        from zoo.testing.checks import CheckError

        if isinstance(excinfo.value, CheckError):
            return f"{self.case.part} {self.case.check.name}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Return the case's name as its location."""
        return self.path, None, self.nodeid


class ComponentTests:
    """One test for each part of a plugin and each check of its kind, in the plugin's own tests.

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
    causes: ClassVar[Causes]
    """Of the failures so far; set when tests are collected."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of every case."""
        from zoo.testing.causes import Causes
        from zoo.testing.running import cases_of

        type(self).causes = Causes()
        if "zoo_case" in metafunc.fixturenames:
            assert self.plugin, f"{type(self).__name__} names no plugin: write plugin = NAME in its body"
            cases = cases_of(self.plugin, parts=self.parts, fast=self.fast)
            metafunc.parametrize("zoo_case", cases, ids=[case.name for case in cases])

    def test_component(self, zoo_case: Case) -> None:
        """Run one check of one part."""
        from zoo.testing.checks import CheckError

        __tracebackhide__ = True
        try:
            _run(zoo_case, self.causes)
        except CheckError as error:
            pytest.fail(f"{zoo_case.part} {zoo_case.check.name}: {error}", pytrace=False)


def _run(case: Case, causes: Causes) -> None:
    """Run a check, or skip it where an earlier failure of its part is the cause."""
    from zoo.testing.running import run

    __tracebackhide__ = True
    if blocked := causes.blocked(case):
        pytest.skip(blocked)
    try:
        run(case)
    except Exception as error:
        if repeated := causes.repeated(case, error):
            pytest.skip(repeated)
        raise
