"""`zoo.score`: images of any program, or a trained model, on a dataset. Imports no torch before it scores."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from zoo.errors import UsageError
from zoo.files import environment_without_home, require_writable
from zoo.report.bench_records import Records
from zoo.run.job import METRICS
from zoo.run_grid import Specs, require_device, spell_command, split_names
from zoo.settings import ENVIRONMENT
from zoo.terminal import note


def score(
    predictions: str | Path,
    *,
    data: str = "",
    real: str | Path | None = None,
    visible: str | Path | None = None,
    name: str = "",
    split: str = "test",
    pattern: str = "",
    size: int | None = None,
    range: tuple[float, float] | None = None,
    source: str = "",
    metrics: Specs = (),
    allow_missing: bool = False,
    baselines: bool = True,
    out: str | Path = "results",
    device: str = "auto",
    retry: bool = False,
    command: str = "",
) -> Records:
    """Score images of any program against the real ones, or a trained model on another dataset, as `zoo score` does.

    >>> import zoo
    >>> print(zoo.score("outputs/PID", data="rs", name="PID"))  # doctest: +SKIP
    >>> print(zoo.score("outputs/PID", real="thermal", visible="visible"))  # doctest: +SKIP
    >>> print(zoo.score("results/RUN", data="rs"))  # doctest: +SKIP

    Args:
        predictions: a folder of images; or a model: a run folder, a name of the catalogue or a repository on the Hub.
        data: dataset with the real images, by name or folder; of a model other data than its own, or its own without it.
        real, visible: plain folders of real thermal and of visible images, in place of a dataset.
        name: of the program in tables; by default of the folder.
        split: of the dataset.
        pattern: how files are named, e.g. `{stem}_fake_B`; by default like the test images, alone or with a usual suffix.
        size: to which both images are resized; by default the size of the predictions.
        range: the values of 16-bit and float files that stand for the darkest and the brightest level, where it is not clear.
        source: where the images come from, in free text.
        metrics: what to score with, by default PSNR and SSIM.
        allow_missing: score the images that there are where some are missing or cannot be read.
        baselines: also score the grey copies of the visible images.
        out: results folder.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        retry: score again what is scored.
        command: the command line for the records; by default the one that does the same as this call.

    Raises:
        UsageError: files cannot be matched, a size or range is not clear, or an argument is wrong.
        ZooError: predictions are missing or cannot be read.
    """
    given = {**locals(), "range": f"{range[0]:g},{range[1]:g}" if range else None}
    os.environ.update(ENVIRONMENT | environment_without_home() | os.environ)  # before anything imports torch
    require_device(device)
    out, specs = Path(out), split_names(metrics) or METRICS
    command = command or _spell(given)
    if not Path(predictions).is_dir() or is_model(Path(predictions)):
        from zoo.score_models import score_model

        if real or visible:
            raise UsageError(
                "a model reads a dataset, and `real` and `visible` name plain folders", "Use `data`=DATASET"
            )
        return Records(
            score_model(
                predictions,
                data,
                split=split,
                size=size,
                specs=specs,
                out=out,
                device=device,
                command=command,
                retry=retry,
            )
        )
    from zoo.run.predictions import choose_metrics, find_tests, plain_tests, plan_scoring

    require_writable(out)
    folder = Path(predictions)
    if bool(data) == bool(real):
        raise UsageError(
            "the real images are named by `data` or by `real`, one of the two", "Use `data`=DATASET or `real`=DIR"
        )
    if real is None and visible is not None:
        raise UsageError("`visible` was given without `real`", "A dataset has its own visible images: leave it out")
    tests = (
        plain_tests(Path(real), Path(visible) if visible else None, range)
        if real
        else find_tests(data, split, size=size, folder=folder)
    )
    plan = plan_scoring(
        folder,
        tests,
        name=name,
        pattern=pattern,
        size=size,
        source=source,
        value_range=range,
        allow_missing=allow_missing,
        out=out,
        warn=note,
    )
    choices = choose_metrics(specs, plan)
    from zoo.run.score_images import score_predictions

    return Records(score_predictions(plan, choices, device=device, command=command, retry=retry, baselines=baselines))


def is_model(folder: Path) -> bool:
    """Return whether a folder holds a trained run or a model, and not images."""
    return any((folder / name).is_file() for name in ("record.json", "run.json", "model.safetensors"))


def _spell(given: dict[str, object]) -> str:
    """Return the command line that does the same as a call."""
    words = ["zoo", "score", str(given.pop("predictions"))]
    del given["command"]
    flags = shlex.split(spell_command("score", given, score))[2:]
    return shlex.join([*words, *flags])
