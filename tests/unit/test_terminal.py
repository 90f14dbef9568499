"""Standard streams that strangers' text cannot harm."""

from __future__ import annotations

import errno
import io
import unicodedata

import pytest

from zoo.terminal import SafeStream, can_show, console, escape, one_line

HOSTILE = "a\x1b]52;c;cGF5bG9hZA==\x07 \x1b[2J \x9b31m \x7f \u202egnp.\u2066 \r over \udcc4"


class Terminal(io.StringIO):
    """A terminal that takes UTF-8."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_every_control_character_is_escaped_but_tabs_and_newlines():
    for number in range(0x2FFFF):
        letter = chr(number)
        harmful = unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") and letter not in "\t\n"
        harmful |= unicodedata.bidirectional(letter) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        if harmful:
            assert escape(letter).isascii() and escape(letter).isprintable(), hex(number)
        elif letter.isprintable():
            assert escape(letter) == letter, hex(number)


def test_the_line_ends_of_csv_stay_and_other_returns_do_not():
    assert escape("a,b\r\nc\rd\r") == "a,b\r\nc\\rd\\r"
    assert one_line("a\r\nb\tc") == r"a\r\nb\tc"


def test_a_stream_writes_what_is_harmless_only():
    raw = Terminal()
    stream = SafeStream(raw)
    print("name:", HOSTILE, file=stream)
    shown = raw.getvalue()
    assert shown.endswith("\n") and shown[:-1].isascii() and shown[:-1].isprintable()
    assert r"\x1b]52;c;" in shown and r"\u202e" in shown and r"\udcc4" in shown


def test_a_stream_writes_escapes_for_what_its_encoding_lacks():
    raw = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    stream = SafeStream(raw)
    print("21 °C — ok", file=stream)
    stream.flush()
    assert raw.buffer.getvalue() == rb"21 \xb0C \u2014 ok" + b"\n"
    assert can_show("ok", raw) and not can_show("°", raw) and not can_show("\x1b", Terminal())


def test_a_progress_bar_of_tqdm_redraws_its_line():
    from tqdm import tqdm

    raw = Terminal()
    stream = SafeStream(raw)
    with tqdm(total=2, file=stream, mininterval=0, desc="fetching") as bar:
        bar.update(1)
    assert raw.getvalue().count("\r") >= 2 and "\\r" not in raw.getvalue()
    print("in a line", "\rover it", file=stream)
    assert raw.getvalue().endswith("in a line \\rover it\n")


def test_errors_of_writing_are_kept_and_not_raised():
    class Full(Terminal):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    stream = SafeStream(Full())
    print("lost", file=stream)
    stream.flush()
    assert stream.failure is not None and stream.failure.errno == errno.ENOSPC
    raw = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    raw.close()
    gone = SafeStream(raw)
    print("lost", file=gone)
    assert gone.failure is not None and not gone.isatty()


@pytest.mark.parametrize(
    "show", [lambda screen: screen.print(HOSTILE), lambda screen: screen.print(f"[red]{HOSTILE}[/]")]
)
def test_a_console_of_rich_escapes_its_text_and_interprets_no_markup(monkeypatch, show):
    raw = Terminal()
    monkeypatch.setattr("sys.stdout", SafeStream(raw))
    monkeypatch.setenv("TERM", "xterm")
    screen = console()
    show(screen)
    shown = raw.getvalue()
    assert "\x1b" not in shown and "\u202e" not in shown and r"\x1b]52" in shown
    with screen.status("working"):  # its own codes pass
        pass
    assert "\x1b[" in raw.getvalue()
