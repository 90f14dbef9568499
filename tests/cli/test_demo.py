"""zoo demo in headless Chromium: drop an image, translate, read the temperature of a pixel."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_gradio = pytest.mark.skipif(find_spec("gradio") is None, reason="pip install 'thermal-zoo[demo]'")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or find_spec("playwright") is None, reason="needs chromium, and: pip install playwright"
)


@pytest.fixture(scope="module")
def warm(saved, tmp_path_factory) -> Path:
    """A model of data in degrees whose translation is the visible image in grey."""
    return saved(tmp_path_factory.mktemp("warm"), "scenes:train=2,test=2", method="grey_copy")


def start(*words: object) -> tuple[subprocess.Popen[str], str]:
    """Run zoo demo and return the process with the address that it prints."""
    command = [sys.executable, "-m", "zoo", "demo", *map(str, words), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@pytest.fixture
def page(warm) -> Iterator[str]:
    process, address = start(warm)
    yield address
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0


@pytest.mark.slow
@needs_gradio
@needs_browser
@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["desktop", "phone"])
def test_drop_an_image_and_read_a_pixel(page, warm, size, tmp_path):
    from playwright.sync_api import expect, sync_playwright

    import zoo

    low, high = zoo.load(warm, device="cpu").thermal_range
    pixels = np.full((240, 300, 3), 51, np.uint8)
    pixels[120:, 150:] = 204
    Image.fromarray(pixels).save(tmp_path / "street.png")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": size[0], "height": size[1]})
        asked: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(page)
        patience = 120_000
        tab.wait_for_selector("#visible input[type=file]", state="attached", timeout=patience)
        tab.set_input_files("#visible input[type=file]", tmp_path / "street.png")
        picture = tab.locator("#thermal img")
        for share, level in ((0.25, 51), (0.75, 204)):
            picture.wait_for(timeout=patience)
            picture.scroll_into_view_if_needed()
            tab.wait_for_timeout(1000)  # the page moves while pictures come in
            box = picture.bounding_box()
            assert box is not None
            side = min(box["width"] / 300, box["height"] / 240)  # of a pixel; the image stands in the middle of its box
            x, y = (box[name] / 2 + (share - 0.5) * side * count for name, count in (("width", 300), ("height", 240)))
            tab.mouse.click(box["x"] + x, box["y"] + y)
            degrees = low + level / 255 * (high - low)
            expect(tab.locator("#reading")).to_contain_text(f"{degrees:.1f} °C".replace("-", "−"), timeout=patience)
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
        browser.close()
    outside = [url for url in asked if not url.startswith((page, "data:", "blob:"))]
    assert outside == []


@pytest.mark.slow
@needs_gradio
def test_a_taken_port_is_told(warm):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process, address = start(warm, "--port", port)
        _, shown = process.communicate(timeout=300)
    assert address == "" and process.returncode == 1
    assert f"port {port} is taken. Use another --port" in shown


def test_without_gradio_it_says_what_to_install(warm, tmp_path):
    (tmp_path / "gradio.py").write_text("raise ModuleNotFoundError('no', name='gradio')\n")
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-m", "zoo", "demo", str(warm)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "zoo: the demo page needs gradio. Run: pip install 'thermal-zoo[demo]'\n"
