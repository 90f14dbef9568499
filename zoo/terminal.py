"""Standard streams that escape control characters and never raise. Imports nothing of zoo."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console

# C0 except tab and newlines (also of CSV), DEL, C1, marks and overrides of writing direction, line separators, lone surrogates.
_UNSAFE = re.compile(
    "\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BAR = re.compile(r"\r|\n*(\x1b\[A)+\Z")
"""The start of a text with which tqdm redraws its line."""
NOTE_EVERY = 10.0
"""Seconds between two lines of progress."""


def escape(text: str) -> str:
    r"""Return a text with control characters as visible escapes (`\x1b`); tabs and newlines stay."""
    return _UNSAFE.sub(_visible, text)


def one_line(text: str) -> str:
    """Return a text with tabs and newlines escaped as well, for values inside a line."""
    return re.sub(r"[\t\r\n]", _visible, escape(text))


def _visible(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def can_show(text: str, stream: TextIO) -> bool:
    """Whether a stream can print a text without escapes."""
    return _encodable(escape(text), stream) == text


def _encodable(text: str, stream: TextIO) -> str:
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


class SafeStream(io.TextIOBase):
    """A text stream that escapes control characters and what the encoding lacks, and stores an error instead of raising it.

    It has no `buffer`, so that no text bypasses it.

    Args:
        raw: the stream that it replaces.
        trusted: pass control characters, for the program's own bars and colors.
        rewrite: applied to each text before it is escaped.
    """

    def __init__(self, raw: TextIO, *, trusted: bool = False, rewrite: Callable[[str], str] | None = None) -> None:
        self.raw, self.trusted, self._rewrite = raw, trusted, rewrite
        self.failure: OSError | None = None
        """The first error of writing; all later text is discarded."""
        self._at_start = True
        """Whether the cursor is at the start of a line or in a progress bar, where a carriage return hides nothing."""

    def write(self, text: str) -> int:
        """Write a text; an error is stored, not raised."""
        shown = self._rewrite(text) if self._rewrite else text
        shown = shown if self.trusted else self._escaped(shown)
        if self.failure is None and shown:
            with self._kept():
                self.raw.write(_encodable(shown, self.raw))
        return len(text)

    def _escaped(self, text: str) -> str:
        bar = _BAR.match(text) if self._at_start and self.isatty() else None
        if text:
            self._at_start = bool(bar) or text.endswith("\n")
        return (bar[0] if bar else "") + escape(text[bar.end() if bar else 0 :])

    def flush(self) -> None:
        """Flush the buffer."""
        if self.failure is None:
            with self._kept():
                self.raw.flush()

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = error
        except ValueError as error:  # it was closed
            self.failure = OSError(errno.EBADF, str(error))

    @property
    def rich_proxied_file(self) -> TextIO:
        """The stream for control codes of rich."""
        return cast(TextIO, SafeStream(self.raw, trusted=True, rewrite=self._rewrite))

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the replaced stream."""
        return self.raw.encoding

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How this stream treats text that it cannot encode."""
        return "backslashreplace"

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        return not self.raw.closed and self.raw.isatty()

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self.raw.fileno()

    def writable(self) -> bool:
        """Return true."""
        return True


@contextlib.contextmanager
def safe_streams(rewrite: Callable[[str], str] | None = None) -> Iterator[SafeStream]:
    """Replace stdout and stderr with safe streams, and yield that of stdout.

    Args:
        rewrite: applied to each message on stderr.
    """
    _open_closed_descriptors()
    before = sys.stdout, sys.stderr
    out, err = SafeStream(before[0] or _nowhere()), SafeStream(before[1] or _nowhere(), rewrite=rewrite)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        if out.failure is None and err.failure is None:  # else the interpreter flushes them again
            sys.stdout, sys.stderr = before


def note(message: str) -> None:
    """Print a line for people on stderr."""
    print(message, file=sys.stderr, flush=True)


def periodic_note() -> Callable[[str], None]:
    """Return a function that prints a line of progress on stderr, unless the last one was less than `NOTE_EVERY` ago."""
    printed_at = time.monotonic()

    def log(line: str) -> None:
        nonlocal printed_at
        if time.monotonic() - printed_at >= NOTE_EVERY:
            printed_at = time.monotonic()
            note(line)

    return log


def console(*, stderr: bool = False) -> Console:
    """Return a console of rich that escapes text, but not its own codes."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class SafeConsole(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(escape(segment.text), segment.style)

    # Named now: while a live display is shown, the streams are proxies through which its own codes would be escaped.
    file = getattr(sys.stderr if stderr else sys.stdout, "rich_proxied_file", None)
    return SafeConsole(file=file, stderr=stderr, highlight=False, markup=False)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")  # open until the process ends


def _open_closed_descriptors() -> None:
    """Open closed descriptors 0 to 2 as the null device; else the next file that is opened takes their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
