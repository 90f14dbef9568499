"""Exported models: ONNX and `torch.export` files that run without zoo, compared with the original before they are returned."""

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
from zoo.sizes import Size, height_width, size_of, size_text
from zoo.translation.portable import Free, Inputs, Portable, least_side, metadata
from zoo.translation.translator import Translator
from zoo.version import DISTRIBUTION

Format = Literal["onnx", "pt2"]
FORMATS: tuple[Format, ...] = get_args(Format)
ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-3
"""Largest allowed difference of an exported model from the original, in a range of 2: an eighth of an 8-bit level."""
LOGGERS = ("torch.onnx", "torch.export", "torch.fx", "torch.__trace", "onnxscript", "onnx_ir")
"""Loggers of the exporters."""
ONNX_BYTES = 2**31 - 2**20
"""Largest weights of one ONNX file."""

Model = Callable[[Inputs], Tensor]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An exported model that computes the same as the original."""

    content: bytes
    """The file."""
    inputs: dict[str, str]
    """Its inputs, with type and shape."""
    sizes: str
    """The heights and widths that it supports; empty if they are fixed."""
    free: Free
    """Dynamic dimensions; the others are fixed to the size of the export."""
    differences: dict[str, float]
    """Largest difference from the original by shape of the images, in a range of 2."""
    notes: tuple[str, ...]
    """Limitations, one line each."""


def export(translator: Translator, *, kind: Format, name: str, size: Size | None = None) -> Exported:
    """Return a translator as an ONNX or `torch.export` file after comparing it with the original on random inputs.

    Batch size and image size are dynamic if the networks allow it, else the batch size, else nothing.

    Args:
        translator: in any precision and on any device; the file holds float32.
        kind: `onnx` or `pt2`.
        name: of the weights, for the file's metadata.
        size: height and width in pixels of the traced example, and of all inputs if the size is fixed; by default the training's.

    Raises:
        UsageError: a package is missing, or the size does not suit the networks.
        ZooError: the model cannot be exported, or the exported one differs from the original.
    """
    require(kind)
    module, size = Portable(translator), size or translator.config.recipe.size
    height, width = height_width(size)
    fitting = size_of(translator.grid(height), translator.grid(width))
    if fitting != size:
        raise UsageError(f"the networks do not take images of {size_text(size)} px", f"Use `size`={size_text(fitting)}")
    weights = sum(tensor.nbytes for tensor in module.state_dict().values())
    if kind == "onnx" and weights > ONNX_BYTES:
        reason = f"an ONNX file has at most 2 GB, and these weights are {weights / 1e9:.1f} GB"
        raise UsageError(reason, "Use `format`=pt2")
    refusals: list[str] = []
    multiple = translator.size_multiple
    levels: tuple[Free, ...] = (("batch", "size"), ("batch",), ())
    for free in levels:
        about = metadata(translator, module, name=name, size=size, free=free)
        shapes = [(1, height, width)]
        if free:  # the model is traced at the last shape, and compared at both
            other = (height + multiple, width + 2 * multiple) if "size" in free else (height, width)
            shapes.append((2, *other))
        try:
            with _quiet():
                program = _traced(module, shapes[-1], (multiple, least_side(translator)), free)
                content, exported = (_as_onnx if kind == "onnx" else _as_pt2)(program, about)
                differences = {"x".join(map(str, shape)): _difference(module, exported, *shape) for shape in shapes}
        except Exception as error:  # exporters and runtimes raise errors of any type
            refusals.append(_reason(error))
            continue
        worst = max(differences.values())
        if not worst <= TOLERANCE:
            raise ZooError(
                f"the exported model differs from the original by {worst:.2g} in a range of 2 (allowed: {TOLERANCE:g})",
                "Nothing was written; try another `format`, and report it",
            )
        return Exported(
            content=content,
            inputs={entry: about[entry] for entry in module.reads},
            sizes=about.get("sizes", ""),
            free=free,
            differences=differences,
            notes=tuple(_notes(translator, free, size, refusals)),
        )
    name = translator.config.recipe.method.name
    if next(translator.method.parameters(), None) is None:
        raise UsageError(f"method {name} has no network to export", "Export a run of a method with networks")
    raise ZooError(f"{name} cannot be exported: {refusals[-1]}")


def require(kind: Format) -> None:
    """Check that a format exists and that the packages for it are installed.

    Raises:
        UsageError: they are not.
    """
    if kind not in FORMATS:
        raise UsageError(f"there is no format {kind!r}", f"Use one of: {', '.join(FORMATS)}")
    missing = [package for package in ONNX_PACKAGES if kind == "onnx" and find_spec(package) is None]
    if missing:
        reason = f"ONNX export needs {', '.join(missing)}, which are not installed"
        raise UsageError(reason, f"Run: pip install '{DISTRIBUTION}[onnx]'")


def _traced(module: Portable, shape: tuple[int, int, int], grid: tuple[int, int], free: Free) -> ExportedProgram:
    """Return the graph of `torch.export` for example inputs of a shape; `grid`: the factor of sides, and the smallest side."""
    from torch.fx.experimental import _config

    multiple, least = grid
    batch, height, width = (
        {0: Dim("N")} if "batch" in free else {},
        *(_side(name, multiple, least) if "size" in free else None for name in ("H", "W")),
    )
    dynamic: dict[str, dict[int, Any]] = {
        "visible": {**batch, 2: height, 3: width},
        "labels": {**batch, 1: height, 2: width},
        "temperatures": batch,
    }
    inputs = module.example(*shape)
    shapes = {name: dynamic[name] for name in inputs} if free else None
    # Graphs that also work for features of a single pixel, not only of two and more; since torch 2.8.
    patch = {"backed_size_oblivious": True} if hasattr(_config, "backed_size_oblivious") else {}
    with torch.no_grad(), _config.patch(patch):  # type: ignore[attr-defined]
        return torch.export.export(module, (), inputs, dynamic_shapes=shapes)


def _side(name: str, multiple: int, least: int) -> Any:
    """Return a dynamic side of the images, in pixels."""
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


@torch.no_grad()
def _difference(module: Portable, exported: Model, count: int, height: int, width: int) -> float:
    """Return the largest difference of an exported model from the original on random inputs that it was not traced with."""
    inputs = module.example(count, height, width, seed=1)
    return float((exported(inputs) - module(**inputs)).abs().max())


def _notes(translator: Translator, free: Free, size: Size, refusals: list[str]) -> Iterator[str]:
    if "size" not in free:
        height, width = height_width(size)
        what = "image size is" if "batch" in free else "batch size and the image size are"
        yield f"the {what} fixed, at {height}x{width} px: {refusals[-1]}"
    dropout = any(isinstance(module, nn.Dropout) and module.p for module in translator.method.modules())
    if translator.method.training and dropout:
        yield "this model translates with dropout, which the exported one leaves out"


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the warnings and log lines of the exporters."""
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
    """Return the reason of an exporter's error in one line; torch prints it below a heading."""
    if isinstance(error, ZooError):
        return error.message
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip()] or [""]
    reason = lines[1] if lines[0].startswith("Constraints violated") and len(lines) > 1 else lines[0]
    return f"{type(error).__name__}: {reason}".rstrip(": .")[:160]
