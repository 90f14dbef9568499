"""Serves the pages of a results folder to browsers of this machine: `zoo serve`."""

from __future__ import annotations

import contextlib
import json
import sys
import webbrowser
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from zoo.demo.results import ResultsPages
from zoo.errors import ZooError
from zoo.terminal import note

LOOPBACK = "127.0.0.1"
PORTS = range(7880, 7900)
"""Ports of which the first free one is used."""
LIMIT = 20_000_000
"""Largest upload, in bytes."""
DRAINED = 4 * LIMIT
"""Bytes of a larger upload that are read and dropped, so that the sender reads the answer."""
PATIENCE = 30.0
"""Seconds after which a connection that sends nothing is closed."""
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src blob: data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class ResultsServer(ThreadingHTTPServer):
    """A server on the loopback interface.

    Args:
        pages: what it serves.
        port: None: the first free one of `PORTS`.

    Raises:
        ZooError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, pages: ResultsPages, port: int | None = None) -> None:
        self.pages = pages
        for number in PORTS if port is None else (port,):
            with contextlib.suppress(OSError, OverflowError):
                super().__init__((LOOPBACK, number), _Handler)
                return
        raise ZooError(
            f"port {port or f'{PORTS[0]} to {PORTS[-1]}'} cannot be used on this machine", "Use another `port`"
        )

    def handle_error(self, request: object, client_address: object) -> None:
        """Print one line for an error that no page expects; the server continues."""
        error = sys.exception()
        note(f"zoo: unexpected error, {type(error).__name__}: {' '.join(str(error).split())[:500]}")

    @property
    def address(self) -> str:
        """Address of the page."""
        return f"http://{LOOPBACK}:{self.server_port}"


def serve_results(
    pages: ResultsPages, *, port: int | None = None, browser: bool = False, on_address: Callable[[str], object] = print
) -> None:
    """Serve the pages until Ctrl-C.

    Args:
        pages: of a results folder.
        port: None: the first free one of `PORTS`.
        browser: open the page.
        on_address: called with the page's address when it answers.

    Raises:
        ZooError: the port is taken.
    """
    with ResultsServer(pages, port) as server:
        on_address(server.address)
        if browser:
            webbrowser.open(server.address)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever(poll_interval=0.2)


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: ResultsServer
    timeout = PATIENCE  # of the socket
    server_version, sys_version = "zoo", ""

    def do_GET(self) -> None:
        """Answer with a page or the states."""
        if not self._is_local():
            return None
        path, pages = urlsplit(self.path).path, self.server.pages
        if path == "/states.json":
            return self._send(json.dumps(msgspec.to_builtins(pages.states())).encode(), "application/json")
        found = {"/": pages.index, "/runs": pages.runs, "/report": pages.report}.get(path)
        try:
            if path.startswith("/demo/"):
                return self._html(pages.demo(unquote(path.removeprefix("/demo/")), LIMIT))
            return self._html(found()) if found else self._refuse(HTTPStatus.NOT_FOUND, "There is no such page.")
        except KeyError:
            return self._refuse(HTTPStatus.NOT_FOUND, "There is no finished run of this name with weights.")
        except ZooError as error:
            return self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))

    def do_POST(self) -> None:
        """Translate the uploaded image."""
        address = urlsplit(self.path)
        if not self._is_local():
            return None
        if not address.path.startswith("/translate/"):
            return self._refuse(HTTPStatus.NOT_FOUND, "There is no such page.")
        image = self._upload()
        if image is None:
            return None
        run, colors = unquote(address.path.removeprefix("/translate/")), parse_qs(address.query).get("colors", [""])[0]
        try:
            return self._send(self.server.pages.translate(run, image, colors), "image/png")
        except KeyError:
            return self._refuse(HTTPStatus.NOT_FOUND, "There is no finished run of this name with weights.")
        except ZooError as error:
            return self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, self.server.pages.clean(str(error)))

    def log_message(self, *_: object) -> None:
        """Print nothing for each request."""

    def _is_local(self) -> bool:
        """Refuse requests that pages of other sites cause in the user's browser: they have another Host or Origin."""
        hosts = {f"{name}:{self.server.server_port}" for name in (LOOPBACK, "localhost")}
        origin = self.headers.get("Origin")
        if self.headers.get("Host") in hosts and (origin is None or origin.removeprefix("http://") in hosts):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "Only pages of this server may use it.")
        return False

    def _upload(self) -> bytes | None:
        """Return the request's body; None after a refusal."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "The request has no Content-Length.")
            return None
        if int(length) > LIMIT:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The file has more than {LIMIT // 1_000_000} MB.")
            left = min(int(length), DRAINED)
            while left > 0 and (part := self.rfile.read(min(left, 1 << 20))):
                left -= len(part)
            return None
        return self.rfile.read(int(length))

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._send(f"{message}\n".encode(errors="replace"), "text/plain; charset=utf-8", status)

    def _html(self, page: str) -> None:
        self._send(page.encode(errors="replace"), "text/html; charset=utf-8")

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        with contextlib.suppress(ConnectionError, TimeoutError):  # the browser has closed the page
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()
