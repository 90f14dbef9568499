"""Arguments of `zoo.bench` and `zoo.train`, and of the commands of these names: what they mean, and what is refused. No torch."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import signature
from typing import Any

from zoo.errors import UsageError
from zoo.option_types import require_whole
from zoo.recipe import Precision
from zoo.registry import split_specs
from zoo.run.devices import lacks_gpu
from zoo.run.grid import Axes
from zoo.sizes import read_size, size_text
from zoo.training_options import TrainingOptions

FLAGS = {"generator": "gen", "discriminator": "disc", "normalizer": "norm", "value_range": "range"}
"""Options of the command line that are not named as the parameter."""
PARAMETERS = {flag: name for name, flag in FLAGS.items()}
NAMED = {
    "recipe": "recipes",
    "generator": "generators",
    "discriminator": "discriminators",
    "method": "methods",
    "test_data": "tests",
}
"""Axes of a grid by the parameters that name their components."""

Specs = str | Sequence[str]
"""Names of components with options: a sequence, or one text with commas."""


def read_axes(given: Mapping[str, Any], *, precision: Precision = "fp32", processes: int = 1) -> Axes:
    """Return the axes of a grid by the arguments of `bench` or `train`, or the options of the commands of these names.

    Args:
        given: values by the names of the parameters or of the options; what is missing has its default.
        precision: of every run.
        processes: that train one run together.

    Raises:
        UsageError: there is no dataset, or a number is wrong.
    """
    values = {PARAMETERS.get(name, name): value for name, value in given.items()}
    names: dict[str, Any] = {axis: split_names(name, values.get(name)) for name, axis in NAMED.items()}
    data = split_names("data", values.get("data", "scenes"))
    split_names("normalizer", values.get("normalizer"))
    require_whole(1, seeds=values.get("seeds"), gpus_per_run=processes)
    require_whole(0, seed=values.get("seed"))
    plain = ("preset", "steps", "epochs", "batch", "seeds", "thermal_channels", "baselines")
    size = values.get("size")
    return Axes(
        **names,
        **{name: values[name] for name in plain if name in values},
        data=data,
        norm=values.get("normalizer"),
        size=None if size is None else read_size(size),
        seed=values.get("seed", 0),
        training=TrainingOptions.of(values),
        precision=precision,
        processes=processes,
    )


def split_names(parameter: str, given: Specs | None) -> tuple[str, ...]:
    """Return names that are given as a sequence or in one text with commas; none where nothing is given.

    >>> split_names("generator", "resnet9,unet:width=32,depth=5")
    ('resnet9', 'unet:width=32,depth=5')

    Raises:
        UsageError: they are neither, or one is empty, such as a variable of the shell that is not set.
    """
    if given is None:
        return ()
    if not isinstance(given, Iterable):
        raise UsageError(
            f"names of components are text or a list; this is {type(given).__name__}", "Use e.g. 'resnet9'"
        )
    names = tuple(split_specs(given) if isinstance(given, str) else given)
    if not names or "" in names:
        found = "names no dataset" if parameter == "data" else "has an empty name" if names else "is empty"
        fix = "Name a dataset or its folder, e.g. scenes" if parameter == "data" else "Give a name, or leave it out"
        raise UsageError(f"`{parameter}` {found}", fix)
    return names


def require_device(device: str) -> None:
    """Refuse what is not a device's name.

    Raises:
        UsageError: it is none.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        from zoo.compute.options import device_fix

        raise UsageError(f"{device!r} is not a device", device_fix(device))


def parse_jobs(jobs: str | None) -> int | None:
    """Return a number of parallel runs; None for `auto`.

    Raises:
        UsageError: it is neither.
    """
    if jobs in (None, "auto"):
        return None
    if not re.fullmatch(r"[1-9]\d*", jobs):
        raise UsageError(f"`jobs` is {jobs!r}; it must be auto, or 1 or more")
    return int(jobs)


def choose_precision(precision: str, device: str, compute: str, *, here: bool = True) -> Precision:
    """Return the precision of trainings on a device, of this machine unless `here` is false, after checking it and `compute`.

    Raises:
        UsageError: one of them is wrong.
    """
    from zoo.compute.options import choose_precision as choose
    from zoo.compute.options import parse_compute, require_precision

    options = parse_compute(compute)
    if device == "auto" and here and lacks_gpu():
        device = "cpu"
    if device == "cpu" and options and options.graph:
        raise UsageError("`compute`=graph requires an NVIDIA GPU; the device is cpu", "Leave graph out")
    if device == "cpu" and precision == "bf16" and here:
        import torch

        require_precision("bf16", torch.device(device))
    return choose(precision, device)


def spell_command(verb: str, given: Mapping[str, Any], function: Callable[..., object]) -> str:
    """Return the command line that does the same as the call of a function; defaults are left out.

    >>> from zoo.api.runs import bench
    >>> spell_command("bench", {"generator": ["resnet6", "unet"], "size": 64, "batch": None, "retry": True}, bench)
    'zoo bench --gen resnet6,unet --size 64 --retry'
    """
    words = ["zoo", verb]
    defaults = {name: parameter.default for name, parameter in signature(function).parameters.items()}
    if given.get("size") is not None:
        given = {**given, "size": size_text(read_size(given["size"]))}
    for name, value in given.items():
        if value == defaults[name]:
            continue
        word = FLAGS.get(name, name).replace("_", "-")
        flag = f"--{'no-' * (value is False)}{word}"
        text = value if isinstance(value, str) or not isinstance(value, Sequence) else ",".join(map(str, value))
        words += [flag] if isinstance(value, bool) else [flag, str(text)]
    return shlex.join(words)
