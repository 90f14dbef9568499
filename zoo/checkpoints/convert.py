"""From another program's file of weights to a folder of zoo's, checked on an input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.checkpoints.entries import shown
from zoo.checkpoints.formats import Match, Network, networks, renamed
from zoo.checkpoints.peek import peek
from zoo.checkpoints.published import sha256_of
from zoo.checkpoints.words import differences
from zoo.converted_config import Converted
from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.plugins import installed

_KEYS = 3
"""Keys that an error names of those in which a file and a format differ."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What became of a file."""

    folder: str
    source: Converted
    component: str
    """Kind and name of the network with its options; empty where it is no component."""
    translates: bool
    """Whether `zoo.load` takes the folder."""
    reads_labels: bool
    """Whether it translates with label images only."""
    tensors: int
    """Number of tensors of the file that the network got."""
    dropped: tuple[str, ...]
    """Keys of the file that the network has no use for."""
    objects: tuple[str, ...]
    """Classes and functions of what else lies in the file; nothing of it was read."""
    checked: str
    """What was compared, in one line."""


def convert(
    file: Path,
    folder: Path,
    *,
    part: str | None = None,
    settings: Mapping[str, str] | None = None,
    classes: Sequence[str] = (),
) -> Conversion:
    """Write the network of a file into a folder, and compare what comes out of both.

    Args:
        file: weights in a format that a plugin knows.
        folder: to write; it may hold an earlier conversion of the same file.
        part: where the network is, in a file of several; by default the only one, or the only generator.
        settings: options that the file does not tell, of the network (`dropout`) and of how it translates (`evaluation`).
        classes: names of label indices, for a network that reads the temperature of each object.

    Raises:
        UsageError: there is no such file, part or option, or the folder holds something else.
        ZooError: the file is refused, damaged or of no known format, or what was converted does not compute what it should.
    """
    checkpoint = peek(file)
    if "zoo_version" in checkpoint.metadata:
        raise UsageError(
            f"`{file}` is a model of zoo, and needs no conversion",
            f'Its folder loads: zoo.load("{checkpoint.path.parent}")',
        )
    found = networks(checkpoint, [row for plugin in installed() for row in plugin.rows.checkpoints])
    network, match = choose(file, found, part)
    from zoo.checkpoints.tensors import read_tensors  # brings torch, which a refusal does not wait for
    from zoo.checkpoints.writing import write

    source = Converted(
        format=match.format.name,
        title=match.title,
        file=checkpoint.path.name,
        sha256=sha256_of(checkpoint.path),
        part=network.part,
    )
    tensors = read_tensors(checkpoint, network)
    state = {renamed(key, match.format): tensor for key, tensor in tensors.items() if key not in match.dropped}
    written = write(folder, state, match, source, settings=dict(settings or {}), classes=tuple(classes))
    return Conversion(
        folder=str(folder),
        source=source,
        component=written.component,
        translates=written.translates,
        reads_labels=written.reads_labels,
        tensors=len(state),
        dropped=match.dropped,
        objects=checkpoint.objects,
        checked=written.checked,
    )


def choose(file: Path, found: Sequence[Network], part: str | None) -> tuple[Network, Match]:
    """Return the network of a file that a part's name means, or the only one, or the only generator.

    Raises:
        UsageError: there is none of that name, or several and none was named.
        ZooError: none is of a known format; the message names the nearest and the keys that differ.
    """
    known = [(network, network.match) for network in found if network.match]
    if not known:
        nearest = found[0].nearest
        how = (
            f"; nearest is {nearest[0].format.name}, and the file {'; '.join(differences(nearest[0], _KEYS))}"
            if nearest
            else ""
        )
        raise ZooError(f"`{file}` is of no format that zoo knows{how}", f"Type: zoo inspect {file}")
    if part is not None:
        known = [pair for pair in known if pair[0].part == part]
        if not known:
            names = [network.part for network in found]
            raise UsageError(
                f"`{file}` has no part {part!r}", did_you_mean(part, names) or f"Type one of: {', '.join(names)}"
            )
    generators = [pair for pair in known if pair[1].format.component.startswith("generator ")]
    chosen = known if len(known) == 1 else generators
    if len(chosen) == 1:
        return chosen[0]
    several = ", ".join(f"{shown(network.part)} ({match.format.name})" for network, match in known)
    raise UsageError(
        f"`{file}` holds {len(known)} networks: {several}", f"Type: zoo convert {file} --part {known[0][0].part}"
    )
