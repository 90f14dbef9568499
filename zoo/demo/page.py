"""The page: a visible image in, the thermal image in colors, and the temperature of the pixel that is clicked."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from threading import Event
from typing import TYPE_CHECKING, Any

from PIL import Image

from zoo.demo.answers import Answers, can_be_made
from zoo.demo.picture import MAPS, reading
from zoo.demo.server import LIMIT
from zoo.errors import UsageError, ZooError
from zoo.files import cache_places
from zoo.sizes import size_text
from zoo.version import DISTRIBUTION

if TYPE_CHECKING:
    from zoo.translation.translator import Translator

Page = Any
"""A gradio.Blocks."""
HEIGHT = "min(420px, 72vw)"
"""Height of the two images, as CSS; on a phone it follows the width."""
CSS = """
.gradio-container { max-width: 1180px !important; margin: 0 auto; }
.zoo-scale { display: flex; align-items: center; gap: 10px; font-size: 14px; white-space: nowrap; }
.zoo-scale div { flex: 1; height: 14px; border-radius: 7px; border: 1px solid #8884; }
.zoo-reading { font-size: 18px; min-height: 28px; }
.zoo-reading b { font-size: 22px; }
#visible img { width: 100%; height: 100%; object-fit: contain; }
#thermal img { cursor: crosshair; }
"""

CONTRAST = {
    "block_label_text_color": "*primary_700",
    "block_label_text_color_dark": "*primary_100",
    "block_label_background_fill_dark": "*primary_800",
    "block_title_text_color": "*primary_700",
    "block_title_text_color_dark": "*primary_100",
    "block_title_background_fill_dark": "*primary_800",
    "body_text_color_subdued": "*neutral_600",
    "body_text_color_subdued_dark": "*neutral_300",
    "button_primary_background_fill": "*primary_700",
    "button_primary_background_fill_dark": "*primary_700",
    "button_primary_background_fill_hover": "*primary_800",
    "button_primary_background_fill_hover_dark": "*primary_800",
}
"""Changes of gradio's theme for a contrast of text of at least 4.5 to 1."""


def build_page(translator: Translator, name: str) -> Page:
    """Return the page of a translator.

    Args:
        translator: the model.
        name: of the weights, for the heading.

    Raises:
        UsageError: gradio is not installed.
    """
    gr = require_gradio()
    answers = Answers(translator)

    def click(thermal: Any, colours: str, stretched: bool, event: Any) -> tuple[Any, ...]:
        return answers.click(thermal, colours, stretched, event.index)

    click.__annotations__["event"] = gr.SelectData  # from which gradio infers what to pass
    with gr.Blocks(title=f"{name}: visible to thermal", analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        gr.Markdown(introduction(translator, name))
        thermal, mark, count = gr.State(), gr.State(), gr.State(0)
        with gr.Row():
            with gr.Column(min_width=300):
                inputs, run, another = _inputs(translator)
            with gr.Column(min_width=300):
                outputs, view = _outputs(translator)
        image, labels, _ = inputs
        translate = _with_errors(answers.translate)
        answer = {"fn": translate, "inputs": [*inputs, *view], "outputs": [thermal, mark, *outputs]}
        private, quick = {"api_visibility": "private"}, {"api_visibility": "private", "show_progress": "hidden"}
        run.click(**answer, api_name="translate")
        image.input(**answer, **private)
        labels.upload(**answer, **private)
        another.click(_with_errors(answers.example), [count], [count, image, labels], **quick).then(**answer, **private)
        outputs[0].select(click, [thermal, *view], [mark, *outputs], **quick)
        for control in view:
            control.input(answers.view, [thermal, mark, *view], outputs, **private)
    return page


def _inputs(translator: Translator) -> tuple[list[Any], Any, Any]:
    """Add the inputs; return them (image, labels, degrees) and the buttons that translate and that load an example."""
    gr = require_gradio()
    reads = translator.reads_labels
    usual = translator.config.dataset.class_temperatures if translator.reads_temperatures else {}
    image = gr.Image(type="pil", label="Visible image", height=HEIGHT, elem_id="visible")
    image.preprocess = _with_errors(image.preprocess)
    label = "Class of every pixel (8-bit PNG of the same size)"
    labels = gr.File(label=label, file_types=[".png"], visible=reads, height=110, elem_id="labels")
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


def _outputs(translator: Translator) -> tuple[list[Any], list[Any]]:
    """Add the outputs; return them in the order of `View`, and the controls of the colors."""
    gr = require_gradio()
    shown: dict[str, Any] = {"interactive": False, "format": "png", "buttons": ["download", "fullscreen"]}
    picture = gr.Image(label="Thermal image", height=HEIGHT, elem_id="thermal", **shown)
    scale = gr.HTML()
    value = gr.HTML(reading(translator, None, None), elem_id="reading")
    colours = gr.Dropdown(list(MAPS), value=next(iter(MAPS)), label="Colors", elem_id="colours")
    stretched = gr.Checkbox(label="Scale the colors to this image", value=False)
    return [picture, scale, value], [colours, stretched]


def introduction(translator: Translator, name: str) -> str:
    """Return the heading and the limits of the model, as Markdown."""
    recipe = translator.config.recipe
    parts = " with ".join(part.name.rpartition("/")[2] for part in (recipe.method, recipe.generator) if part)
    values = (
        "The temperatures are predictions, not measurements."
        if translator.thermal_range
        else "It predicts grey levels, bright for warm, and no temperatures."
    )
    reads = " It also needs the class of every pixel." if translator.reads_labels else ""
    return (
        f"# {name}\nPredicts how a visible image looks to a thermal camera: {parts}, "
        f"trained on {translator.config.dataset.name} at {size_text(recipe.size)} px.{reads} {values}"
    )


def serve(
    page: Page,
    *,
    port: int | None = None,
    share: bool = False,
    browser: bool = False,
    on_address: Callable[[str], object] = print,
) -> None:
    """Serve a page until it is interrupted.

    Args:
        page: from `build_page`.
        port: of the server on this machine; None: the first free one from 7860 on.
        share: also serve it at a public address for a week, through gradio's servers.
        browser: open it.
        on_address: called with the page's address when it answers.

    Raises:
        ZooError: the port is taken, or gradio's servers give no public address.
    """
    gr = require_gradio()
    plain = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]  # no font is downloaded
    theme = gr.themes.Soft(primary_hue="orange", font=plain, font_mono=["ui-monospace", "Consolas", "monospace"])
    theme = theme.set(checkbox_border_color="*neutral_400", checkbox_border_width="1px", **CONTRAST)
    try:
        _, local, public = page.launch(
            server_port=port,
            share=share,
            inbrowser=browser,
            prevent_thread_lock=True,
            quiet=True,
            ssr_mode=False,
            footer_links=[],
            max_file_size=LIMIT,
            theme=theme,
            css=CSS,
            allowed_paths=[str(folder / "datasets") for folder in cache_places()],  # where examples are
        )
    except OSError as error:
        raise ZooError(f"port {port or '7860 and those after it'} is taken", "Use another `port`") from error
    try:
        if share and not public:
            raise ZooError(
                "gradio's servers gave no public address", "Check the network connection, or leave out `share`"
            )
        on_address(public or local)
        Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        page.close(verbose=False)


def require_gradio() -> Any:
    """Return gradio, imported with its telemetry off.

    Raises:
        UsageError: it is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio
    except ImportError as error:
        if error.name != "gradio":
            raise ZooError(f"gradio cannot be imported: {error}", "Run: pip install -U gradio") from error
        raise UsageError("the demo page needs gradio", f"Run: pip install '{DISTRIBUTION}[demo]'") from None
    return gradio


def _with_errors(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose errors the page shows."""
    gr = require_gradio()

    @wraps(answer)
    def call(*given: Any) -> Any:
        try:
            return answer(*given)
        except ZooError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except (OSError, Image.DecompressionBombError) as error:  # gradio decodes images before `translate`
            message = "The file cannot be decoded as an image. Use another file"
            raise gr.Error(message, print_exception=False) from error

    return call
