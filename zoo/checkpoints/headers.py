"""The header of a safetensors file, checked against the file. Imports neither torch nor the safetensors library."""

from __future__ import annotations

import json
from typing import IO, Any, TypeGuard

from zoo.checkpoints.entries import LARGEST, LONGEST, MOST_DIMENSIONS, MOST_TENSORS, MalformedError, TensorEntry, shown

MOST_HEADER = 32 * 2**20
"""Bytes; a tensor takes about a hundred."""
_DTYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "U16": "uint16", "I32": "int32", "U32": "uint32",
    "I64": "int64", "U64": "uint64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64", "C64": "complex64",
}  # fmt: skip


def looks_like_safetensors(start: bytes, size: int) -> bool:
    """Return whether a file of this size and these first nine bytes begins as safetensors does: a length, then `{`."""
    return start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= size - 8


def read_header(file: IO[bytes], size: int) -> tuple[dict[str, TensorEntry], dict[str, str]]:
    """Return the tensors in the order of the file, and the metadata.

    Raises:
        MalformedError: the header does not follow the format, or does not fit the file.
    """
    length = int.from_bytes(file.read(8), "little")
    if length > min(MOST_HEADER, size - 8):
        raise MalformedError(f"its header claims {length} bytes, and the file has {size}")
    try:
        header = json.loads(file.read(length), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise MalformedError("its header is not JSON") from error
    if not isinstance(header, dict) or len(header) > MOST_TENSORS:
        raise MalformedError("its header is not a table of tensors")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise MalformedError("its metadata are not texts")
    start, entries = 0, {}
    for name, fields in sorted(header.items(), key=lambda item: _begin(item[1])):
        entries[name], start = _entry(name, fields, start)
    if start != size - 8 - length:
        raise MalformedError(f"its tensors take {start} bytes, and the file has {size - 8 - length}")
    return {name: entries[name] for name in header}, metadata


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name occurs twice")
    return table


def _begin(fields: Any) -> int:
    """Return where a tensor begins; `_entry` refuses other values."""
    offsets = fields.get("data_offsets") if isinstance(fields, dict) else None
    return offsets[0] if isinstance(offsets, list) and offsets and type(offsets[0]) is int else -1


def _entry(name: str, fields: Any, begin: int) -> tuple[TensorEntry, int]:
    """Return a tensor that must begin here, and where the next one begins."""
    shape, offsets = (fields.get("shape"), fields.get("data_offsets")) if isinstance(fields, dict) else (None, None)
    if not _counts(shape) or not _counts(offsets):
        raise MalformedError(f"tensor {shown(name)} has no shape or offsets")
    dtype = _DTYPES.get(str(fields.get("dtype")))
    if len(shape) > MOST_DIMENSIONS or len(name) > LONGEST or dtype is None:
        raise MalformedError(f"tensor {shown(name)} has an unknown type, too long a name or too many dimensions")
    entry = TensorEntry(shape=tuple(shape), dtype=dtype)
    if offsets != [begin, begin + entry.bytes]:
        raise MalformedError(f"tensor {shown(name)} has offsets that contradict its shape or the tensor before it")
    return entry, begin + entry.bytes


def _counts(values: Any) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < LARGEST for value in values)
