"""The page: a visible image in, the thermal one beside it in colours, and the temperature of the pixel that is clicked."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from threading import Event
from typing import TYPE_CHECKING, Any

from zoo.demo.answers import Answers
from zoo.demo.examples import can_be_made
from zoo.demo.picture import MAPS, reading
from zoo.errors import UsageError, ZooError
from zoo.files import cache_places
from zoo.version import DISTRIBUTION

if TYPE_CHECKING:
    from zoo.translation.translator import Translator

Page = Any
"""A gradio.Blocks."""
HEIGHT = "min(420px, 72vw)"
"""Of the two images, as CSS: on a phone they are as high as a photograph is there."""
CSS = """
.gradio-container { max-width: 1180px !important; margin: 0 auto; }
.zoo-scale { display: flex; align-items: center; gap: 10px; font-size: 14px; white-space: nowrap; }
.zoo-scale div { flex: 1; height: 14px; border-radius: 7px; border: 1px solid #8884; }
.zoo-reading { font-size: 18px; min-height: 28px; }
.zoo-reading b { font-size: 22px; }
#visible img { width: 100%; height: 100%; object-fit: contain; }
#thermal img { cursor: crosshair; }
"""


def build_page(translator: Translator, name: str) -> Page:
    """Return the page of a translator.

    Args:
        translator: what draws.
        name: what the weights are called, for the heading.

    Raises:
        UsageError: gradio is not installed.
    """
    gr = require_gradio()
    answers = Answers(translator)

    def click(thermal: Any, colours: str, stretched: bool, event: Any) -> tuple[Any, ...]:
        return answers.click(thermal, colours, stretched, event.index)

    click.__annotations__["event"] = gr.SelectData  # by which gradio knows what to hand over
    with gr.Blocks(title=f"{name}: visible to thermal", analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        gr.Markdown(introduction(translator, name))
        thermal, mark, count = gr.State(), gr.State(), gr.State(0)
        with gr.Row():
            with gr.Column(min_width=300):
                asked, run, another = _questions(translator)
            with gr.Column(min_width=300):
                outputs, view = _results(translator)
        image, labels, _ = asked
        translate = _told(answers.translate)
        answer = {"fn": translate, "inputs": [*asked, *view], "outputs": [thermal, mark, *outputs]}
        run.click(**answer, api_name="translate")
        image.input(**answer, api_visibility="private")
        labels.upload(**answer, api_visibility="private")
        shown = another.click(
            _told(answers.example), [count], [count, image, labels], api_visibility="private", show_progress="hidden"
        )
        shown.then(**answer, api_visibility="private")
        outputs[0].select(click, [thermal, *view], [mark, *outputs], api_visibility="private", show_progress="hidden")
        for control in view:
            control.input(answers.view, [thermal, mark, *view], outputs, api_visibility="private")
    return page


def _questions(translator: Translator) -> tuple[list[Any], Any, Any]:
    """Place what a visitor gives; return the inputs (image, labels, degrees) and the buttons that translate and fill them."""
    gr = require_gradio()
    reads = translator.reads_labels
    usual = translator.config.dataset.class_temperatures if translator.reads_temperatures else {}
    image = gr.Image(type="pil", label="Visible image", height=HEIGHT, elem_id="visible")
    labels = gr.File(
        label="Class of every pixel (8-bit PNG of the same size)",
        file_types=[".png"],
        visible=reads,
        height=110,
        elem_id="labels",
    )
    with gr.Row():
        another = gr.Button("Show me an example", visible=can_be_made(translator.config.recipe))
        run = gr.Button("Translate", variant="primary")
    with gr.Accordion("Temperatures of the classes", open=False, visible=bool(usual)):
        degrees = gr.Dataframe(
            value=[[name, round(mean, 1)] for name, mean in usual.items()],
            headers=["class", "°C"],
            datatype=["str", "number"],
            type="array",
            static_columns=[0],
            column_count=2,
            row_count=max(1, len(usual)),
            interactive=True,
            show_label=False,
            elem_id="degrees",
        )
    return [image, labels, degrees], run, another


def _results(translator: Translator) -> tuple[list[Any], list[Any]]:
    """Place what a visitor gets; return the outputs in the order of `View`, and the controls of the colours."""
    gr = require_gradio()
    picture = gr.Image(
        label="Thermal image",
        height=HEIGHT,
        interactive=False,
        format="png",
        buttons=["download", "fullscreen"],
        elem_id="thermal",
    )
    scale = gr.HTML()
    value = gr.HTML(reading(translator, None, None), elem_id="reading")
    colours = gr.Dropdown(list(MAPS), value=next(iter(MAPS)), label="Colours", elem_id="colours")
    stretched = gr.Checkbox(label="Spread the colours over this image's values", value=False)
    return [picture, scale, value], [colours, stretched]


def introduction(translator: Translator, name: str) -> str:
    """Return the heading and what a visitor must know, as Markdown."""
    recipe = translator.config.recipe
    parts = " with ".join(part.name.rpartition("/")[2] for part in (recipe.method, recipe.generator) if part)
    values = (
        "The degrees are what the model learned to expect there, not a measurement."
        if translator.thermal_range
        else "It knows grey levels only, bright where it expects warmth, and no temperatures."
    )
    reads = " It reads the class of every pixel beside the image." if translator.reads_labels else ""
    return (
        f"# {name}\nDraws how a visible image might look to a thermal camera: {parts}, "
        f"trained on {translator.config.dataset.name} at {recipe.size} px.{reads} {values}"
    )


def serve(
    page: Page,
    *,
    port: int | None = None,
    share: bool = False,
    browser: bool = False,
    tell: Callable[[str], object] = print,
) -> None:
    """Serve a page until it is interrupted.

    Args:
        page: from `build_page`.
        port: of the server on this machine; None takes the first free one from 7860 on.
        share: also give it a public address for a week, through gradio's servers.
        browser: open it.
        tell: given the page's address once it answers.

    Raises:
        ZooError: the port is taken, or the public address cannot be had.
    """
    gr = require_gradio()
    plain = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]  # no font is fetched from anywhere
    theme = gr.themes.Soft(primary_hue="orange", font=plain, font_mono=["ui-monospace", "Consolas", "monospace"])
    theme = theme.set(checkbox_border_color="*neutral_400", checkbox_border_width="1px")
    try:
        _, local, public = page.launch(
            server_port=port,
            share=share,
            inbrowser=browser,
            prevent_thread_lock=True,
            quiet=True,
            ssr_mode=False,
            footer_links=[],
            theme=theme,
            css=CSS,
            allowed_paths=[str(folder / "datasets") for folder in cache_places()],  # where examples are
        )
    except OSError as error:
        raise ZooError(
            f"port {port or '7860 and those after it'} is taken", "Type: --port N with another one"
        ) from error
    try:
        tell(public or local)
        Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        page.close(verbose=False)


def require_gradio() -> Any:
    """Return gradio, which must find its telemetry switched off when it is imported.

    Raises:
        UsageError: it is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio
    except ImportError as error:
        if error.name != "gradio":
            raise ZooError(f"gradio cannot be imported: {error}", "Type: pip install -U gradio") from error
        raise UsageError("the demo page needs gradio", f"Type: pip install '{DISTRIBUTION}[demo]'") from None
    return gradio


def _told(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Return an answer whose errors the page shows."""
    gr = require_gradio()

    @wraps(answer)
    def told(*given: Any) -> Any:
        try:
            return answer(*given)
        except ZooError as error:
            raise gr.Error(str(error)) from error

    return told
