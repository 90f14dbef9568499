"""Standard streams that strangers' text cannot harm and that never end the work. Imports nothing of zoo."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console

# C0 but for tab and newline (that of CSV, too), DEL, C1, marks and overrides of writing direction, line separators, and
# lone surrogates.
_UNSAFE = re.compile(
    "\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BAR = re.compile(r"\r|\n*(\x1b\[A)+\Z")
"""How tqdm, through which libraries show progress, begins the redrawing of its line."""


def escape(text: str) -> str:
    r"""Return a text with what a terminal would obey as visible escapes (`\x1b`); tabs and newlines stay."""
    return _UNSAFE.sub(_visible, text)


def one_line(text: str) -> str:
    """Return a text with tabs and newlines escaped as well, for a value that must not start a line of its own."""
    return re.sub(r"[\t\r\n]", _visible, escape(text))


def _visible(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def can_show(text: str, stream: TextIO) -> bool:
    """Whether a text goes to a stream as it is, without an escape."""
    return _encodable(escape(text), stream) == text


def _encodable(text: str, stream: TextIO) -> str:
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


class SafeStream(io.TextIOBase):
    """A text stream that escapes what a terminal would obey or the encoding lacks, and keeps a failure for the end.

    It has no `buffer`, so that no text takes another way.

    Args:
        raw: the stream that it stands for.
        trusted: pass control characters, for the program's own bars and colours.
    """

    def __init__(self, raw: TextIO, *, trusted: bool = False) -> None:
        self.raw, self.trusted = raw, trusted
        self.failure: OSError | None = None
        """The first error of writing; everything after it is discarded."""
        self._at_start = True
        """Whether the cursor is where a return does no harm: at the start of a line, or in a progress bar."""

    def write(self, text: str) -> int:
        """Write a text; an error is kept, not raised."""
        shown = text if self.trusted else self._escaped(text)
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
        """Pass on what is buffered."""
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
        """The stream that rich writes its own control codes to."""
        return cast(TextIO, SafeStream(self.raw, trusted=True))

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream that it stands for."""
        return self.raw.encoding

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How an encoder of this stream would treat what cannot be encoded."""
        return "backslashreplace"

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        with contextlib.suppress(ValueError):
            return self.raw.isatty()
        return False

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self.raw.fileno()

    def writable(self) -> bool:
        """Return true."""
        return True


@contextlib.contextmanager
def safe_streams() -> Iterator[SafeStream]:
    """Put safe streams in the place of stdout and stderr, and yield that of stdout."""
    _open_closed_descriptors()
    before = sys.stdout, sys.stderr
    out, err = (SafeStream(stream or _nowhere()) for stream in before)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        if out.failure is None and err.failure is None:  # else the interpreter would try once more to flush them
            sys.stdout, sys.stderr = before


def note(message: str) -> None:
    """Print a line for people on stderr."""
    print(message, file=sys.stderr, flush=True)


def plain_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "", right: Sequence[str] = ()
) -> str:
    """Return a table as aligned columns; arguments as of `zoo.cli.output.print_table`. No line is folded."""
    lines = [[one_line(text) for text in line] for line in (columns, *rows)]
    widths = [max(map(len, texts)) for texts in zip(*lines, strict=True)]
    numbers = [column in right for column in columns]
    aligned = [
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, numbers, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*([title, ""] if title else []), *aligned])


def console(*, stderr: bool = False) -> Console:
    """Return a console of rich that escapes the text which it is given, but not its own codes."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class SafeConsole(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(escape(segment.text), segment.style)

    return SafeConsole(stderr=stderr, highlight=False, markup=False)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")  # it stands for a stream until the process ends


def _open_closed_descriptors() -> None:
    """Give descriptors 0 to 2 that are closed to the null device: the next file to be opened would take their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
