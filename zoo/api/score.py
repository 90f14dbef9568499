"""`zoo.score`: images of any program, or a trained model, on a dataset. Imports no torch before it scores."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from zoo.api.arguments import Specs, require_device, spell_command, split_names
from zoo.errors import UsageError
from zoo.files import environment_without_home, require_writable
from zoo.records.job import METRICS
from zoo.report.bench_records import Records
from zoo.settings import ENVIRONMENT
from zoo.sizes import Size, read_size
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
    size: Size | str | None = None,
    value_range: tuple[float, float] | None = None,
    source: str = "",
    metrics: Specs | None = None,
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

    `real`, `visible`, `name`, `pattern`, `value_range`, `source` and `allow_missing` apply to images only.

    Args:
        predictions: a folder of images; or a model: a run folder, a name of the catalogue or a repository on the Hub.
        data: dataset with the real images, by name or folder; of a run by default its own.
        real, visible: plain folders of real thermal and of visible images, in place of a dataset.
        name: of the program in tables; by default of the folder.
        split: of the dataset.
        pattern: how files are named, e.g. `{stem}_fake_B`; by default like the test images, alone or with a usual suffix.
        size: to which both images are resized, e.g. 256, (512, 640) or "512x640"; by default the size of the predictions.
        value_range: darkest and brightest value of 16-bit and float files, where their scale is not clear.
        source: where the images come from, in free text.
        metrics: what to score with, by default PSNR and SSIM.
        allow_missing: score the images that there are where some are missing or cannot be read.
        baselines: also score the grey copies of the visible images.
        out: results folder; scores of a run folder go into its own record.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        retry: measure the metrics again where they are scored; other scores are kept.
        command: the command line for the records; by default the one that does the same as this call.

    Raises:
        UsageError: files cannot be matched, a size or range is not clear, or an argument is wrong.
        ZooError: predictions are missing or cannot be read.
    """
    given = {**locals(), "value_range": f"{value_range[0]:g},{value_range[1]:g}" if value_range else None}
    os.environ.update(ENVIRONMENT | environment_without_home() | os.environ)  # before anything imports torch
    require_device(device)
    out, specs = Path(out), split_names("metrics", metrics) or METRICS
    side = None if size is None else read_size(size)
    command = command or _spell(given)
    folder = Path(predictions)
    if not folder.is_dir() or is_model(folder):
        images_only = ("real", "visible", "name", "pattern", "value_range", "source", "allow_missing")
        _require_model(folder, [name for name in images_only if given[name]])
        from zoo.api.score_model import score_model

        return Records(
            score_model(
                predictions,
                data,
                split=split,
                size=side,
                specs=specs,
                out=out,
                device=device,
                command=command,
                retry=retry,
            )
        )
    from zoo.scoring.predictions import choose_metrics, plan_scoring
    from zoo.scoring.real_images import find_tests, plain_tests

    require_writable(out)
    if bool(data) == bool(real):
        raise UsageError(
            "the real images are named by `data` or by `real`, one of the two", "Use `data`=DATASET or `real`=DIR"
        )
    if real is None and visible is not None:
        raise UsageError("`visible` was given without `real`", "A dataset has its own visible images: leave it out")
    if real and split != "test":
        raise UsageError(
            f"split {split!r} was requested, and `real` names a plain folder without splits", "Leave it out"
        )
    tests = (
        plain_tests(Path(real), Path(visible) if visible else None, value_range)
        if real
        else find_tests(data, split, size=side, folder=folder)
    )
    plan = plan_scoring(
        folder,
        tests,
        name=name,
        pattern=pattern,
        size=side,
        source=source,
        value_range=value_range,
        allow_missing=allow_missing,
        out=out,
        warn=note,
    )
    choices = choose_metrics(specs, plan)
    from zoo.scoring.images import score_predictions

    return Records(score_predictions(plan, choices, device=device, command=command, retry=retry, baselines=baselines))


def _require_model(folder: Path, of_images: Sequence[str]) -> None:
    """Refuse arguments that apply to images of a program only, and note that what is no folder is looked for elsewhere."""
    names = ", ".join(f"`{name}`" for name in of_images)
    if names and folder.is_dir():
        raise UsageError(
            f"`{folder}` holds a model, and images of a program only have {names}",
            "Leave them out, or name the folder of images",
        )
    if names:
        raise UsageError(f"there is no folder `{folder}`, and {names} apply to one only", "Name the folder of images")
    if not folder.exists() and folder.parent != Path():
        note(f"there is no folder {folder} here; looking for a model of this name")


def is_model(folder: Path) -> bool:
    """Return whether a folder holds a trained run or a model, and not images."""
    return any((folder / name).is_file() for name in ("record.json", "run.json", "model.safetensors"))


def _spell(given: dict[str, object]) -> str:
    """Return the command line that does the same as a call."""
    words = ["zoo", "score", str(given.pop("predictions"))]
    del given["command"]
    flags = shlex.split(spell_command("score", given, score))[2:]
    return shlex.join([*words, *flags])
