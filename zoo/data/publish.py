"""A new folder that appears whole or not at all. Imports no torch."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo.errors import DataError
from zoo.files import beside, cannot_write


class NewFolder:
    """A hidden folder beside `dst`, to be filled and then published under that name by one rename.

    Raises (from every method):
        DataError: `dst` exists and is not an empty folder.
        ZooError: the disk is full, or the place cannot be written.
    """

    def __init__(self, dst: Path) -> None:
        self.dst = dst.absolute()
        self._building = beside(self.dst, ".partial")

    def create(self) -> None:
        """Make the hidden folder, and the folders that `dst` is to lie in."""
        with self.writing():
            if self.dst.exists() and (not self.dst.is_dir() or any(self.dst.iterdir())):
                raise self._exists()
            self.dst.parent.mkdir(parents=True, exist_ok=True)
            self._building.mkdir()

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
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):  # someone was faster
                    raise self._exists() from error
                raise

    def discard(self) -> None:
        """Remove what was not published."""
        shutil.rmtree(self._building, ignore_errors=True)

    def _exists(self) -> DataError:
        return DataError(
            f"`{self.dst}` exists already and is not an empty folder",
            f"Name another folder, or remove it first: rm -r {self.dst}",
        )
