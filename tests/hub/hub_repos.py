"""Repositories of the test server: commits, branches, tags, files, and the stores of large ones (LFS and xet)."""

from __future__ import annotations

import hashlib
import re
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GITATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
LARGE_SUFFIXES = (".safetensors", ".onnx", ".pt", ".pt2", ".png", ".jpg", ".bin")
LARGE = 10 * 2**20
FULL_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubError(Exception):
    """An answer other than 2xx: status, the Hub's error code and its message."""

    def __init__(self, status: int, message: str, code: str = "", **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, kw_only=True)
class User:
    """Who a token belongs to."""

    name: str
    orgs: tuple[str, ...] = ()
    write: bool = True
    """Whether the token may write."""

    def may_write(self, namespace: str) -> bool:
        """Whether the token may change repositories of a namespace."""
        return self.write and namespace in (self.name, *self.orgs)

    def whoami(self) -> dict[str, Any]:
        """Return the answer of `/api/whoami-v2`."""
        role = "write" if self.write else "read"
        orgs = [{"type": "org", "name": name, "fullname": name, "roleInOrg": "write"} for name in self.orgs]
        token = {"displayName": "test", "role": role}
        return {
            "type": "user",
            "id": f"id-{self.name}",
            "name": self.name,
            "fullname": self.name,
            "orgs": orgs,
            "auth": {"type": "access_token", "accessToken": token},
        }


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A file of a commit: its bytes, or the digest of a large one."""

    content: bytes = b""
    sha256: str = ""
    """Of a large file; empty for one that git holds."""
    size: int = 0

    @classmethod
    def small(cls, content: bytes) -> Blob:
        """A file that git itself holds."""
        return cls(content=content, size=len(content))

    @property
    def git_content(self) -> bytes:
        """What git holds: the bytes, or the pointer to a large file."""
        if not self.sha256:
            return self.content
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()

    @property
    def oid(self) -> str:
        """Git's object id."""
        content = self.git_content
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    @property
    def etag(self) -> str:
        """The SHA-256 of a large file, git's id of a small one."""
        return self.sha256 or self.oid


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A state of a repository."""

    oid: str
    parent: str
    title: str
    author: str
    files: Mapping[str, Blob]


@dataclass(kw_only=True)
class Repo:
    """A model repository."""

    id: str
    private: bool = False
    gated: bool = False
    admitted: set[str] = field(default_factory=set)
    """Users who were let into a gated repository."""
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    pull_requests: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.commit("main", {".gitattributes": Blob.small(GITATTRIBUTES)}, title="initial commit", author="hub")

    @property
    def namespace(self) -> str:
        """User or organization."""
        return self.id.partition("/")[0]

    @property
    def head(self) -> str:
        """The commit of branch main."""
        return self.branches["main"]

    def resolve(self, revision: str) -> Commit:
        """Return the commit that a branch, tag, pull request or (short) commit id means."""
        for names in (self.branches, self.tags, self.pull_requests):
            if revision in names:
                return self.commits[names[revision]]
        found = [oid for oid in self.commits if re.fullmatch(r"[0-9a-f]{4,40}", revision) and oid.startswith(revision)]
        if len(found) != 1:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[found[0]]

    def commit(
        self, branch: str, files: Mapping[str, Blob], *, title: str, author: str, pull_request: bool = False
    ) -> Commit:
        """Put a new state on a branch, or into a new pull request."""
        parent = self.branches.get(branch, "")
        text = "\n".join([self.id, parent, title, str(time.time_ns()), *(f"{p} {b.oid}" for p, b in files.items())])
        made = Commit(
            oid=hashlib.sha1(text.encode()).hexdigest(), parent=parent, title=title, author=author, files=dict(files)
        )
        self.commits[made.oid] = made
        if pull_request:
            self.pull_requests[f"refs/pr/{len(self.pull_requests) + 1}"] = made.oid
        else:
            self.branches[branch] = made.oid
        return made

    def history(self, commit: Commit) -> Iterator[Commit]:
        """The commit and its ancestors, the newest first."""
        while True:
            yield commit
            if not commit.parent:
                return
            commit = self.commits[commit.parent]


class LargeFiles:
    """Large files by SHA-256: those uploaded whole, and those in the xet store that clients write themselves."""

    def __init__(self, root: Path) -> None:
        self.whole, self.cas = root / "lfs", root / "cas"
        self.whole.mkdir(parents=True, exist_ok=True)
        self.cas.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()

    def put(self, sha256: str, content: bytes) -> None:
        """Keep a file that came whole."""
        (self.whole / sha256).write_bytes(content)

    def has(self, sha256: str) -> bool:
        """Whether the file was uploaded, in either way."""
        return (self.whole / sha256).is_file() or sha256 in self.xet_hashes()

    def read(self, sha256: str, size: int) -> bytes:
        """Return a file's bytes, put together from the xet store where it came that way."""
        path = self.whole / sha256
        with self._lock:
            if not path.is_file():
                self._assemble(self.xet_hashes()[sha256], size, path)
        return path.read_bytes()

    def xet_hashes(self) -> dict[str, str]:
        """Return xet's file hash by SHA-256, as the shards of the store have them.

        A shard is a header of 48 bytes, then blocks of 48-byte rows: a file's hash with its flags and number of segments,
        the segments, their verifications (flag 31), and a row with the SHA-256 (flag 30); a row of ones ends the list.
        """
        found: dict[str, str] = {}
        for shard in sorted(self.cas.glob("xet/xorbs/shards/*.mdb")):
            rows = [shard.read_bytes()[start : start + 48] for start in range(48, shard.stat().st_size - 47, 48)]
            place = 0
            while place < len(rows) and rows[place][:32] != b"\xff" * 32:
                flags, segments = struct.unpack("<II", rows[place][32:40])
                last = place + segments * (2 if flags >> 31 & 1 else 1)
                if flags >> 30 & 1:
                    last += 1
                    found[_hex(rows[last])] = _hex(rows[place])
                place = last + 1
        return found

    def _assemble(self, file_hash: str, size: int, target: Path) -> None:
        from hf_xet import XetFileInfo, XetSession

        part = target.with_suffix(".part")
        group = XetSession().new_file_download_group(
            endpoint=f"local://{self.cas}", token="t", token_expiry_unix_secs=2**33
        )
        with group:
            group.start_download_file(XetFileInfo(file_hash, size), str(part))
        part.rename(target)


def _hex(row: bytes) -> str:
    """A hash is four little-endian words, written as numbers."""
    return "".join(f"{word:016x}" for word in struct.unpack("<4Q", row[:32]))


def upload_mode(path: str, sample: bytes, size: int) -> str:
    """Return where the Hub wants a file: in git (`regular`) or beside it (`lfs`)."""
    return "lfs" if path.endswith(LARGE_SUFFIXES) or size > LARGE or b"\0" in sample else "regular"


def sha256_of(content: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(content).hexdigest()
