"""From another program's file of weights to a folder of zoo's, verified on an input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.checkpoints.entries import shown
from zoo.checkpoints.formats import Match, Network, networks, renamed
from zoo.checkpoints.peek import peek
from zoo.checksums import sha256_of
from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.model_folder import SourceFile
from zoo.plugins import installed

if TYPE_CHECKING:
    from zoo.checkpoints.writing import Conversion


def convert(
    file: Path,
    folder: Path,
    *,
    part: str | None = None,
    settings: Mapping[str, str] | None = None,
    classes: Sequence[str] = (),
) -> Conversion:
    """Write the network of a file to a folder, and compare the outputs of both.

    Args:
        file: weights in a format that a plugin describes.
        folder: the output; it may hold an earlier conversion of the same file.
        part: the part of a file of several networks; by default the only network, or the only generator.
        settings: options that the file does not determine, of the network (`dropout`) and of its inference (`evaluation`).
        classes: names of label indices, for a network that reads the temperature of each object.

    Raises:
        UsageError: there is no such file, part or option, or the folder holds something else.
        ZooError: the file is refused, damaged or of an unknown format, or the converted network computes something else.
    """
    weights = peek(file)
    if "zoo_version" in weights.metadata:
        fix = f'Load it: zoo.load("{weights.path.parent}")'
        raise UsageError(f"`{file}` is a model of zoo, and needs no conversion", fix)
    found = networks(weights, [row for plugin in installed() for row in plugin.rows.checkpoints])
    network, match = choose(file, found, part)
    from zoo.checkpoints.tensors import read_tensors  # imports torch, for which a refusal does not wait
    from zoo.checkpoints.writing import write

    name, digest = weights.path.name, sha256_of(weights.path)
    source = SourceFile(format=match.format.name, title=match.title, file=name, sha256=digest, part=network.part)
    tensors = read_tensors(weights, network)
    state = {renamed(key, match.format): tensor for key, tensor in tensors.items() if key not in match.dropped}
    written = write(folder, state, match, source, settings or {}, tuple(classes))
    return replace(written, objects=weights.objects)


def choose(file: Path, found: Sequence[Network], part: str | None) -> tuple[Network, Match]:
    """Return the network in a part of a file, or the only one, or the only generator.

    Raises:
        UsageError: there is none in this part, or several and no part is given.
        ZooError: none is of a known format; the message names the nearest format and the keys that differ.
    """
    known = [(network, network.match) for network in found if network.match]
    if not known:
        how = ""
        for match in found[0].nearest[:1]:
            how = f"; nearest is {match.format.name}, and the file {'; '.join(match.describe_differences())}"
        raise ZooError(f"`{file}` does not match a known format{how}", f"Run: zoo inspect {file}")
    if part is not None:
        known = [pair for pair in known if pair[0].part == part]
        if not known:
            names = [network.part for network in found]
            fix = did_you_mean(part, names) or f"Use one of: {', '.join(names)}"
            raise UsageError(f"`{file}` has no part {part!r}", fix)
    generators = [pair for pair in known if pair[1].format.component.startswith("generator ")]
    chosen = known if len(known) == 1 else generators
    if len(chosen) == 1:
        return chosen[0]
    several = ", ".join(f"{shown(network.part)} ({match.format.name})" for network, match in known)
    fix = f"Run: zoo convert {file} --part {known[0][0].part}"
    raise UsageError(f"`{file}` holds {len(known)} networks: {several}", fix)
