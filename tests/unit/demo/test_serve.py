"""The pages of `zoo serve`, through an HTTP client; tests/browser has those in a browser."""

from __future__ import annotations

import http.client
import io
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.demo import server
from zoo.demo.results import EMPTY, ResultsPages
from zoo.demo.server import ResultsServer
from zoo.errors import ZooError
from zoo.recipe import Budget
from zoo.records.job import Job
from zoo.records.lease import lease
from zoo.records.record import Failure, read_record, write_json
from zoo.run.progress import Event, ProgressWriter

Answer = tuple[int, dict[str, str], bytes]
STEPS = 7
"""Of the runs that are not done."""


def png(height: int = 24, width: int = 40, level: int = 51) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), level, np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def results(finished, pairs, tmp_path) -> Path:
    """A folder with a run in each state."""
    folder = tmp_path / "results"
    finished(folder / "done-run", str(pairs), method="grey_copy")
    recipe = replace(read_record(folder / "done-run").recipe, budget=Budget(steps=STEPS, constant=STEPS))
    for name in ("planned-run", "running-run", "failed-<b>run"):
        (folder / name).mkdir()
        job = Job(recipe=recipe, train_key="k", metrics={}, root=str(pairs), device="cpu", command="")
        write_json(folder / name / "run.json", job)
    write_json(
        folder / "failed-<b>run" / "failure.json",
        Failure(recipe=recipe, reason="no <i>memory</i>. Use `batch=1`", tail=""),
    )
    return folder


@pytest.fixture
def pages(results) -> ResultsPages:
    return ResultsPages(results, clean=lambda text: text.replace("`batch=1`", "--batch 1"))


@pytest.fixture
def ask(pages) -> Iterator[Callable[..., Answer]]:
    """Return a function that sends a request to a server of the pages."""
    with ResultsServer(pages, 0) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()

        def send(path: str, body: bytes | None = None, **headers: str) -> Answer:
            connection = http.client.HTTPConnection("127.0.0.1", running.server_port, timeout=60)
            connection.request("GET" if body is None else "POST", path, body, headers)
            answer = connection.getresponse()
            found = answer.status, dict(answer.getheaders()), answer.read()
            connection.close()
            return found

        send.port = running.server_port
        yield send
        running.shutdown()
        thread.join()


def test_every_state_is_shown_and_renews_itself(ask, results):
    def rows() -> dict[str, list[str]]:
        text = ask("/runs")[2].decode()
        found = re.findall(r'<tr data-run="[^"]*" data-status="(\w+)">(.*?)</tr>', text, re.DOTALL)
        cells = [(status, re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)) for status, row in found]
        return {row[0]: [status, *row[1:-1]] for status, row in cells}

    assert rows()["planned-run"][:3] == ["planned", "planned", f"0/{STEPS}"]
    assert rows()["done-run"][0] == "done" and rows()["failed-&lt;b&gt;run"][0] == "failed"
    running = results / "running-run"
    with lease(running):
        writer = ProgressWriter(running)
        writer(Event(stage="training"))
        writer._progress = writer._progress.__class__(stage="training", step=1, it_s=0.5, losses={})
        writer._write()
        left = round((STEPS - 1) / 0.5)
        assert rows()["running-run"][:5] == [
            "running",
            "training",
            f"1/{STEPS}",
            "0.50",
            f"{left // 60}:{left % 60:02}",
        ]
        states = {state["run"]: state for state in json.loads(ask("/states.json")[2])}
        assert states["running-run"]["status"] == "running" and states["running-run"]["step"] == 1
    assert rows()["running-run"][0] == "interrupted"


def test_text_of_runs_is_escaped_and_names_flags(ask):
    status, headers, page = ask("/")
    assert status == 200 and "default-src 'none'" in headers["Content-Security-Policy"]
    text = page.decode()
    assert "<i>memory" not in text and "<b>run" not in text
    assert "no &lt;i&gt;memory&lt;/i&gt;. Use --batch 1" in text
    assert 'href="/report"' in text and not re.search(r"https?://", text)


def test_the_report_is_that_of_zoo_report_and_follows_the_runs(ask, results, finished, pairs):
    from zoo.report.html.page import render
    from zoo.report.html.runs import read_runs

    version = re.search(r'data-report="(\w+)"', ask("/runs")[2].decode())[1]
    assert ask("/report")[2].decode() == render(read_runs(results)[0])
    finished(results / "second-run", str(pairs), method="grey_copy")
    assert re.search(r'data-report="(\w+)"', ask("/runs")[2].decode())[1] != version
    assert ask("/report")[2].decode() == render(read_runs(results)[0])


def test_an_empty_folder_has_a_page_too(tmp_path):
    pages = ResultsPages(tmp_path)
    assert "There is no run yet." in pages.index() and EMPTY in pages.report()


def test_a_finished_run_translates_an_uploaded_image(ask, results):
    import zoo

    assert 'href="/demo/done-run"' in ask("/runs")[2].decode()
    status, _, page = ask("/demo/done-run")
    assert status == 200 and b"/translate/done-run?colors=" in page
    status, headers, thermal = ask("/translate/done-run?colors=Grey", png())
    assert status == 200 and headers["Content-Type"] == "image/png"
    pixels = np.asarray(Image.open(io.BytesIO(thermal)))
    alone = np.asarray(zoo.load(results / "done-run", device="cpu").translate(Image.open(io.BytesIO(png()))))
    assert pixels.shape[1] / pixels.shape[0] == pytest.approx(40 / 24, rel=0.01)
    assert abs(int(pixels[0, 0, 0]) - int(alone[0, 0])) <= 1


@pytest.mark.parametrize(
    "run", ["planned-run", "failed-%3Cb%3Erun", "nothing", "..", "%2E%2E%2Fdone-run", "done-run%2F", ""]
)
def test_only_finished_runs_translate(ask, run):
    for status, _, text in (ask(f"/demo/{run}"), ask(f"/translate/{run}?colors=Grey", png())):
        assert status == 404 and text.startswith(b"There is no")


def test_what_is_no_image_is_refused_without_the_path_of_a_file(ask):
    for content in (b"", b"not an image", png()[:60]):
        status, _, text = ask("/translate/done-run?colors=Grey", content)
        assert status == 422 and b"the uploaded file" in text and b"/tmp" not in text
    assert ask("/translate/done-run?colors=Plaid", png())[0] == 404


def test_uploads_are_limited(ask, monkeypatch):
    monkeypatch.setattr(server, "LIMIT", 2_000_000)
    status, _, text = ask("/translate/done-run?colors=Grey", b"x" * 2_000_001)
    assert status == 413 and text == b"The file has more than 2 MB.\n"
    assert ask("/translate/done-run?colors=Grey", b"x" * 1000, **{"Transfer-Encoding": "chunked"})[0] == 411


@pytest.mark.parametrize("headers", [{"Host": "zoo.example"}, {"Origin": "https://zoo.example"}, {"Origin": "null"}])
def test_pages_of_other_sites_cannot_use_it(ask, headers):
    assert ask("/", **headers)[0] == 403
    assert ask("/translate/done-run?colors=Grey", png(), **headers)[0] == 403
    own = f"http://127.0.0.1:{ask.port}"
    assert ask("/translate/done-run?colors=Grey", png(), Origin=own)[0] == 200


def test_it_listens_on_the_loopback_interface_and_takes_the_next_port(pages, monkeypatch):
    with ResultsServer(pages, 0) as first:
        assert first.server_address[0] == "127.0.0.1"
        with pytest.raises(ZooError, match=f"port {first.server_port} cannot be used"):
            ResultsServer(pages, first.server_port)
        monkeypatch.setattr(server, "PORTS", (first.server_port, 0))
        with ResultsServer(pages) as second:
            assert second.server_port != first.server_port


def test_an_unexpected_error_is_one_line_and_the_server_continues(ask, pages, monkeypatch, capsys):
    def broken():
        raise MemoryError("no\nmemory")

    monkeypatch.setattr(pages, "runs", broken)
    with pytest.raises(http.client.HTTPException):
        ask("/runs")
    assert capsys.readouterr().err == "zoo: unexpected error, MemoryError: no memory\n"
    assert ask("/states.json")[0] == 200


def start(results: Path) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "zoo", "serve", str(results), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_the_command_prints_its_address_and_ends_with_ctrl_c(results):
    process, address = start(results)
    host, _, port = address.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.request("GET", "/runs")
    assert b"done-run" in connection.getresponse().read()
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 0 and shown == "Press Ctrl-C to stop\n"


def test_a_missing_folder_is_refused(zoo, tmp_path):
    done = zoo("serve", "nowhere", "--no-browser")
    assert done.returncode == 2 and "there is no folder `nowhere`" in done.stderr
