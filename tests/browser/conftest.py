"""One Chromium for all tests of pages, through selenium with the installed driver: nothing is downloaded."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from zoo.cli.flags import with_flags
from zoo.demo.results import ResultsPages
from zoo.demo.server import ResultsServer
from zoo.records.job import read_job
from zoo.records.record import Failure, write_json

CHECKS = (Path(__file__).parent / "checks.js").read_text()
SIZES = {"desktop": (1440, 900), "small desktop": (1024, 768), "phone": (390, 844), "small phone": (360, 640)}
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars --disable-sync "
    "--disable-background-networking --disable-component-update"
)
LIMIT = 120
"""Time limit of a test in seconds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    installed = all(map(shutil.which, ("chromium", "chromedriver")))
    for item in items:
        if item.path.is_relative_to(here):
            if "slow" not in item.keywords:
                item.add_marker(pytest.mark.timeout(LIMIT))
            if not installed or find_spec("selenium") is None:
                reason = "selenium is not installed" if installed else "Chromium is not installed"
                item.add_marker(pytest.mark.skip(reason=reason))


class Tab:
    """A page in the browser, at a size and in a color scheme.

    Args:
        driver: a selenium.webdriver.Chrome.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, address: str, size: str | tuple[int, int] = "desktop", *, dark: bool = False) -> None:
        width, height = SIZES[size] if isinstance(size, str) else size
        self._command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._command("Emulation.setEmulatedMedia", features=[scheme])
        self.driver.get("about:blank")  # so that a changed anchor loads the page too
        self.errors()
        self.driver.get(address)

    def run(self, script: str, *values: object) -> Any:
        return self.driver.execute_script(script, *values)

    def wait(self, script: str, seconds: float = 20) -> Any:
        """Return the first value of a JavaScript expression that is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda _: self.run(f"return {script}"))

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys

        ActionChains(self.driver).send_keys(*(getattr(Keys, key) for key in keys)).perform()

    def click(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).click()

    def type(self, selector: str, text: str) -> None:
        """Type into a field, or name the file of an upload."""
        self.driver.find_element("css selector", selector).send_keys(text)

    def requests(self) -> list[str]:
        """Return the addresses that the page has read."""
        return list(self.run("return performance.getEntriesByType('resource').map((entry) => entry.name)"))

    def faults(self) -> list[str]:
        """Return what `checks.js` finds."""
        return list(self.run(CHECKS))

    def errors(self) -> list[str]:
        """Return the errors that the page wrote to the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def _command(self, name: str, **options: object) -> None:
        self.driver.execute_cdp_cmd(name, options)


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options=options, service=Service(shutil.which("chromedriver")))  # else selenium downloads a driver
    chrome.set_page_load_timeout(30)
    yield chrome
    chrome.quit()


@pytest.fixture
def tab(driver: Any) -> Tab:
    return Tab(driver)


@pytest.fixture(params=SIZES)
def look(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each size of a window, every other one in dark colors."""
    return {"size": request.param, "dark": list(SIZES).index(request.param) % 2 == 1}


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with trainings, baselines, a failed and a planned run; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("browser") / "results"
    parts = [
        "--method",
        "pix2pix,cyclegan",
        "--gen",
        "resnet6:width=4,blocks=1",
        "--disc",
        "patchgan:width=4",
        "--baselines",
    ]
    data = [
        "--data",
        "scenes:train=4,test=3,entries=true",
        "--size",
        "32",
        "--steps",
        "12",
        "--device",
        "cpu",
        "--jobs",
        "1",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "zoo", "bench", *parts, *data, "--out", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    planned = next(folder.glob("pix2pix-*"))
    for name in ("failed-run", "planned-run"):
        (folder / name).mkdir()
        shutil.copy(planned / "run.json", folder / name)
    failure = Failure(recipe=read_job(planned).recipe, reason="the training diverged. Use another seed", tail="step 3")
    write_json(folder / "failed-run" / "failure.json", failure)
    return folder


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve a results folder and return its address: serve(results)."""
    with ExitStack() as running:

        def start(results: Path) -> str:
            server = running.enter_context(ResultsServer(ResultsPages(results, clean=with_flags), 0))
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            running.callback(server.shutdown)
            return server.address

        yield start
