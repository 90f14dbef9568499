"""The page of `zoo demo` in Chromium: an image in, its temperatures out, and files that are refused."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("gradio") is None, reason="pip install 'thermal-zoo[demo]'"),
]
UPLOAD, PATIENCE = "#visible input[type=file]", 120


@pytest.fixture(scope="module")
def warm(saved, tmp_path_factory) -> Path:
    """A model of data in degrees whose translation is the visible image in grey."""
    return saved(tmp_path_factory.mktemp("warm"), "scenes:train=2,test=2", method="grey_copy")


@pytest.fixture(scope="module")
def demo(warm) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `zoo demo` and yield its address and process."""
    command = [sys.executable, "-m", "zoo", "demo", str(warm), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip(), process
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 0 and shown == "Press Ctrl-C to stop\n"  # no traceback of what a page refused


def test_an_image_is_translated_and_a_pixel_read(demo, tab, warm, look, tmp_path):
    low, high = zoo.load(warm, device="cpu").thermal_range
    pixels = np.full((240, 300, 3), 51, np.uint8)
    pixels[120:, 150:] = 204
    Image.fromarray(pixels).save(tmp_path / "street.png")
    tab.open(demo[0], **look)
    tab.wait(f"document.querySelector('{UPLOAD}')", PATIENCE)
    tab.type(UPLOAD, str(tmp_path / "street.png"))
    tab.wait("document.querySelector('#thermal img')?.naturalWidth", PATIENCE)
    for share, level in ((0.25, 51), (0.75, 204)):
        tab.run(
            # The image stands in the middle of its box, `object-fit: scale-down`.
            "const image = document.querySelector('#thermal img'), box = image.getBoundingClientRect();"
            "const side = Math.min(box.width / 300, box.height / 240, image.naturalWidth / 300), [share] = arguments;"
            "const clientX = box.x + box.width / 2 + (share - 0.5) * side * 300;"
            "const clientY = box.y + box.height / 2 + (share - 0.5) * side * 240;"
            "image.dispatchEvent(new MouseEvent('click', { clientX, clientY, bubbles: true }))",
            share,
        )
        degrees = f"{low + level / 255 * (high - low):.1f} °C".replace("-", "−")
        tab.wait(f"document.getElementById('reading').innerText.includes('{degrees}')", PATIENCE)
    faults = [fault for fault in tab.faults() if fault.startswith(("the page is", "contrast"))]
    assert faults == []
    assert all(address.startswith((demo[0], "data:", "blob:")) for address in tab.requests())


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no image", "cannot be decoded as an image"), (b"x" * 20_000_001, "maximum allowed size")],
)
def test_a_file_that_cannot_be_translated_is_refused_in_words(demo, tab, tmp_path, content, message):
    (tmp_path / "upload.png").write_bytes(content)
    tab.open(demo[0], "phone")
    tab.wait(f"document.querySelector('{UPLOAD}')", PATIENCE)
    tab.type(UPLOAD, str(tmp_path / "upload.png"))
    tab.wait(f"document.body.innerText.includes('{message}')", PATIENCE)
