"""The client's cache of files from the Hub: what is there, whether it is whole, and what killed downloads left. Imports no torch.

The cache names a file's content by what the Hub calls it: the SHA-256 of a large file, git's object id of a small one. So
everything in it can be verified without a request.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from zoo.checkpoints.published import sha256_of
from zoo.errors import ZooError
from zoo.files import in_cache, locked, remember, write_atomically
from zoo.model_folder import CONFIG_FILE

COMMIT = re.compile(r"[0-9a-f]{40}")
DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""The SHA-256 of a large file, git's object id of a small one."""

QUIET = 60.0
"""Seconds without a change after which a part of a download is nobody's, if nobody holds its lock either. Some network file
systems grant a lock to everybody, so the lock alone proves nothing."""


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """A file whose content is not what it should be."""

    wanted: str
    """Hex digest of what was published."""
    found: str
    """Hex digest of what is there."""
    bytes: int

    def __str__(self) -> str:
        kind = "SHA-256" if len(self.wanted) == 64 else "git id"
        return f"{kind} {self.found} ({self.bytes:,} bytes), and what was published has {self.wanted}"


@dataclass(frozen=True, kw_only=True)
class Copy:
    """What a cache has of a commit."""

    paths: Mapping[str, Path | None]
    """The files that a model needs, by name."""
    faults: Mapping[str, Mismatch]
    unknown: tuple[str, ...]
    """Files that are there, and whose digest nothing on this machine tells."""

    @property
    def whole(self) -> bool:
        """Whether all files are there, and none is known to be damaged."""
        return all(self.paths.values()) and not self.faults

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return next(path.parent for path in self.paths.values() if path)


def copy_of(repo: str, commit: str, digests: Mapping[str, str], cache: Path) -> Copy:
    """Return what a cache has of a commit.

    Args:
        repo, commit: the model.
        digests: of the files, by name; the empty string where only the cache may know.
        cache: the client's folder.
    """
    paths = {name: find(repo, name, commit, cache) for name in digests}
    there = {name: path for name, path in paths.items() if path}
    faults = {name: fault for name, path in there.items() if (fault := mismatch(path, digests[name]))}
    unknown = tuple(name for name, path in there.items() if not (digests[name] or digest_of(path)))
    return Copy(paths=paths, faults=faults, unknown=unknown)


def find(repo: str, file: str, commit: str, cache: Path) -> Path | None:
    """Return a cached file of a commit, whole or not; None where there is none."""
    from huggingface_hub import try_to_load_from_cache

    with contextlib.suppress(ValueError):  # what is no name of a repository
        found = try_to_load_from_cache(repo, file, cache_dir=cache, revision=commit)
        return Path(found) if isinstance(found, str) else None
    return None


def cached_commit(repo: str, revision: str, cache: Path) -> str:
    """Return the commit that a branch or tag was when it was last looked up; empty where it never was."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        config = find(repo, CONFIG_FILE, revision, cache)  # in the folder of its commit
        return config.parent.name if config and COMMIT.fullmatch(config.parent.name) else ""
    return ""


def remember_commit(repo: str, revision: str, commit: str, cache: Path) -> None:
    """Write down which commit a branch or tag is, where the client does too; a cache that is only read stays as it is."""
    if revision != commit and cached_commit(repo, revision, cache) != commit:
        with contextlib.suppress(ZooError):
            write_atomically(cache / _folder(repo) / "refs" / revision, commit.encode())


def noted_digests(repo: str, commit: str) -> dict[str, str]:
    """Return the digests of a commit's files that zoo noted when it fetched them, by name."""
    path = in_cache(*_note(repo, commit))
    with contextlib.suppress(OSError, UnicodeDecodeError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str]) if path else {}
    return {}


def note_digests(repo: str, commit: str, digests: dict[str, str]) -> None:
    """Note the digests of a commit's files, for a cache that does not name files by their content."""
    if noted_digests(repo, commit) != digests:
        remember(msgspec.json.encode(digests), *_note(repo, commit))


def _note(repo: str, commit: str) -> tuple[str, str]:
    return "hub", f"{_folder(repo)}--{commit}.json"


def digest_of(path: Path) -> str:
    """Return the digest by which the cache calls a file's content; empty where it has plain files or other names."""
    # One link only: with xet, what it points to is a link itself, to the content by another digest.
    name = path.readlink().name if path.is_symlink() else ""
    return name if DIGEST.fullmatch(name) else ""


def mismatch(path: Path, digest: str = "") -> Mismatch | None:
    """Return how a cached file differs from what was published, or None where it does not, or where no digest is known.

    Args:
        path: the file in the cache.
        digest: what it must have: a SHA-256, or the id that git gives a small file; by default what the cache calls it.
    """
    wanted = digest or digest_of(path)
    if not wanted:
        return None
    size = path.stat().st_size
    if len(wanted) == 64:
        found = [sha256_of(path)]
    else:
        content = path.read_bytes()
        # Mirrors may call a small file by its plain SHA-1.
        found = [hashlib.sha1(start + content).hexdigest() for start in (b"blob %d\0" % size, b"")]
    return None if wanted in found else Mismatch(wanted=wanted, found=found[0], bytes=size)


def free_space(cache: Path) -> int:
    """Return the bytes that are free where the cache is or will be."""
    return shutil.disk_usage(next(path for path in (cache, *cache.parents) if path.is_dir())).free


def sweep(repo: str, cache: Path) -> None:
    """Delete the parts that killed downloads of a repository left; a download that goes on holds its lock and writes."""
    folder = _folder(repo)
    for part in (cache / folder / "blobs").glob("*.incomplete"):
        lock = cache / ".locks" / folder / f"{part.name.partition('.')[0]}.lock"
        with contextlib.suppress(OSError):  # it was finished meanwhile, or the cache is only to be read
            if time.time() - part.stat().st_mtime > QUIET:
                with locked(lock, wait=False) as alone:
                    if alone:
                        part.unlink()


def _folder(repo: str) -> str:
    return f"models--{repo.replace('/', '--')}"
