"""Choosing the pairs of a test or validation set: a share, a number, all, or a list of stems. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from zoo.data.importing import by_digest
from zoo.data.layout import printable
from zoo.errors import SourceError, UsageError

FORMS = "a share such as 0.1, a number of pairs, `all`, or a file with one stem a line"


def draw(
    names: Collection[str], wanted: str, *, split: str, salt: str = "", stem_of: Callable[[str], str] = str
) -> set[str]:
    """Return the names that belong to a split.

    A share and a number are the first by SHA-256 of `salt` and name, the same on every machine, and leave at least one name.

    Args:
        names: stems to choose from.
        wanted: a share between 0 and 1, a number from 1, `all`, or a file with one stem or file name a line.
        split: `test` or `validation`, for errors.
        salt: of the order, e.g. a seed.
        stem_of: returns the stem in `names` that a listed stem means.

    Raises:
        UsageError: `wanted` is none of these.
        SourceError: there are too few names, or a listed stem is none of them.
    """
    if wanted == "all":
        return set(names)
    try:
        number = float(wanted)
    except ValueError:
        if Path(wanted).is_file():
            return _listed(Path(wanted), names, stem_of)
        number = 0
    is_share = 0 < number < 1
    if not is_share and not (number >= 1 and number.is_integer()):
        raise UsageError(f"`{split}` is {wanted}, which is no share, no number of pairs and no file", f"Use {FORMS}")
    order = by_digest(names, salt)
    if len(order) < 2:
        raise SourceError(
            f"{len(order)} usable pair{'s' * (len(order) != 1)} cannot be split into a training and a {split} set",
            f"Add more pairs to the source, or use `{split}`=all",
        )
    count = max(1, round(number * len(order))) if is_share else int(number)
    if not is_share and count >= len(order):
        raise SourceError(
            f"{count} {split} pairs were requested, but there are {len(order)}, and one must remain for training",
            f"Choose `{split}` from 1 to {len(order) - 1}, or `{split}`=all",
        )
    return set(order[: min(count, len(order) - 1)])


def _listed(path: Path, names: Collection[str], stem_of: Callable[[str], str]) -> set[str]:
    """Return the names that a list contains; a line is a stem, or a file name or path with a suffix."""
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as error:
        raise SourceError(f"the list `{path}` cannot be read: {error.strerror or error}", "Check the file") from error
    words = [printable(line.strip()) for line in lines if line.strip()]
    known = set(names)
    chosen, unknown = set[str](), []
    for word in words:
        spellings = [word, Path(word).name, Path(word).stem]
        found = next((stem for each in spellings for stem in (each, stem_of(each)) if stem in known), None)
        if found is None:
            unknown.append(word)
        else:
            chosen.add(found)
    if unknown or not chosen:
        what = f"`{unknown[0]}`" if unknown else "no stem"
        of = f" ({len(unknown)} of {len(words)} lines)" if len(unknown) > 1 else ""
        raise SourceError(f"the list `{path}` names {what}{of}, which is no usable pair", "Correct the list")
    return chosen
