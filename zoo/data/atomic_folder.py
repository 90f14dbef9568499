"""A new folder that appears complete or not at all. Imports no torch."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zoo.data.layout import printable
from zoo.errors import DataError
from zoo.files import beside, cannot_write


class AtomicFolder:
    """A hidden folder beside `dst`, which `publish` renames to `dst` when it is complete.

    Raises (from every method):
        DataError: `dst` exists and is not an empty folder.
        ZooError: the disk is full, or the place cannot be written.
    """

    def __init__(self, dst: Path) -> None:
        self.dst = dst.absolute()
        with suppress(OSError):  # `create` reports the error
            self.dst = dst.resolve() if dst.is_symlink() else self.dst  # a rename does not follow links
        self._building = beside(self.dst, ".partial")

    def create(self) -> None:
        """Make the hidden folder, and the parents of `dst`."""
        with self.writing():
            with suppress(FileNotFoundError):
                os.lstat(self.dst)  # an invalid name fails before any work
            if os.path.lexists(self.dst) and (not self.dst.is_dir() or any(self.dst.iterdir())):
                raise self._exists()
            self.dst.parent.mkdir(parents=True, exist_ok=True)
            self._building.mkdir()

    @property
    def name_bytes(self) -> int:
        """Longest name of a file in the folder, in bytes."""
        return os.pathconf(self._building, "PC_NAME_MAX")

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Yield the hidden folder to write into; an error of the disk becomes one clear line."""
        try:
            yield self._building
        except OSError as error:
            raise cannot_write(self.dst, error) from error

    def publish(self) -> None:
        """Rename the hidden folder to `dst`."""
        with self.writing():
            try:
                self._building.replace(self.dst)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):  # another process made it
                    raise self._exists() from error
                raise

    def discard(self) -> None:
        """Remove what was not published."""
        shutil.rmtree(self._building, ignore_errors=True)

    def _exists(self) -> DataError:
        found = "is a file" if self.dst.is_file() else "exists already and is not an empty folder"
        return DataError(
            f"`{self.dst}` {found}", f"Choose a folder that does not exist yet, e.g. {free_name(self.dst)}"
        )


@contextmanager
def new_folder(dst: Path, finished: Path | None = None) -> Iterator[Path]:
    """Yield a hidden folder, which becomes `dst` when the `with` block ends without an error.

    Args:
        dst: the folder to make.
        finished: what a complete folder holds, or itself: where another process made it in the meantime, that one stays.

    Raises:
        DataError: `dst` exists and is not an empty folder.
        ZooError: the disk is full, or the place cannot be written.
    """
    folder = AtomicFolder(dst)
    folder.create()
    try:
        with folder.writing() as building:
            yield building
        folder.publish()
    except DataError:
        if not (finished and finished.exists()):
            raise
    finally:
        folder.discard()


def free_name(path: Path) -> Path:
    """Return the first of `path-2`, `path-3`, ... that does not exist."""
    return next(
        free for number in itertools.count(2) if not os.path.lexists(free := path.with_name(f"{path.name}-{number}"))
    )


def require_apart(source: Path, dst: Path) -> None:
    """Require a destination that is not the source, not inside it, and not a folder with files around it.

    Raises:
        DataError: it is; the hint names another folder.
    """
    whole, target = source.resolve(), dst.resolve()
    if whole == target:
        found = f"`{dst}` is the folder to import from"
    elif whole in target.parents:
        found = f"`{dst}` lies inside the folder to import from, `{source}`"
    elif target in whole.parents and target.is_dir() and any(target.iterdir()):
        found = f"`{dst}` holds the folder to import from, `{source}`"
    else:
        return
    raise DataError(printable(found), f"Choose a new folder beside it, e.g. {printable(str(free_name(whole)))}")
