"""Pages of the documentation in Chromium."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROOT = Path(__file__).parents[2]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[str]:
    """Build the documentation and yield its address."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    subprocess.run(build, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("page", ["", "guides/report/", "reference/commands/", "tutorial-plugin/"])
def test_nothing_is_cut_stretched_or_pale(tab, site, page, look):
    tab.open(f"{site}/{page}", **look)
    scheme = "slate" if look["dark"] else "default"
    tab.run("localStorage.clear()")  # which keeps the colors of the page before
    tab.driver.refresh()
    tab.wait(f"document.body.dataset.mdColorScheme === '{scheme}'")
    assert tab.faults() == [] and tab.errors() == []
    assert all(address.startswith((site, "data:", "blob:")) for address in tab.requests())
