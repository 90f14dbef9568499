"""Keys, shapes and types of a file of weights in milliseconds: safetensors, torch's zip archive, and its older pickles.

Nothing of the file is executed and no tensor is read; neither torch nor numpy is imported. What a hostile file can cost is
bounded in time and memory, and it ends in one `ZooError`.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from zoo.checkpoints.archives import ZIP_START, read_saved
from zoo.checkpoints.entries import Checkpoint, DamagedError, Entry, UnsafeError, grouped
from zoo.checkpoints.headers import looks_like_safetensors, read_header
from zoo.errors import UsageError, ZooError

SAFETENSORS = "safetensors"
_MISTAKES = {
    b"version https://git-lfs": ("a Git LFS pointer, which stands for the file", "Type: git lfs pull"),
    b"<": ("a web page", "Fetch the file itself, not the page that shows it"),
}
"""What is often found in place of weights, by its first bytes, and what to do."""


def peek(path: Path) -> Checkpoint:
    """Return what a file of weights holds; for a folder, what its `model.safetensors` holds.

    Raises:
        UsageError: there is no such file.
        ZooError: it is damaged or no file of weights, or loading it would call what an attack does; that is named.
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
    except DamagedError as error:
        found, fix = _mistaken(path) or (str(error), "Fetch it again, or name another file")
        raise ZooError(f"`{path}` cannot be read as weights: {found}", fix) from error
    except OSError as error:
        raise ZooError(f"`{path}` cannot be read: {error.strerror or error}") from error


def _peek(path: Path, file: IO[bytes]) -> Checkpoint:
    size = path.stat().st_size
    start = file.read(9)
    file.seek(0)
    metadata: dict[str, str] = {}
    objects: tuple[str, ...] = ()
    if not start.startswith(ZIP_START) and (path.suffix == ".safetensors" or looks_like_safetensors(start, size)):
        container = SAFETENSORS
        value, metadata = read_header(file, size)
    else:
        container, tree = read_saved(file, size)
        value, objects = tree.value, tree.objects
    groups: dict[str, dict[str, Any]] = grouped(value, lambda found: isinstance(found, Entry))
    if not groups:
        raise DamagedError("it holds no tensors")
    return Checkpoint(path=path, container=container, size=size, groups=groups, metadata=metadata, objects=objects)


def _mistaken(path: Path) -> tuple[str, str] | None:
    """Return what a file is that was taken for weights, and how to mend it, where it is a usual mistake."""
    with path.open("rb") as file:
        start = file.read(64).lstrip()
    return next(((f"it is {what}", fix) for mark, (what, fix) in _MISTAKES.items() if start.startswith(mark)), None)
