"""A Hub for tests: what huggingface_hub's clients ask of an endpoint, on loopback, with a log of requests and with faults.

Two origins, as on the real Hub: the API, and the CDN on another port, from which large files come. In a test, take the fixture
`hub`; by hand, `python tests/hub/hub_server.py` prints the environment for clients and serves until it is interrupted.
"""

from __future__ import annotations

import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from hub_api import MODEL, READER, STRANGER, WRITER, Call, Reply
from hub_repos import Blob, HubError, LargeFiles, Repo, sha256_of, upload_mode

__all__ = ["READER", "STRANGER", "WRITER", "Fault", "HubServer", "Request", "serving"]

FaultKind = Literal["flip", "cut", "status", "hang", "drop", "slow", "moved", "body"]


@dataclass(kw_only=True)
class Fault:
    """What goes wrong with requests whose `METHOD path` a pattern finds."""

    kind: FaultKind
    """`flip`: one byte of the body is another; `cut`: half of the body comes; `status`: that status instead; `hang`: no answer;
    `drop`: the connection is closed without one; `slow`: the body comes in 16 kB a `delay`; `moved`: just before the request
    somebody else commits to the repository; `body`: that body instead."""
    pattern: str
    times: int = -1
    """How many requests; -1: all."""
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.1
    """Seconds between pieces of a slow body."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A line of the log."""

    origin: Literal["hub", "cdn"]
    method: str
    path: str
    """With the query."""
    headers: Mapping[str, str]
    status: int

    @property
    def token(self) -> str:
        """The bearer token, or nothing."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    def __str__(self) -> str:
        return f"{self.origin} {self.method} {self.path} -> {self.status}"


class HubServer:
    """The server's state; `with HubServer(folder) as hub:` serves on `hub.url`."""

    def __init__(self, root: Path) -> None:
        self.repos: dict[str, Repo] = {}
        self.large = LargeFiles(root)
        self.faults: list[Fault] = []
        self.log: list[Request] = []
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self._servers: list[ThreadingHTTPServer] = []

    def __enter__(self) -> HubServer:
        for origin in ("hub", "cdn"):
            handler = type("Handler", (_Handler,), {"hub": self, "origin": origin})
            server = _Server(("127.0.0.1", 0), handler)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self._servers.append(server)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def url(self) -> str:
        """The endpoint, for `HF_ENDPOINT`."""
        return f"http://127.0.0.1:{self._servers[0].server_address[1]}"

    @property
    def cdn(self) -> str:
        """The other origin."""
        return f"http://127.0.0.1:{self._servers[1].server_address[1]}"

    def add(self, repo_id: str, files: Mapping[str, bytes], *, private: bool = False, gated: bool = False) -> str:
        """Commit files to a repository, made where it is missing, without a request; return the commit."""
        with self.lock:
            repo = self.repos.setdefault(repo_id, Repo(id=repo_id))
            repo.private, repo.gated = private, gated
            state = dict(repo.resolve("main").files)
            for path, content in files.items():
                if upload_mode(path, content[:512], len(content)) == "lfs":
                    self.large.put(sha256_of(content), content)
                    state[path] = Blob(sha256=sha256_of(content), size=len(content))
                else:
                    state[path] = Blob.small(content)
            return repo.commit("main", state, title="add", author="somebody").oid

    def read(self, repo_id: str, path: str, revision: str = "main") -> bytes:
        """Return a file of a repository, without a request."""
        blob = self.repos[repo_id].resolve(revision).files[path]
        return self.large.read(blob.sha256, blob.size) if blob.sha256 else blob.content

    def paths(self, repo_id: str, revision: str = "main") -> list[str]:
        """Return the paths of a repository's files, without a request."""
        return sorted(self.repos[repo_id].resolve(revision).files)

    def fail(self, kind: FaultKind, pattern: str = "", **how: Any) -> Fault:
        """Let requests whose `METHOD path` the pattern finds go wrong from now on."""
        self.faults.append(Fault(kind=kind, pattern=pattern, **how))
        return self.faults[-1]

    def asked(self, pattern: str = "") -> list[str]:
        """Return the logged requests that a pattern finds, each as `origin METHOD path -> status`."""
        return [str(request) for request in self.log if re.search(pattern, str(request))]

    def forget(self) -> None:
        """Empty the log and take all faults away."""
        with self.lock:
            self.log.clear()
            self.faults.clear()

    def fault(self, line: str, kinds: tuple[FaultKind, ...]) -> Fault | None:
        """Take one use of the first fault of these kinds that fits a request."""
        with self.lock:
            for fault in self.faults:
                if fault.kind in kinds and fault.times != 0 and re.search(fault.pattern, line):
                    fault.times -= 1
                    return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that were killed or gave up are what the tests are about."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    origin: Literal["hub", "cdn"]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """The log is kept, not printed."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the client is gone
            self.close_connection = True

    def do_HEAD(self) -> None:
        self._serve()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD  # noqa: N815  # names that http.server looks for

    def _serve(self) -> None:
        body, line = self._body(), f"{self.command} {self.path}"
        self.replied = 0
        try:
            if self._breaks(line):
                return
            if self.hub.fault(line, ("moved",)):
                self._somebody_commits()
            try:
                with self.hub.lock:
                    reply = self._call(body).answer()
            except HubError as error:
                headers = {"X-Error-Code": error.code} if error.code else {}
                reply = Reply.json({"error": error.message}, error.status)
                reply.headers |= {"X-Error-Message": error.message} | headers | error.headers
            self._send(reply, line)
        finally:
            if not self.replied:
                self._log()

    def _log(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(origin=self.origin, method=self.command, path=self.path, headers=headers, status=self.replied)
        with self.hub.lock:
            self.hub.log.append(request)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _breaks(self, line: str) -> bool:
        """Apply the faults that leave no answer or one without a body."""
        fault = self.hub.fault(line, ("hang", "drop", "status", "body"))
        if fault is None:
            return False
        if fault.kind == "status":
            self._send(Reply(status=fault.status, headers=dict(fault.headers)), line)
            return True
        if fault.kind == "body":
            self._send(Reply(body=fault.body, headers=dict(fault.headers)), line)
            return True
        if fault.kind == "hang":
            self.hub.stopping.wait(60)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
        return True

    def _somebody_commits(self) -> None:
        match = re.match(MODEL, self.path)
        assert match, self.path
        repo = self.hub.repos[match["repo"]]
        state = dict(repo.resolve("main").files) | {"NOTES.md": Blob.small(b"meanwhile\n")}
        repo.commit("main", state, title="meanwhile", author="bob")

    def _send(self, reply: Reply, line: str) -> None:
        body = reply.body
        fault = self.hub.fault(line, ("flip", "cut", "slow")) if body and self.command == "GET" else None
        if fault and fault.kind == "flip":
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.replied = reply.status
        self._log()  # before the client knows, so that a test that asks for the log finds it there
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault and fault.kind == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif fault and fault.kind == "slow":
            for start in range(0, len(body), 2**14):
                if self.hub.stopping.wait(fault.delay):
                    return
                self.wfile.write(body[start : start + 2**14])
        else:
            self.wfile.write(body)

    def _call(self, body: bytes) -> Call:
        split = urlsplit(self.path)
        return Call(
            hub=self.hub,
            origin=self.origin,
            method=self.command,
            path=split.path,
            query={name: values[0] for name, values in parse_qs(split.query, keep_blank_values=True).items()},
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )


@contextmanager
def serving(root: Path) -> Iterator[HubServer]:
    """Serve an empty Hub whose large files lie under a folder."""
    with HubServer(root) as hub:
        yield hub


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as served:
        print(f"export HF_ENDPOINT={served.url} HF_TOKEN={WRITER}", flush=True)
        try:
            seen = 0
            while True:
                time.sleep(0.2)
                for request in served.log[seen:]:
                    print(request, file=sys.stderr, flush=True)
                    seen += 1
        except KeyboardInterrupt:
            pass
