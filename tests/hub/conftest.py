"""A Hub of the tests' own, and clients, in this process and in others, that know no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_server import WRITER, HubServer


@pytest.fixture
def hub_cache(tmp_path: Path) -> Path:
    """The clients' cache, empty."""
    return tmp_path / "hf" / "hub"


@pytest.fixture
def hub(tmp_path: Path, hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """An empty Hub; clients in this process and in those that it starts talk to it as alice, who may write, without xet."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    with HubServer(tmp_path / "server") as server:
        home = tmp_path / "hf"
        environment = {
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(home),
            "HF_TOKEN": WRITER,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_ETAG_TIMEOUT": "60",  # so that a busy machine is not taken for a server that hangs
            "HF_HUB_DOWNLOAD_TIMEOUT": "60",
            "ZOO_PATIENCE": "0",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        # huggingface_hub has read the environment already.
        changes = {
            "ENDPOINT": server.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(hub_cache),
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_ETAG_TIMEOUT": 60,
            "HF_HUB_DOWNLOAD_TIMEOUT": 60,
        }
        for name, changed in changes.items():
            monkeypatch.setattr(constants, name, changed)
        close_session()
        yield server
        close_session()


@pytest.fixture(scope="session")
def files(saved: Callable[..., Path], pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a small model with its card."""
    folder = saved(tmp_path_factory.mktemp("model"), str(pairs), generator="resnet6:width=4,blocks=1")
    return {path.name: path.read_bytes() for path in folder.iterdir()} | {"README.md": b"# A card\n"}
