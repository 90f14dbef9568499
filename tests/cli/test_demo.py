"""The command `zoo demo`; tests/browser has its page in a browser."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from importlib.util import find_spec

import pytest

needs_gradio = pytest.mark.skipif(find_spec("gradio") is None, reason="pip install 'thermal-zoo[demo]'")


def start(*words: object) -> tuple[subprocess.Popen[str], str]:
    """Run zoo demo and return the process with the address that it prints."""
    command = [sys.executable, "-m", "zoo", "demo", *map(str, words), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


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
