"""Files of `torch.save`: the zip archive that it writes since 2020, and the series of pickles that it wrote before."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from zoo.checkpoints.entries import Groups, MalformedError, WeightsFile, grouped, shown
from zoo.checkpoints.pickles import MOST_BYTES, PickleStream, read_pickle

ZIP_START = b"PK\x03\x04"
MOST_DIRECTORY = 8 * 2**20
"""Bytes of an archive's table of contents; one of 10,000 tensors takes one megabyte."""
_MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of the older form."""


Storages = Mapping[str, Callable[[], bytes]]
"""Functions that read the values of a storage while the file is open; each raises MalformedError and OSError."""


def read_saved(path: Path, file: IO[bytes]) -> tuple[WeightsFile, Storages]:
    """Return the content of a file of torch.save, and its storages.

    Raises:
        UnsafeError: its pickle names a global that only an attack needs, or holds objects and no tensors.
        MalformedError: it is not such a file, is cut off, or was changed.
    """
    size = path.stat().st_size
    file.seek(0)
    is_archive = file.read(len(ZIP_START)) == ZIP_START
    file.seek(0)
    stream, groups, storages = _read_zip(file) if is_archive else _read_pickles(file, size)
    container = "PyTorch zip archive" if is_archive else "PyTorch pickles, as before 2020"
    return WeightsFile(path=path, container=container, size=size, groups=groups, objects=stream.objects), storages


def _read_zip(file: IO[bytes]) -> tuple[PickleStream, Groups, Storages]:
    try:
        archive = ZipFile(_BoundedFile(file))
        prefix = _prefix(archive)
        pickled = _content(archive, archive.getinfo(f"{prefix}/data.pkl"), MOST_BYTES)
        stream = PickleStream(io.BytesIO(pickled))
        groups = _groups(stream, read_pickle(stream))
        order = archive.NameToInfo.get(f"{prefix}/byteorder")
        if order and _content(archive, order, 100).strip() != b"little":
            raise MalformedError("its numbers are not in the byte order of usual machines")
        storages = {}
        for key, values in stream.storages.items():
            info = archive.NameToInfo.get(f"{prefix}/data/{key}")
            if info is None or info.file_size < values.bytes:
                raise MalformedError(f"the values of storage {shown(key)} are missing or cut off")
            storages[key] = partial(_storage, archive, info, values.bytes)
    # All that zipfile raises where an archive was cut off or changed: it checks little before it computes with what it reads.
    except (BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, OverflowError) as error:
        raise MalformedError("its zip archive is cut off or was changed") from error
    return stream, groups, storages


def _read_pickles(file: IO[bytes], size: int) -> tuple[PickleStream, Groups, Storages]:
    """Return the content of the older form.

    Five pickles: a magic number, the form's version, the machine's byte order, the tree, and the keys of its storages; then each
    storage's number of values and the values.
    """
    stream = PickleStream(file)
    try:
        magic = read_pickle(stream)
    except MalformedError as error:
        raise MalformedError("it is neither safetensors nor a file of torch.save") from error
    if type(magic) is not int or magic != _MAGIC:
        stream.refuse_objects()
        raise MalformedError("it is a pickle, but not one of torch.save")
    _version, _machine, tree = (read_pickle(stream) for _ in range(3))
    groups = _groups(stream, tree)
    keys = read_pickle(stream)
    if not isinstance(keys, list) or len(keys) != len(stream.storages):
        raise MalformedError("its list of storages contradicts its tensors")
    start = stream.position
    storages = {}
    for key in keys:
        values = stream.storages.pop(key, None) if isinstance(key, str) else None
        file.seek(start)
        if values is None or file.read(8) != values.count.to_bytes(8, "little") or start + 8 + values.bytes > size:
            raise MalformedError("the values of a storage are missing or cut off")
        storages[key] = partial(_slice, file, start + 8, values.bytes)
        start += 8 + values.bytes
    return stream, groups, storages


class _BoundedFile(io.BufferedIOBase):
    """A file that refuses to read more than a table of contents at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def read(self, length: int | None = -1) -> bytes:
        most = MOST_DIRECTORY + 1
        content = self.file.read(most if length is None or length < 0 else min(length, most))
        if len(content) == most:
            raise MalformedError("its table of contents is longer than that of any weights")
        return content


def _prefix(archive: ZipFile) -> str:
    """Return the name of the folder that holds everything in the archive."""
    names = archive.namelist()
    found = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise MalformedError("it is a TorchScript program, not weights")
    if len(found) != 1:
        raise MalformedError(f"it is a zip archive with {len(found) or 'no'} pickles of torch.save")
    return found[0].rpartition("/")[0]


def _groups(stream: PickleStream, tree: Any) -> Groups:
    """Return the tensors of a tree; objects without any are refused."""
    groups = grouped(tree)
    if not groups:
        stream.refuse_objects()
    return groups


def _storage(archive: ZipFile, info: ZipInfo, length: int) -> bytes:
    """Return the values of a storage, verified by the archive's checksum."""
    try:
        return _content(archive, info, info.file_size)[:length]
    except (BadZipFile, zlib.error, EOFError) as error:
        raise MalformedError("the values of a storage were changed or are cut off") from error


def _slice(file: IO[bytes], start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)


def _content(archive: ZipFile, info: ZipInfo, most: int) -> bytes:
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED) or info.flag_bits & 1:
        raise MalformedError("its zip archive is compressed or encrypted in a way that torch does not read")
    content = io.BytesIO()
    with archive.open(info) as stream:
        while part := stream.read(2**20):
            content.write(part)
            if content.tell() > most:
                raise MalformedError("its pickle is longer than that of any weights")
    return content.getvalue()
