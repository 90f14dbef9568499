"""Exported models: ONNX and `torch.export` files that run without zoo, compared with the original before they are kept."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from zoo.errors import UsageError, ZooError
from zoo.translation.portable import Free, Inputs, Portable, least_side, metadata
from zoo.translation.translator import Translator
from zoo.version import DISTRIBUTION

Format = Literal["onnx", "pt2"]
FORMATS: tuple[Format, ...] = get_args(Format)
ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-3
"""Largest difference of an exported model from the original, in a range of 2: an eighth of an 8-bit level."""
LOGGERS = ("torch.onnx", "torch.export", "torch.fx", "torch.__trace", "onnxscript", "onnx_ir")
"""Of the exporters."""
LARGEST = 2**31 - 2**20
"""Bytes of weights that one ONNX file can hold."""

Model = Callable[[Inputs], Tensor]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An exported model that agrees with the original."""

    content: bytes
    """The file."""
    inputs: dict[str, str]
    """What it reads, with type and shape."""
    sizes: str
    """Which heights and widths it takes where they are open; empty where they are fixed."""
    free: Free
    """What may differ from call to call; all else is fixed to the size of the export."""
    differences: dict[str, float]
    """Largest difference from the original by shape of the images, in a range of 2."""
    notes: tuple[str, ...]
    """What the user must know of it, a line each."""


def export(translator: Translator, *, kind: Format, name: str, size: int | None = None) -> Exported:
    """Return a translator as an ONNX or `torch.export` file after comparing it with the original on random inputs.

    It leaves the number of images and their size open where the networks allow that, else their number, else nothing.

    Args:
        translator: in any precision and on any device; the file holds float32.
        kind: `onnx` or `pt2`.
        name: what the weights are called, for the file's metadata.
        size: height and width in pixels to export at; by default the training's. It matters where the size stays fixed.

    Raises:
        UsageError: a package is missing, or the networks do not take the size.
        ZooError: the model cannot be exported, or the exported one differs from the original.
    """
    require(kind)
    module, side = Portable(translator), size or translator.config.recipe.size
    if translator.grid(side) != side:
        raise UsageError(f"the networks do not take images of {side} px", f"Type: --size {translator.grid(side)}")
    weights = sum(tensor.nbytes for tensor in module.state_dict().values())
    if kind == "onnx" and weights > LARGEST:
        raise UsageError(f"an ONNX file holds at most 2 GB, and these weights are {weights / 1e9:.1f} GB", "Type: pt2")
    refusals: list[str] = []
    grid = translator.size_multiple, least_side(translator)
    levels: tuple[Free, ...] = (("batch", "size"), ("batch",), ())
    for free in levels:
        about = metadata(translator, module, name=name, side=side, free=free)
        shapes = _shapes(side, translator.size_multiple, free)
        try:
            with _quiet():
                content, exported = _FORMATS[kind](_traced(module, shapes[-1], grid, free), about)
                differences = {"x".join(map(str, shape)): _difference(module, exported, *shape) for shape in shapes}
        except Exception as error:  # whatever stops a graph from being traced, written or run
            refusals.append(_reason(error))
            continue
        worst = max(differences.values())
        if not worst <= TOLERANCE:
            raise ZooError(
                f"the exported model differs from the original by {worst:.2g} in a range of 2 (allowed: {TOLERANCE:g})",
                "Nothing was written; try the other --format, and report it",
            )
        return Exported(
            content=content,
            inputs={entry: about[entry] for entry in module.reads},
            sizes=about.get("sizes", ""),
            free=free,
            differences=differences,
            notes=tuple(_notes(translator, free, side, refusals)),
        )
    raise ZooError(f"{translator.config.recipe.method.name} cannot be exported: {refusals[-1]}")


def require(kind: Format) -> None:
    """Check that a format is known and that the packages which write and run it are installed.

    Raises:
        UsageError: they are not.
    """
    if kind not in FORMATS:
        raise UsageError(f"there is no format {kind!r}", f"Type one of: {', '.join(FORMATS)}")
    missing = [package for package in ONNX_PACKAGES if kind == "onnx" and find_spec(package) is None]
    if missing:
        raise UsageError(
            f"ONNX export needs {', '.join(missing)}, not installed here", f"Type: pip install '{DISTRIBUTION}[onnx]'"
        )


def _shapes(side: int, multiple: int, free: Free) -> list[tuple[int, int, int]]:
    """Return the two shapes (images, height, width) at which an exported model is compared; the last is the traced one."""
    if "size" in free:
        return [(1, side, side), (2, side + multiple, side + 2 * multiple)]
    return [(1, side, side), (2, side, side)] if "batch" in free else [(1, side, side)]


def _traced(module: Portable, shape: tuple[int, int, int], grid: tuple[int, int], free: Free) -> ExportedProgram:
    """Return the graph that `torch.export` takes of a module at inputs of a shape, with the free sides left open.

    Args:
        grid: what sides are multiples of, and the least side.
    """
    multiple, least = grid
    count = {0: Dim("N")} if "batch" in free else {}
    height, width = (_side(name, multiple, least) if "size" in free else None for name in ("H", "W"))
    dynamic: dict[str, dict[int, Any]] = {
        "visible": {**count, 2: height, 3: width},
        "labels": {**count, 1: height, 2: width},
        "temperatures": {**count},
    }
    inputs = module.example(*shape)
    wanted = {name: dynamic[name] for name in inputs}
    with torch.no_grad(), _any_size():
        return torch.export.export(module, (), inputs, dynamic_shapes=wanted if free else None)


def _side(name: str, multiple: int, least: int) -> Any:
    """Return an open side of the images, in pixels."""
    return Dim(name, min=least) if multiple == 1 else Dim(name, min=least // multiple) * multiple


def _as_onnx(program: ExportedProgram, about: Mapping[str, str]) -> tuple[bytes, Model]:
    import onnxruntime

    written = torch.onnx.export(program, output_names=["thermal"], dynamo=True, verbose=False)
    assert written is not None
    written.model.metadata_props.update(about)
    content: bytes = written.model_proto.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(inputs: Inputs) -> Tensor:
        return torch.from_numpy(session.run(None, {name: entry.numpy() for name, entry in inputs.items()})[0])

    return content, run


def _as_pt2(program: ExportedProgram, about: Mapping[str, str]) -> tuple[bytes, Model]:
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={"zoo.json": json.dumps(dict(about), indent=2)})
    buffer.seek(0)
    loaded = torch.export.load(buffer).module()
    return buffer.getvalue(), lambda inputs: loaded(**inputs)


_FORMATS: dict[Format, Callable[[ExportedProgram, Mapping[str, str]], tuple[bytes, Model]]] = {
    "onnx": _as_onnx,
    "pt2": _as_pt2,
}


@torch.no_grad()
def _difference(module: Portable, exported: Model, count: int, height: int, width: int) -> float:
    """Return the largest difference of an exported model from the original on random inputs that it was not traced with."""
    inputs = module.example(count, height, width, seed=1)
    return float((exported(inputs) - module(**inputs)).abs().max())


def _notes(translator: Translator, free: Free, side: int, refusals: list[str]) -> Iterator[str]:
    if "size" not in free:
        what = "size of the images is" if "batch" in free else "number and size of the images are"
        yield f"the {what} fixed, at {side}x{side} px: {refusals[-1]}"
    dropout = any(isinstance(module, nn.Dropout) and module.p for module in translator.method.modules())
    if translator.method.training and dropout:
        yield "this model translates with dropout on, which no file can repeat; it is off in the exported one"


@contextmanager
def _any_size() -> Iterator[None]:
    """Let a graph take features of a single pixel too: traced without this, it holds for two and more only."""
    from torch.fx.experimental import _config

    patch = {"backed_size_oblivious": True} if hasattr(_config, "backed_size_oblivious") else {}  # torch 2.8
    with _config.patch(patch):  # type: ignore[attr-defined]
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what the exporters say on the way."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


def _reason(error: Exception) -> str:
    """Return in one line why something could not be exported; torch gives its reason below a heading."""
    if isinstance(error, ZooError):
        return error.message
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip()] or [""]
    told = lines[1] if lines[0].startswith("Constraints violated") and len(lines) > 1 else lines[0]
    return f"{type(error).__name__}: {told}".rstrip(": .")[:160]
