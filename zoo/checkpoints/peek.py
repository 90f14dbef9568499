"""Keys, shapes and types of a file of weights in milliseconds: safetensors, torch's zip archive, and its older pickles.

Nothing of the file is executed and no tensor is read; neither torch nor numpy is imported. The time and memory that a hostile
file takes are bounded, and it ends in one `ZooError`.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

from zoo.checkpoints.archives import ZIP_START, read_saved
from zoo.checkpoints.entries import MalformedError, UnsafeError, WeightsFile, grouped
from zoo.checkpoints.headers import looks_like_safetensors, read_header
from zoo.errors import UsageError, ZooError

SAFETENSORS = "safetensors"
_MISTAKES = {
    b"version https://git-lfs": ("a Git LFS pointer in place of the file", "Run: git lfs pull"),
    b"<": ("a web page", "Fetch the file itself, not the page that shows it"),
}
"""Files that are often mistaken for weights, by their first bytes, and the fix."""


def peek(path: Path) -> WeightsFile:
    """Return the content of a file of weights; for a folder, of its `model.safetensors`.

    Raises:
        UsageError: there is no such file.
        ZooError: it is damaged or not a file of weights, or loading it would call what an attack needs, which is named.
    """
    path = path / "model.safetensors" if (path / "model.safetensors").is_file() else path
    if not path.is_file():
        raise UsageError(
            f"there is no file `{path}`" if not path.is_dir() else f"`{path}` is a folder without model.safetensors",
            "Name a .safetensors, .pth, .pt or .ckpt file",
        )
    try:
        with path.open("rb") as file:
            return _peek(path, file)
    except UnsafeError as error:
        raise ZooError(
            f"`{path}` is refused: {error}; nothing of it was run",
            "Do not load it; its author can save the weights alone: safetensors, or torch.save(network.state_dict(), FILE)",
        ) from error
    except MalformedError as error:
        with path.open("rb") as file:
            start = file.read(64).lstrip()
        mistakes = [(f"it is {what}", fix) for mark, (what, fix) in _MISTAKES.items() if start.startswith(mark)]
        found, fix = next(iter(mistakes), (str(error), "Fetch it again, or name another file"))
        raise ZooError(f"`{path}` cannot be read as weights: {found}", fix) from error
    except OSError as error:
        raise ZooError(f"`{path}` cannot be read: {error.strerror or error}") from error


def _peek(path: Path, file: IO[bytes]) -> WeightsFile:
    size = path.stat().st_size
    start = file.read(9)
    file.seek(0)
    if not start.startswith(ZIP_START) and (path.suffix == ".safetensors" or looks_like_safetensors(start, size)):
        tensors, metadata = read_header(file, size)
        found = WeightsFile(path=path, container=SAFETENSORS, size=size, groups=grouped(tensors), metadata=metadata)
    else:
        found, _ = read_saved(path, file)
    if not found.groups:
        raise MalformedError("it holds no tensors")
    return found
