"""What the page of `zoo serve` shows: the state of every run, the report, and translations by finished runs."""

from __future__ import annotations

import hashlib
import io
import re
import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from PIL import Image

from zoo.data.images import read_visible
from zoo.demo.answers import TILE, TILED_FROM
from zoo.demo.picture import MAPS, coloured, scale_of
from zoo.errors import DataError, UsageError, ZooError
from zoo.model_folder import WEIGHTS_FILE
from zoo.records.record import FAILURE_FILE, RECORD_FILE
from zoo.report.render import template_environment
from zoo.run.progress import COLUMNS, STATUSES, RunState, read_states, state_row
from zoo.version import __version__

if TYPE_CHECKING:
    from zoo.translation.translator import Translator

EMPTY = "No run has finished yet."


class ResultsPages:
    """The pages of a results folder; safe to use from several threads.

    Args:
        results: results folder.
        title: heading of the report.
        device: where uploaded images are translated.
        clean: changes the messages of errors, e.g. to name flags.
    """

    def __init__(
        self, results: Path, *, title: str = "", device: str = "cpu", clean: Callable[[str], str] = lambda text: text
    ) -> None:
        self.results, self._title, self._device, self.clean = results, title, device, clean
        self._report: tuple[Any, str] | None = None
        self._loaded: tuple[Any, Translator] | None = None
        self._drawing, self._translating = Lock(), Lock()

    def states(self) -> list[RunState]:
        """Return the state of every run, with the messages that the page shows."""
        return [replace(state, reason=self.clean(state.reason)) for state in read_states(self.results)]

    def index(self) -> str:
        """Return the page with the states and the report, which renew themselves."""
        return _page("serve.html.j2", heading=self._title or str(self.results), runs=Markup(self.runs()))

    def runs(self) -> str:
        """Return the table of the states, as a part of a page."""
        states = self.states()
        counts = [(sum(state.status == word for state in states), word) for word in STATUSES]
        rows = [(state, state_row(state), self._can_translate(state)) for state in states]
        return _page("runs.html.j2", columns=COLUMNS, rows=rows, counts=counts, report=digest(self._version()))

    def report(self) -> str:
        """Return the report of the finished and failed runs, rendered again only when one of them has changed."""
        from zoo.report.html.page import render
        from zoo.report.html.runs import read_runs

        with self._drawing:
            version = self._version()
            if self._report is None or self._report[0] != version:
                try:
                    page = render(read_runs(self.results)[0], self._title)
                except UsageError:  # nothing has finished
                    page = _page("message.html.j2", message=EMPTY)
                except ZooError as error:
                    page = _page("message.html.j2", message=self.clean(str(error)))
                self._report = version, page
            return self._report[1]

    def demo(self, run: str, limit: int) -> str:
        """Return the page that translates images with a run; `limit` is the largest upload, in bytes.

        Raises:
            KeyError: there is no such finished run.
        """
        folder = self._folder(run)
        return _page(
            "demo.html.j2",
            run=run,
            command=_command(folder),
            colors=list(MAPS),
            limit=limit,
            megabytes=limit // 1_000_000,
        )

    def translate(self, run: str, image: bytes, colors: str) -> bytes:
        """Return the thermal image in colors, as PNG, for the content of an image file.

        Raises:
            KeyError: there is no such finished run, or no such map of colors.
            ZooError: the image cannot be read or translated, or the model needs more than an image.
        """
        folder, _ = self._folder(run), MAPS[colors]
        with self._translating, tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(image)
            translator = self._load(folder)
            if translator.reads_labels:
                raise UsageError("this run also reads the class of every pixel", f"Run: {_command(folder)}")
            try:
                visible = read_visible(Path(file.name))
                tile = TILE if visible.shape[0] * visible.shape[1] > TILED_FROM else None
                thermal = translator.translate(visible, tile=tile, depth="float")
            except DataError as error:
                named = re.compile(rf"(image )?`?{re.escape(file.name)}`?")
                raise DataError(named.sub("the uploaded file", error.message), "Use another file") from error
        picture = io.BytesIO()
        Image.fromarray(coloured(thermal, colors, scale_of(thermal, stretched=False))).save(picture, "PNG")
        return picture.getvalue()

    def _can_translate(self, state: RunState) -> bool:
        return state.status == "done" and (self.results / state.run / WEIGHTS_FILE).is_file()

    def _folder(self, run: str) -> Path:
        """Return the folder of a finished run; a name from outside is only compared, so that it cannot leave the results."""
        if run not in {state.run for state in read_states(self.results) if self._can_translate(state)}:
            raise KeyError(run)
        return self.results / run

    def _load(self, folder: Path) -> Translator:
        from zoo.translation.loading import load

        version = folder, (folder / WEIGHTS_FILE).stat().st_mtime_ns
        if self._loaded is None or self._loaded[0] != version:
            self._loaded = None  # one model at a time is in memory
            self._loaded = version, load(str(folder), device=self._device, offline=True)
        return self._loaded[1]

    def _version(self) -> Sequence[tuple[str, int]]:
        files = (path for name in (RECORD_FILE, FAILURE_FILE) for path in self.results.glob(f"*/{name}"))
        return sorted((str(path), path.stat().st_mtime_ns) for path in files)


def _command(folder: Path) -> str:
    return f"zoo demo {shlex.quote(str(folder))}"


def digest(value: object) -> str:
    """Return a short text that differs where the value does."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def _page(template: str, **variables: Any) -> str:
    return template_environment(autoescape=True).get_template(template).render(version=__version__, **variables)
