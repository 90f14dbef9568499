"""The code and files that results depend on: the source of plugins, and the contents of files that options name. No torch.

A plugin's source counts unless it is a release: a distribution from an index (no `direct_url.json`) that has a version and
whose files match its `RECORD`. All others (editable, local folder, local wheel, edited in place) can change under one version.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from zoo.checksums import sha256_of
from zoo.files import expand
from zoo.plugins import Plugin

SOURCE_SUFFIXES = (".py", ".pyx", ".c", ".cc", ".cpp", ".cu", ".h", ".so")
"""Files of a package that count as its source."""


def source_of(plugin: Plugin) -> str:
    """Return a digest of a plugin's source at the first call of this process; empty for a release.

    The source is the whole package of the plugin: for zoo's own plugins the plugin's folder, for others the top-level package
    and the packages of its components' targets in the same folder. zoo's shared layers count by zoo's version.
    """
    targets = {component.target.partition(":")[0] for component in plugin.components}
    return _source(plugin.distribution, plugin.module, plugin.builtin, tuple(sorted(targets)))


def files_of(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return the SHA-256 of each file that a value of a config names, by the value's path in it, e.g. `weights`.

    A value names a file where it is text and there is such a file, relative to the working folder.
    """
    found: dict[str, str] = {}
    for name, value in config.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            found |= files_of(value, f"{key}.")
        elif isinstance(value, list | tuple):
            found |= files_of({str(number): each for number, each in enumerate(value)}, f"{key}.")
        elif isinstance(value, str) and (digest := _digest_of_named(value)):
            found[key] = digest
    return found


def stated_options(config: Any) -> dict[str, Any]:
    """Return a config's options for keys; one that was added later only where it is set, so that earlier keys hold."""
    options: dict[str, Any] = msgspec.to_builtins(config)
    later = {each.name: each.default for each in fields(config) if each.metadata.get("later")}
    return {name: value for name, value in options.items() if name not in later or value != later[name]}


def with_contents(config: Mapping[str, Any], files: Mapping[str, str], prefix: str = "") -> dict[str, Any]:
    """Return a config with the SHA-256 of files in place of their paths."""

    def replaced(value: Any, key: str) -> Any:
        if isinstance(value, Mapping):
            return with_contents(value, files, f"{key}.")
        if isinstance(value, list | tuple):
            return [replaced(each, f"{key}.{number}") for number, each in enumerate(value)]
        return f"sha256:{files[key]}" if key in files else value

    return {name: replaced(value, f"{prefix}{name}") for name, value in config.items()}


def _digest_of_named(text: str) -> str:
    """Return the SHA-256 of the file that a text names; empty where it names none."""
    if not text or len(text) > 4096 or "\0" in text:
        return ""
    path = expand(text)
    try:
        return sha256_of(path.resolve()) if path.is_file() else ""
    except OSError:  # too long a name
        return ""


@cache
def _source(name: str, module: str, builtin: bool, targets: tuple[str, ...]) -> str:
    try:
        dist = distribution(name) if name else None
    except (PackageNotFoundError, ValueError):
        dist = None
    digests: dict[str, str] = {}
    for root, parent in _roots(module, builtin, targets, dist).items():
        files = [root] if root.is_file() else [path for path in root.rglob("*") if path.suffix in SOURCE_SUFFIXES]
        digests |= {f"{parent}{path.relative_to(root.parent)}": sha256_of(path) for path in files if path.is_file()}
    if not digests or (dist and _is_release(dist, digests)):
        return ""
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()[:16]


def _roots(module: str, builtin: bool, targets: tuple[str, ...], dist: Distribution | None) -> dict[Path, str]:
    """Return the packages and modules that hold a plugin's source, with the parents of each as a RECORD writes them."""
    own = _location(module, 2 if builtin else 1)
    if own is None:
        return {}
    roots = dict([own])
    if not builtin:
        folder = own[0].parent
        packaged = {path.parts[0] for path in dist.files or ()} if dist and folder.name == "site-packages" else None
        for target in targets:
            found = _location(target, 1)
            if found and found[0].parent == folder and (packaged is None or found[0].name in packaged):
                roots |= dict([found])
    return roots


def _location(module: str, least: int) -> tuple[Path, str] | None:
    """Return the folder or file of a module's outermost package that has `least` names and is no namespace, and its parents."""
    names = module.split(".")
    for depth in range(min(least, len(names)), len(names) + 1):
        try:
            spec = find_spec(".".join(names[:depth]))
        except Exception:  # anything that a parent package raises at import
            return None
        if spec is None:
            return None
        if spec.origin and spec.has_location:
            path = Path(spec.origin)
            parent = "".join(f"{name}/" for name in names[: depth - 1])
            return (path.parent if spec.submodule_search_locations is not None else path), parent
    return None


def _is_release(dist: Distribution, digests: Mapping[str, str]) -> bool:
    """Return whether a distribution came from an index and these of its files, by path, are unchanged."""
    if dist.read_text("direct_url.json") or dist.metadata["Version"] in (None, "", "0.0.0"):
        return False
    recorded = {
        str(path): path.hash.value for path in dist.files or () if path.hash is not None and path.hash.mode == "sha256"
    }
    as_recorded = {
        path: base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("=") for path, digest in digests.items()
    }
    return all(recorded.get(path) == digest for path, digest in as_recorded.items())
