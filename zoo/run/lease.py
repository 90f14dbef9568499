"""Whose a run is: a file in its folder that one process holds while it works there. Imports no torch.

Machines may share the folder, over NFS too, where locks often do not reach. What does is that a file is created by one
process alone (O_EXCL). So a claim is a file that its holder creates, touches as long as it lives, and removes. One that
nobody touches any more is not removed by those who want it, for two could: it is inherited. The heir's file bears the name
of the claim that it follows, so that again one alone can create it, and whoever stands at the end of such a chain holds the run.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

CLAIM = ".claim"
"""Name of the first claim's file; an heir's has the token of its predecessor behind it."""
BEAT = 10.0
"""Seconds between two touches."""
DEAD_AFTER = 90.0
"""Seconds without a touch after which a claim of another machine is nobody's; caches of NFS delay what is seen by up to 60."""
TOKEN = re.compile(r"[\w-]{1,64}")
"""Form of a token, which becomes part of a file's name."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a claim: the content of its file."""

    token: str
    """Unique."""
    host: str
    """Name of the machine, for people."""
    machine: str
    """Identity of the running system; only within one can a process be looked up."""
    pid: int
    born: str
    """When the process began, in the system's own ticks: numbers of processes are used again."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Claim:
    """A claim that this process holds; a thread keeps it alive."""

    def __init__(self, folder: Path, path: Path, holder: Holder, beat: float) -> None:
        self._folder, self._path, self._holder = folder, path, holder
        self._ended, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, args=(beat,), daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether another process took the claim over, as happens to one that was stopped for minutes."""
        return self._lost.is_set()

    def release(self) -> None:
        """Give the run back."""
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # what cannot be removed is nobody's as soon as this process ends
            chain = _chain(self._folder)
            if not chain or chain[-1][1].token != self._holder.token:
                return
            for path, _ in chain:  # the first one first: without it there is no chain, and the rest is nothing
                if path.is_dir():  # nobody's lease is a folder, and what is in it is somebody's
                    path.rename(path.with_name(f"aside-{uuid.uuid4().hex[:8]}"))
                else:
                    path.unlink(missing_ok=True)

    def _keep_alive(self, beat: float) -> None:
        last = time.monotonic()
        while not self._ended.wait(beat):
            with contextlib.suppress(OSError):  # a server that is away for a while
                chain = _chain(self._folder)
                if not chain or chain[-1][1].token != self._holder.token:
                    self._lost.set()
                    return
                os.utime(self._path)
                last = time.monotonic()
            if time.monotonic() - last > DEAD_AFTER:
                self._lost.set()
                return


def take(folder: Path, expired: str = "", *, beat: float = BEAT) -> Claim | None:
    """Claim a run's folder, or return None where another process holds it.

    Args:
        folder: of the run.
        expired: mark of a lease that another process of ours saw expire (`expired`).
        beat: seconds between two touches.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chain = _chain(folder)
    if chain and _mark(*chain[-1]) != expired and _lives(folder, *chain[-1]):
        return None
    path = _next(folder, chain)
    mine = Holder(token=uuid.uuid4().hex, host=socket.gethostname(), machine=_machine(), pid=os.getpid(), born=_born())
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        return None
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(mine))
    after = _chain(folder)
    # The chain that was followed may have been given back meanwhile, and the new file lead nowhere.
    if not after or after[-1][1].token != mine.token:
        path.unlink(missing_ok=True)
        return None
    return Claim(folder, path, mine, beat)


@contextlib.contextmanager
def held(folder: Path, expired: str = "") -> Iterator[Claim | None]:
    """Hold a run's folder for the length of a `with` block; None where another process holds it."""
    claim = take(folder, expired)
    try:
        yield claim
    finally:
        if claim:
            claim.release()


def holder(folder: Path) -> Holder | None:
    """Return who works in a run's folder now, or None."""
    chain = _chain(folder)
    return chain[-1][1] if chain and _lives(folder, *chain[-1]) else None


def expired(folder: Path) -> str:
    """Return a mark of the lease that lies in a run's folder and is nobody's any more; empty where there is none.

    A process that has just started cannot see what this one saw: that a lease with a time in the future was not touched for
    `DEAD_AFTER`. The mark tells it; a touch makes the mark invalid.
    """
    chain = _chain(folder)
    return _mark(*chain[-1]) if chain and not _lives(folder, *chain[-1]) else ""


def is_ahead(folder: Path) -> bool:
    """Return whether the claim in a run's folder was last touched in the future, by the clock of the folder."""
    chain = _chain(folder)
    return bool(chain) and (_touched(chain[-1][0]) or 0) > folder_time(folder)


def folder_time(folder: Path) -> int:
    """Return the present time by the clock of the machine that keeps a folder, in nanoseconds as files have them."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".clock-") as file:
        return os.fstat(file.fileno()).st_mtime_ns


def _chain(folder: Path) -> list[tuple[Path, Holder]]:
    """Return the claim's files and their holders, from the first to the last heir."""
    chain: list[tuple[Path, Holder]] = []
    while (path := _next(folder, chain)) not in [before for before, _ in chain] and (found := _read(path)) is not None:
        chain.append((path, found))
    return chain


def _next(folder: Path, chain: list[tuple[Path, Holder]]) -> Path:
    return folder / (f"{CLAIM}-{chain[-1][1].token}" if chain else CLAIM)


def _read(path: Path) -> Holder | None:
    try:
        with path.open("rb") as file:
            content, made = file.read(), os.fstat(file.fileno()).st_mtime_ns
    except FileNotFoundError:
        return None
    except OSError:  # a folder in its place, or closed to us
        content, made = b"", _touched(path) or 0
    try:
        found = msgspec.json.decode(content, type=Holder)
    except (ValueError, RecursionError):
        found = None
    if found and TOKEN.fullmatch(found.token):
        return found
    # Its maker is about to write, or died before it could, or the file is damaged; then its age decides.
    return Holder(token=f"{abs(made):x}", host="an unknown machine", machine="", pid=0, born="")


def _lives(folder: Path, path: Path, claimed: Holder) -> bool:
    """Return whether somebody holds a claim.

    A process of this system is looked up. Any other shows itself by its touches: its claim is nobody's when the last touch is
    `DEAD_AFTER` old by the clock of the folder, or when this process saw none for that long by its own clock. The second ends
    claims whose time lies in the future, as where a clock was set back, and needs no two clocks to agree.
    """
    if claimed.machine == _machine():
        return _born(claimed.pid) == claimed.born
    touched = _touched(path)
    if touched is None:
        return False
    mark, now = _mark(path, claimed), time.monotonic()
    seen, since = _seen.get(path, ("", now))
    if seen != mark:
        _seen[path] = mark, now
        since = now
    return now - since < DEAD_AFTER and folder_time(folder) - touched < DEAD_AFTER * 1e9


_seen: dict[Path, tuple[str, float]] = {}
"""Marks of other systems' claims, and since when they have been as they are by this process's clock."""


def _mark(path: Path, claimed: Holder) -> str:
    return f"{claimed.token}@{_touched(path)}"


def _touched(path: Path) -> int | None:
    """Return when a claim was touched last; None where it is gone."""
    try:
        # Opened, not only looked at: NFS asks the server anew for a file that is opened.
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except FileNotFoundError:
        return None
    except OSError:
        with contextlib.suppress(OSError):
            return path.stat().st_mtime_ns
        return None


@cache
def _machine() -> str:
    """Return what tells this running system, and this container in it, from all others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{socket.gethostname()} {uuid.getnode():x}"


def _born(pid: int | None = None) -> str:
    """Return when a process began, by default this one; empty where it has ended."""
    pid = os.getpid() if pid is None else pid
    try:
        # After the command's name, which may hold anything, in brackets: the state, and as the 20th the start.
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return "" if Path("/proc/self").exists() else _alive(pid)
    except ProcessLookupError:
        return ""
    return "" if state in "ZX" else rest[18]


def _alive(pid: int) -> str:
    """Return a constant for a living process, where the system does not tell when it began."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "living"
