"""The cache of the Hub's client: which files of a commit are there, and whether they are what was published. Imports no torch.

Files are found by the client's own functions. It names the content of a file by the digest that the Hub lists (the SHA-256
of a large file, git's object id of a small one), so that most files are verified without a request; for copies of a cache
that lost those names, zoo keeps the digests in its own cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from zoo.checksums import sha256_of
from zoo.files import in_cache, remember
from zoo.hub.access import COMMIT, Access, Pin
from zoo.model_folder import CONFIG_FILE

DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""Git's object id of a small file, the SHA-256 of a large one."""


@dataclass(frozen=True, kw_only=True)
class CachedModel:
    """The files of a commit in one cache."""

    paths: Mapping[str, Path | None]
    """The files that a model needs, by name."""
    mismatches: Mapping[str, str]
    """Files that are damaged, with both digests."""
    unverified: tuple[str, ...]
    """Files in the cache whose digest is not known on this machine."""

    @property
    def is_complete(self) -> bool:
        """Whether all files are there, and none is known to be damaged."""
        return all(self.paths.values()) and not self.mismatches

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        return next(path.parent for path in self.paths.values() if path)


def read_cache(pin: Pin, digests: Mapping[str, str], cache: Path) -> CachedModel:
    """Return the files of a commit that are in a cache, verified.

    Args:
        pin: the model at a commit.
        digests: of its files, by name; empty: the one that the cache has.
        cache: the client's folder.
    """
    paths = {name: find(pin.repo, name, pin.revision, cache) for name in digests}
    found = {name: path for name, path in paths.items() if path}
    mismatches = {name: fault for name, path in found.items() if (fault := mismatch(path, digests[name]))}
    unverified = tuple(name for name, path in found.items() if not (digests[name] or digest_of(path)))
    return CachedModel(paths=paths, mismatches=mismatches, unverified=unverified)


def find(repo: str, file: str, revision: str, cache: Path) -> Path | None:
    """Return a file in the cache, complete or not; None where there is none."""
    from huggingface_hub import try_to_load_from_cache

    # ValueError: not the name of a repository; OSError, UnicodeDecodeError: a damaged reference of a branch.
    with contextlib.suppress(ValueError, OSError):
        found = try_to_load_from_cache(repo, file, cache_dir=cache, revision=revision)
        return Path(found) if isinstance(found, str) else None
    return None


def last_commit(pin: Pin, access: Access) -> str:
    """Return the commit that a branch or tag was at the last download; empty where there was none."""
    for cache in access.caches:
        config = find(pin.repo, CONFIG_FILE, pin.revision, cache)  # in the folder of its commit
        if config and COMMIT.fullmatch(config.parent.name):
            return config.parent.name
    return ""


def known_digests(pin: Pin) -> dict[str, str]:
    """Return the digests of a commit's config and weights that are known without a request; empty where one is not."""
    kept: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
        path = in_cache(*_digest_file(pin))
        kept = msgspec.json.decode(path.read_bytes(), type=dict[str, str]) if path else {}
    return {CONFIG_FILE: "", pin.file: ""} | kept | ({pin.file: pin.sha256} if pin.sha256 else {})


def keep_digests(pin: Pin, digests: dict[str, str]) -> None:
    """Write the digests of a commit's files to zoo's cache."""
    if not digests.items() <= known_digests(pin).items():
        remember(msgspec.json.encode(digests), *_digest_file(pin))


def _digest_file(pin: Pin) -> tuple[str, str]:
    return "hub", f"models--{pin.repo.replace('/', '--')}--{pin.revision}.json"


def digest_of(path: Path) -> str:
    """Return the digest by which the cache names a file's content; empty where it has plain files or other names."""
    # One link only: with xet, its target is a link itself, to the content under another digest.
    name = path.readlink().name if path.is_symlink() else ""
    return name if DIGEST.fullmatch(name) else ""


def mismatch(path: Path, digest: str = "") -> str:
    """Return the digests of a cached file and of the published one; empty where they agree, or where none is known.

    Args:
        path: the file in the cache.
        digest: of the published file: a SHA-256, or git's object id of a small file; by default the cache's name for it.
    """
    expected = digest or digest_of(path)
    if not expected:
        return ""
    size = path.stat().st_size
    if len(expected) == 64:
        kind, found = "SHA-256", [sha256_of(path)]
    else:
        content = path.read_bytes()
        # Mirrors may name a small file by its plain SHA-1.
        kind, found = "git id", [hashlib.sha1(start + content).hexdigest() for start in (b"blob %d\0" % size, b"")]
    if expected in found:
        return ""
    return f"{kind} {found[0]} ({size:,} bytes), and the published file has {expected}"


def free_space(cache: Path) -> int:
    """Return the free bytes of the disk that holds the cache or will hold it."""
    return shutil.disk_usage(next(path for path in (cache, *cache.parents) if path.is_dir())).free
