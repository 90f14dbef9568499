"""Names of files that others chose, as text that can be printed, stored and used as a file name. Imports nothing heavy."""

from __future__ import annotations

import unicodedata
from pathlib import Path


def plain(text: str) -> str:
    """Return a name with control characters and the bytes that are not UTF-8 written as `%XX`.

    Archives packed on other systems unpack to names in other encodings (GBK, Shift JIS), which neither JSON nor a terminal
    takes. Other text comes back in its composed form (NFC), in which every system but one writes it.
    """
    composed = unicodedata.normalize("NFC", text)
    return "".join(_escaped(letter) if _is_foreign(letter) else letter for letter in composed)


def plain_stem(path: Path | str) -> str:
    """Return the stem of a file's name under which its pair is stored; see `plain`."""
    return plain(Path(path).stem)


def is_plain(text: str) -> bool:
    """Return whether a name has no control character and no byte that is not UTF-8."""
    return not any(_is_foreign(letter) for letter in text)


def _is_foreign(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")  # control, surrogate, line and paragraph separator


def _escaped(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode(errors="surrogateescape"))
