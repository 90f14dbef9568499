"""An independent server: olah (PyPI) serves a plain git repository as a Hub does; skipped where `olah-cli` is not on the PATH."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from huggingface_hub import constants

import zoo

OLAH = shutil.which("olah-cli")
pytestmark = pytest.mark.skipif(OLAH is None, reason="needs olah-cli on the PATH (pip install olah==0.5.4)")


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def olah(hub, files, tmp_path, monkeypatch) -> Iterator[str]:
    """Serve a git repository `acme/net` with a tag v1; the value is its commit."""
    folder = tmp_path / "mirrors" / "models" / "acme" / "net"
    folder.mkdir(parents=True)
    git(folder, "init")
    for name, content in files.items():
        (folder / name).write_bytes(content)
    git(folder, "add", ".")
    git(folder, "commit", "-m", "add")
    git(folder, "tag", "v1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "olah.toml"
    config.write_text(
        f'[basic]\nhost = "127.0.0.1"\nport = {port}\nrepos-path = "{tmp_path / "repos"}"\n'
        f'mirrors-path = ["{tmp_path / "mirrors"}"]\n[accessibility]\noffline = true\n'
    )
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "olah.log").open("w") as log:
        command = [str(OLAH), "-c", str(config), "--log-path", str(tmp_path / "logs")]
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path, env={**os.environ, "HF_ENDPOINT": ""})
    try:
        wait_until_it_answers(url)
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
        yield git(folder, "rev-parse", "HEAD")
    finally:
        server.terminate()
        server.wait()


def wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urlopen(f"{url}/api/models/acme/net/revision/main", timeout=10):
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_branch_tag_and_commit_load_from_a_plain_git_repository(olah, capsys):
    for revision in ("", "@v1", f"@{olah}"):
        assert zoo.load(f"acme/net{revision}", device="cpu", token=False).card == "# A card\n"
    assert f"acme/net@v1 is commit {olah}" in capsys.readouterr().err
