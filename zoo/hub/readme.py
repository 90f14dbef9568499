"""A model card as text: YAML front matter, zoo's text between two markers, and the publisher's own words around it."""

from __future__ import annotations

import re
from typing import Any

BEGIN = "<!-- zoo: begin. zoo publish rewrites all from here to the end marker; text outside stays as it is. -->"
END = "<!-- zoo: end -->"
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)(?<=\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_LICENSE = ("license", "license_name", "license_link")


def write_readme(metadata: dict[str, Any], text: str, before: str = "\n", after: str = "\n") -> str:
    """Return a card of front matter and the generated text between markers, with the text before and after them."""
    import yaml

    front = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{front}---\n{before}{BEGIN}\n{text}{END}{after}"


def read_readme(card: str) -> tuple[dict[str, Any], str]:
    """Return a card's front matter and the rest; front matter that is not a YAML mapping counts as empty."""
    import yaml

    front = _FRONT.match(card)
    if front is None:
        return {}, card
    try:
        metadata = yaml.safe_load(front[1])
    except (yaml.YAMLError, ValueError, RecursionError):  # also an impossible date
        metadata = None
    return metadata if isinstance(metadata, dict) else {}, card[front.end() :]


def update_readme(old: str, new: str) -> str:
    """Return a new card that keeps the publisher's own content of an old one.

    That is all text outside the markers (the whole text of a card without markers, which then follows zoo's text), the keys of
    the front matter that zoo does not write, further tags, and the license where zoo has none. Updating twice changes nothing.
    """
    own, body = read_readme(old)
    metadata, generated = read_readme(new)
    text = generated.partition(f"{BEGIN}\n")[2].partition(END)[0]
    before, begin, rest = body.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        before, after = "\n", f"\n\n{body.strip()}\n" if body.strip() else "\n"
    if (
        metadata.get("license") == "other"
        and "license" in own
        and own.get("license_name") != metadata.get("license_name")
    ):
        metadata = {key: value for key, value in metadata.items() if key not in _LICENSE}
    tags = [tag for data in (metadata, own) if isinstance(data.get("tags"), list) for tag in data["tags"]]
    tags = [tag for tag in tags if isinstance(tag, str)]
    merged = own | metadata | ({"tags": list(dict.fromkeys(tags))} if tags else {})
    # zoo's keys first and in its order: the same content must give the same file.
    ordered = {key: merged[key] for key in [*metadata, *(key for key in own if key not in metadata)]}
    return write_readme(ordered, text, before, after)
