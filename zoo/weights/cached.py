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
from dataclasses import dataclass
from pathlib import Path

from zoo.checkpoints.published import sha256_of
from zoo.files import locked, write_atomically

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


def find(repo: str, file: str, commit: str, cache: Path) -> Path | None:
    """Return a cached file of a commit, whole or not; None where there is none."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, file, cache_dir=cache, revision=commit)
    return Path(found) if isinstance(found, str) else None


def cached_commit(repo: str, revision: str, cache: Path) -> str:
    """Return the commit that a branch or tag was when it was last looked up; empty where it never was."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = (cache / _folder(repo) / "refs" / revision).read_text().strip()
        return text if re.fullmatch(r"[0-9a-f]{40}", text) else ""
    return ""


def remember(repo: str, revision: str, commit: str, cache: Path) -> None:
    """Write down which commit a branch or tag is, where the client does too."""
    if revision not in (commit, cached_commit(repo, revision, cache)):
        write_atomically(cache / _folder(repo) / "refs" / revision, commit.encode())


def mismatch(path: Path, sha256: str = "") -> Mismatch | None:
    """Return how a cached file differs from what was published, or None.

    Args:
        path: the file in the cache.
        sha256: hex digest that it must have; by default what the Hub said when it was fetched.
    """
    # One link only: with xet, what it points to is a link itself, to the content by another digest.
    wanted = sha256 or (path.readlink().name if path.is_symlink() else "")
    size = path.stat().st_size
    if re.fullmatch(r"[0-9a-f]{64}", wanted):
        found = [sha256_of(path)]
    elif re.fullmatch(r"[0-9a-f]{40}", wanted):
        content = path.read_bytes()
        # Mirrors may call a small file by its plain SHA-1.
        found = [hashlib.sha1(start + content).hexdigest() for start in (b"blob %d\0" % size, b"")]
    else:  # a mirror with names of its own, or a file system without links
        return None
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
                with locked(lock, give_up=lambda: True) as alone:
                    if alone:
                        part.unlink()


def _folder(repo: str) -> str:
    return f"models--{repo.replace('/', '--')}"
