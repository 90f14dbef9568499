"""The lease of a run: a file in its folder that one process holds while it works there. Imports no torch.

Machines may share the folder, over NFS too, where locks are unreliable. Creating a file with O_EXCL is reliable: exactly one
process succeeds. So the holder creates the lease, touches it as long as it lives (the heartbeat), and removes it at the end. An
expired lease is not removed, because two processes could do so; a successor follows it instead. The successor's file name holds
the token of its predecessor, so again exactly one process can create it. The last file of this chain is the lease in force.
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

from zoo.errors import ZooError

LEASE_FILE = ".claim"
"""Name of the first lease's file; a successor appends the token of its predecessor."""
HEARTBEAT = 10.0
"""Seconds between two touches."""
DEAD_AFTER = 90.0
"""Seconds without a touch after which a lease of another machine has expired; NFS caches delay touches by up to 60."""
TOKEN = re.compile(r"[\w-]{1,64}")
"""Form of a token, which becomes part of a file name."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The process that holds a lease: the content of its file."""

    token: str
    """Unique."""
    host: str
    """Name of the machine, for people."""
    machine: str
    """Identity of the running system; a process can be looked up only within its own."""
    pid: int
    born: str
    """Start time of the process in the system's ticks, because process ids are reused."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Lease:
    """A lease that this process holds; a thread keeps it alive."""

    def __init__(self, folder: Path, path: Path, token: str, heartbeat: float) -> None:
        self._folder, self._path, self._token = folder, path, token
        self._ended, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, args=(heartbeat,), daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether a successor took over, as happens after this process was suspended for minutes."""
        return self._lost.is_set()

    def release(self) -> None:
        """Remove the lease, unless a successor holds it."""
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # a file that stays expires when this process ends
            chain = self._own_chain()
            for path, _ in chain:  # in this order: without the first file the rest is no chain
                if path.is_dir():  # not a lease, and its content belongs to somebody
                    path.rename(path.with_name(f"aside-{uuid.uuid4().hex[:8]}"))
                else:
                    path.unlink(missing_ok=True)

    def _own_chain(self) -> list[tuple[Path, Holder]]:
        """Return the chain that ends with this lease; empty where it does not."""
        chain = _chain(self._folder)
        return chain if chain and chain[-1][1].token == self._token else []

    def _keep_alive(self, heartbeat: float) -> None:
        last = time.monotonic()
        while not self._ended.wait(heartbeat):
            with contextlib.suppress(OSError):  # a file server may be unreachable for a while
                if not self._own_chain():
                    return self._lost.set()
                os.utime(self._path)
                last = time.monotonic()
            if time.monotonic() - last > DEAD_AFTER:
                return self._lost.set()
        return None


def acquire(folder: Path, *, heartbeat: float = HEARTBEAT) -> Lease | None:
    """Acquire the lease of a run's folder; None where another process holds it.

    Args:
        folder: of the run; it is created where it is missing.
        heartbeat: seconds between two touches.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chain = _chain(folder)
    if chain and _is_alive(folder, *chain[-1]):
        return None
    path = _next(folder, chain)
    own = Holder(token=uuid.uuid4().hex, host=socket.gethostname(), machine=_machine(), pid=os.getpid(), born=_born())
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        return None
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(own))
    after = _chain(folder)
    # The predecessors may have been removed meanwhile; then the new file is the end of no chain.
    if not after or after[-1][1].token != own.token:
        path.unlink(missing_ok=True)
        return None
    return Lease(folder, path, own.token, heartbeat)


@contextlib.contextmanager
def lease(folder: Path) -> Iterator[Lease | None]:
    """Hold the lease of a run's folder for a `with` block; None where another process holds it."""
    acquired = acquire(folder)
    try:
        yield acquired
    finally:
        if acquired:
            acquired.release()


@contextlib.contextmanager
def require_lease(folder: Path) -> Iterator[None]:
    """Hold the lease of a run's folder for a `with` block.

    Raises:
        ZooError: another process holds it.
    """
    with lease(folder) as held:
        if held is None:
            raise ZooError(f"another process works on `{folder}`", "Wait until it is done")
        yield


def holder(folder: Path) -> Holder | None:
    """Return the process that works in a run's folder now, or None."""
    chain = _chain(folder)
    return chain[-1][1] if chain and _is_alive(folder, *chain[-1]) else None


def is_ahead(folder: Path) -> bool:
    """Return whether the lease in a run's folder was last touched in the future, by the clock of the folder."""
    chain = _chain(folder)
    return bool(chain) and (_touched(chain[-1][0]) or 0) > folder_time(folder)


def folder_time(folder: Path) -> int:
    """Return the time in nanoseconds by the clock of the file server of a folder, as its files have it."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".clock-") as file:
        return os.fstat(file.fileno()).st_mtime_ns


def _chain(folder: Path) -> list[tuple[Path, Holder]]:
    """Return the files and holders of a lease and its successors, the one in force last."""
    chain: list[tuple[Path, Holder]] = []
    while (path := _next(folder, chain)) not in [before for before, _ in chain] and (found := _read(path)) is not None:
        chain.append((path, found))
    return chain


def _next(folder: Path, chain: list[tuple[Path, Holder]]) -> Path:
    return folder / (f"{LEASE_FILE}-{chain[-1][1].token}" if chain else LEASE_FILE)


def _read(path: Path) -> Holder | None:
    try:
        with path.open("rb") as file:
            content, made = file.read(), os.fstat(file.fileno()).st_mtime_ns
    except FileNotFoundError:
        return None
    except OSError:  # a folder instead of a file, or no permission
        content, made = b"", _touched(path) or 0
    try:
        found = msgspec.json.decode(content, type=Holder)
    except (ValueError, RecursionError):
        found = None
    if found and TOKEN.fullmatch(found.token):
        return found
    # Just created and not written yet, or damaged: it expires by its age.
    return Holder(token=f"{abs(made):x}", host="an unknown machine", machine="", pid=0, born="")


def _is_alive(folder: Path, path: Path, holder: Holder) -> bool:
    """Return whether a lease is in force.

    A process of this system is looked up. The lease of any other expires when its last touch is `DEAD_AFTER` old by the clock of
    the folder, or when this process saw no touch for that long by its own clock. The latter ends leases that are dated in the
    future, as after a clock was set back, and needs no two clocks to agree.
    """
    if holder.machine == _machine():
        return _born(holder.pid) == holder.born
    touched = _touched(path)
    if touched is None:
        return False
    touch, now = (holder.token, touched), time.monotonic()
    if path not in _seen or _seen[path][0] != touch:
        _seen[path] = touch, now
    return now - _seen[path][1] < DEAD_AFTER and folder_time(folder) - touched < DEAD_AFTER * 1e9


_seen: dict[Path, tuple[tuple[str, int], float]] = {}
"""Last touches of other systems' leases, and when this process first saw each, by its own clock; forked processes inherit it."""


def _touched(path: Path) -> int | None:
    """Return when a lease was touched last; None where it is gone."""
    try:
        # Opened and not only inspected, because NFS then asks the server and not its cache.
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
    """Return an identity of this running system, and of this container in it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{socket.gethostname()} {uuid.getnode():x}"


def _born(pid: int | None = None) -> str:
    """Return the start time of a process, by default this one; empty where it has ended."""
    pid = os.getpid() if pid is None else pid
    try:
        # After the name in brackets, which may hold anything: the state first, the start time as the 20th field.
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return "" if Path("/proc/self").exists() else _born_elsewhere(pid)
    except ProcessLookupError:
        return ""
    return "" if state in "ZX" else rest[18]


def _born_elsewhere(pid: int) -> str:
    """Return a constant for a living process where there is no /proc; empty where it has ended."""
    with contextlib.suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return ""
    return "living"
