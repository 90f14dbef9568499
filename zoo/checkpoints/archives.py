"""Files of `torch.save`: the zip archive that it writes since 2020, and the row of pickles that it wrote before."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from zoo.checkpoints.entries import DamagedError, Entry, grouped, shown
from zoo.checkpoints.pickles import MOST_BYTES, Source, read

ZIP_START = b"PK\x03\x04"
MOST_DIRECTORY = 8 * 2**20
"""Bytes of an archive's table of contents; one of 10,000 tensors takes one megabyte."""
_MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of the older form."""
_FOREIGN = "it is neither safetensors nor a file of torch.save"


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What a file of torch.save holds."""

    value: Any
    """Dicts, lists and plain values, with tensors as `Entry`."""
    objects: tuple[str, ...]
    """Classes and functions of what else is there."""
    storages: Mapping[str, Callable[[], bytes]]
    """Reads the values of a storage, by its key; each raises DamagedError and OSError."""


def read_saved(file: IO[bytes], size: int) -> tuple[str, Tree]:
    """Return how a file of torch.save is written and what it holds; its storages are read while the file is open.

    Raises:
        UnsafeError: its pickle mentions a global that only an attack needs, or holds objects and no tensors.
        DamagedError: it is no such file, is cut off, or was changed.
    """
    file.seek(0)
    archive = file.read(len(ZIP_START)) == ZIP_START
    file.seek(0)
    if archive:
        return "PyTorch zip archive", _read_zip(file)
    return "PyTorch pickles, as before 2020", _read_pickles(file, size)


def _read_zip(file: IO[bytes]) -> Tree:
    try:
        archive = ZipFile(_Window(file))
        prefix = _prefix(archive)
        source = Source(io.BytesIO(_content(archive, archive.getinfo(f"{prefix}/data.pkl"), MOST_BYTES)))
        value = read(source)
        _check_tensors(source, value)
        order = archive.NameToInfo.get(f"{prefix}/byteorder")
        if order and _content(archive, order, 100).strip() != b"little":
            raise DamagedError("its numbers are not in the byte order of usual machines")
        storages = {}
        for key, values in source.storages.items():
            info = archive.NameToInfo.get(f"{prefix}/data/{key}")
            if info is None or info.file_size < values.bytes:
                raise DamagedError(f"the values of storage {shown(key)} are missing or cut off")
            storages[key] = partial(_storage, archive, info, values.bytes)
        return Tree(value=value, objects=source.objects(), storages=storages)
    # All that zipfile raises where an archive was cut off or changed: it checks little before it computes with what it reads.
    except (BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, OverflowError) as error:
        raise DamagedError("its zip archive is cut off or was changed") from error


def _read_pickles(file: IO[bytes], size: int) -> Tree:
    """Return what the older form holds.

    Five pickles: a magic number, the form's version, the machine's byte order, the tree, and the keys of its storages; then each
    storage's number of values and the values.
    """
    source = Source(file)
    try:
        magic = read(source)
    except DamagedError as error:
        raise DamagedError(_FOREIGN) from error
    if type(magic) is not int or magic != _MAGIC:
        source.refuse_objects()
        raise DamagedError("it is a pickle, and not one of torch.save")
    _version, _machine, value = (read(source) for _ in range(3))
    _check_tensors(source, value)
    keys = read(source)
    if not isinstance(keys, list) or len(keys) != len(source.storages):
        raise DamagedError("its list of storages contradicts its tensors")
    place = MOST_BYTES - source.bytes
    storages = {}
    for key in keys:
        values = source.storages.pop(key, None) if isinstance(key, str) else None
        file.seek(place)
        if values is None or file.read(8) != values.count.to_bytes(8, "little") or place + 8 + values.bytes > size:
            raise DamagedError("the values of a storage are missing or cut off")
        storages[key] = partial(_part, file, place + 8, values.bytes)
        place += 8 + values.bytes
    return Tree(value=value, objects=source.objects(), storages=storages)


class _Window(io.BufferedIOBase):
    """A file of which no more than a table of contents is read at a time."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        return self.file.seek(place, whence)

    def tell(self) -> int:
        return self.file.tell()

    def read(self, length: int | None = -1) -> bytes:
        whole = length is None or length < 0
        content = self.file.read(MOST_DIRECTORY + 1 if whole or length is None else min(length, MOST_DIRECTORY + 1))
        if len(content) > MOST_DIRECTORY:
            raise DamagedError("its table of contents is longer than that of any weights")
        return content


def _prefix(archive: ZipFile) -> str:
    """Return the name of the folder that everything in the archive lies in."""
    names = archive.namelist()
    found = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise DamagedError("it is a TorchScript program, not weights")
    if len(found) != 1:
        raise DamagedError(f"it is a zip archive with {len(found) or 'no'} pickles of torch.save")
    return found[0].rpartition("/")[0]


def _check_tensors(source: Source, value: Any) -> None:
    """Refuse a file of objects without a tensor beside them."""
    if not grouped(value, lambda found: isinstance(found, Entry)):
        source.refuse_objects()


def _storage(archive: ZipFile, info: ZipInfo, length: int) -> bytes:
    """Return the values of a storage, checked by the archive's checksum."""
    try:
        return _content(archive, info, info.file_size)[:length]
    except (BadZipFile, zlib.error, EOFError) as error:
        raise DamagedError("the values of a storage were changed or are cut off") from error


def _part(file: IO[bytes], place: int, length: int) -> bytes:
    file.seek(place)
    return file.read(length)


def _content(archive: ZipFile, info: ZipInfo, most: int) -> bytes:
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED) or info.flag_bits & 1:
        raise DamagedError("its zip archive is packed or encrypted in a way that torch does not read")
    with archive.open(info) as stream:
        content = io.BytesIO()
        while part := stream.read(2**20):
            content.write(part)
            if content.tell() > most:
                raise DamagedError("its pickle is longer than that of any weights")
    return content.getvalue()
