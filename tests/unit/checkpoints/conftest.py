"""Small files of weights in every container, and pickles put together by hand."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

Pack = Callable[[bytes], Path]


@pytest.fixture
def tiny() -> dict[str, torch.Tensor]:
    """A state dict of a few tensors."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    return net.state_dict()


def written(state: object, path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path, {"format": "pt"})
    else:
        torch.save(state, path, _use_new_zipfile_serialization="legacy" not in path.stem)
    return path


@pytest.fixture
def write() -> Callable[[object, Path], Path]:
    """Write a tree in the container that the file's name says: safetensors, torch's zip archive, or its older pickles."""
    return written


@pytest.fixture(params=["zip.pth", "legacy.pth", "plain.safetensors"])
def container(request: pytest.FixtureRequest, tmp_path: Path, tiny: dict[str, torch.Tensor]) -> Path:
    """A small state dict in each container."""
    return written(tiny, tmp_path / request.param)


@pytest.fixture(params=["zip", "legacy", "bare"])
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Pack:
    """Put a pickle where torch would unpickle it: into a zip archive, behind the older form's headers, or alone."""

    def packed(content: bytes) -> Path:
        path = tmp_path / f"{request.param}.pth"
        if request.param == "zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("archive/data.pkl", content)
                archive.writestr("archive/version", "3\n")
        else:
            magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."
            path.write_bytes((magic if request.param == "legacy" else b"") + content)
        return path

    return packed
