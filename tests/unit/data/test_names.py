"""Names of any bytes become text that JSON, terminals and file systems take."""

from __future__ import annotations

import os
import unicodedata

import msgspec
import pytest

from zoo.data.layout import is_printable, printable, printable_stem


@pytest.mark.parametrize(
    ("name", "want"),
    [
        (b"\xc4\xe3.png", "%C4%E3.png"),
        (b"a\nb\x1b[31m\x7f", "a%0Ab%1B[31m%7F"),
        ("café 猫.jpg".encode(), "café 猫.jpg"),
        ("\u2028\x85".encode(), "%E2%80%A8%C2%85"),
    ],
)
def test_foreign_bytes_and_control_characters_are_written_as_percent_codes(name: bytes, want: str) -> None:
    assert printable(os.fsdecode(name)) == want
    assert is_printable(want)
    assert msgspec.json.decode(msgspec.json.encode(want)) == want
    assert is_printable(os.fsdecode(name)) == (want == os.fsdecode(name))


def test_composed_and_decomposed_letters_are_one_stem() -> None:
    composed = "\u00e9"
    assert (
        printable_stem(f"{unicodedata.normalize('NFD', composed)}.png") == printable_stem(f"{composed}.jpg") == composed
    )
