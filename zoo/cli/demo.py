"""`zoo demo`: trained weights on a page in the browser, or as a Hugging Face Space."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.completion import weights
from zoo.cli.output import note, print_json
from zoo.cli.weights import DEFAULT_MODEL, MODEL_HELP, MODEL_METAVAR, Device, Offline
from zoo.errors import UsageError


def demo(
    name: Annotated[
        str, typer.Argument(metavar=f"[{MODEL_METAVAR}]", autocompletion=weights, help=MODEL_HELP)
    ] = DEFAULT_MODEL,
    port: Annotated[
        int | None, typer.Option(metavar="N", help="Port of the page. [default: the first free one from 7860]")
    ] = None,
    share: Annotated[
        bool,
        typer.Option(
            "--share",
            help="Also serve it at a public address, for anybody who has it; images pass through servers of another "
            "company (Gradio).",
        ),
    ] = False,
    browser: Annotated[
        bool | None,
        typer.Option("--browser/--no-browser", help="Open the page. [default: if stdout is a terminal]"),
    ] = None,
    space: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a Hugging Face Space instead, ready to push.")
    ] = None,
    device: Device = "auto",
    offline: Offline = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --space, print the files as JSON.")] = False,
) -> None:
    """Open a page that translates images.

    Drop an image, see the thermal one, and click a pixel to read its temperature.

    Examples: zoo demo · zoo demo results/RUN --port 8000 · zoo demo org/name --space my-space
    """
    from zoo.hub.addresses import title_of

    title = title_of(name)
    if space is not None:
        if share or port or browser:
            raise UsageError("--space writes files and opens no page", "Leave out --port, --share and --browser")
        from zoo.demo.space import write_space
        from zoo.hub.access import Access

        files = write_space(space, name, title, Access(offline=offline or None))
        if as_json:
            return print_json([str(file) for file in files])
        for file in files:
            typer.echo(str(file))
        return note(f"To publish it, run: hf upload ORG/NAME {space} . --repo-type space")
    from zoo.demo.page import build_page, require_gradio, serve

    require_gradio()
    from zoo.translation.loading import load

    page = build_page(load(name, device=device, offline=offline or None), title)
    if share:
        note(
            "The public address is open to anybody who has it, and images pass through servers of another company (Gradio)"
        )
    note("Press Ctrl-C to stop")
    opened = browser if browser is not None else sys.stdout.isatty()
    return serve(page, port=port, share=share, browser=opened, on_address=typer.echo)
