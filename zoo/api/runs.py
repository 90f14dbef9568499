"""`zoo.bench` and `zoo.train`: what the commands of these names do, from Python. Imports no torch before it trains.

Runs of a bench are executed by workers, which are processes of their own; so a script needs no `if __name__ == "__main__"`.
"""

from __future__ import annotations

import os
from pathlib import Path

from zoo.api.arguments import Specs, read_axes, spell_command, split_names
from zoo.api.grid import local_launcher, plan_one, run_grid
from zoo.errors import ZooError
from zoo.files import environment_without_home
from zoo.presets import PresetName
from zoo.records.outcome import Outcome
from zoo.records.record import read_record
from zoo.report.bench_records import Records
from zoo.run.runner import InterruptedBenchError
from zoo.settings import ENVIRONMENT
from zoo.sizes import Size


def bench(
    *,
    recipe: Specs | None = None,
    generator: Specs | None = None,
    discriminator: Specs | None = None,
    normalizer: str | None = None,
    method: Specs | None = None,
    data: Specs = "scenes",
    test_data: Specs | None = None,
    preset: PresetName = "quick",
    size: Size | str | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    seeds: int = 1,
    lr: float | None = None,
    accumulate: int = 1,
    validate: str | float = "",
    validate_every: int | None = None,
    keep: str = "last",
    patience: int | None = None,
    rescues: int = 0,
    thermal_channels: int = 1,
    metrics: Specs | None = None,
    out: str | Path = "results",
    jobs: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    compute: str = "auto",
    gpus_per_run: int = 1,
    baselines: bool = True,
    retry: bool = False,
    tracker: str = "",
) -> Records:
    """Train and score every combination of the named parts, as `zoo bench` does, and return the records.

    Finished runs in `out` are not repeated, and interrupted ones are resumed. A run that fails does not stop the others: the
    table shows it, and `Records.failures` says why.

    >>> import zoo
    >>> records = zoo.bench(generator=["resnet6", "resnet9"], steps=200)  # doctest: +SKIP
    >>> print(records)  # doctest: +SKIP
    >>> zoo.load(records.folders[0]).translate("street.jpg")  # doctest: +SKIP

    Args:
        recipe: complete systems by name, beside the combinations of the parts that are named.
        generator, discriminator, method: components with options, e.g. `["resnet9", "unet_128:width=32"]`; by default `resnet9`,
            `patchgan` and `cyclegan`.
        normalizer: of every discriminator whose name does not say it (`patchgan_gn` does).
        data: datasets or folders in zoo's layout; `a+b` is the union of a and b.
        test_data: datasets to score each training on, in place of its own test split; finished runs are only scored.
        preset, size, steps, epochs, batch, thermal_channels: of every run, as in `zoo.compose`.
        lr, accumulate, validate, validate_every, keep, patience, rescues: changes to how each is trained, see
            `zoo.TrainingOptions`.
        seeds: trainings of each combination, with seeds 0, 1, ...
        metrics: what to score, by default PSNR and SSIM; finished runs are only scored.
        out: results folder.
        jobs: parallel runs, per GPU or on all cores; None: one per GPU, or as many as cores and memory allow.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: `fp32`, `tf32`, `bf16`, or `auto` for bf16 on GPUs that support it.
        compute: how steps are computed: `auto`, `plain`, or any of `channels-last,fused,compile,graph,recompute`.
        gpus_per_run: GPUs (processes on a CPU) that train one run together and divide its batch.
        baselines: run null baselines beside networks: those that the data suits and that read no more than the networks.
        retry: repeat runs that failed before, and repair lost or damaged files of finished ones.
        tracker: what receives losses, rates, scores and samples: `tensorboard`, `wandb` or another of accelerate's trackers.

    Raises:
        UsageError: a name, option or number is wrong.
        RefusedError: none of the combinations can work.
        ZooError: every run failed.
        KeyboardInterrupt: on Ctrl-C, after the running runs saved their state.
    """
    given = dict(locals())  # the arguments, for the command that the records name
    axes = read_axes(given, processes=gpus_per_run)
    launcher = local_launcher(Path(out), device, None if jobs is None else str(jobs), gpus_per_run)
    try:
        records = run_grid(
            axes,
            Path(out),
            launcher,
            metrics=split_names("metrics", metrics),
            precision=precision,
            compute=compute,
            command=spell_command("bench", given, bench),
            retry=retry,
            tracker=tracker,
        )
    except InterruptedBenchError as interrupted:
        raise KeyboardInterrupt(
            "interrupted; finished runs are kept, and the same call resumes the others"
        ) from interrupted
    if not records:
        raise ZooError(next(iter(records.failures.values()), "no run was executed"))
    return records


def train(
    *,
    recipe: str | None = None,
    generator: str | None = None,
    discriminator: str | None = None,
    normalizer: str | None = None,
    method: str | None = None,
    data: str = "scenes",
    test_data: Specs | None = None,
    preset: PresetName = "quick",
    size: Size | str | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    lr: float | None = None,
    accumulate: int = 1,
    validate: str | float = "",
    validate_every: int | None = None,
    keep: str = "last",
    patience: int | None = None,
    rescues: int = 0,
    thermal_channels: int = 1,
    metrics: Specs | None = None,
    out: str | Path = "results",
    device: str = "auto",
    precision: str = "auto",
    compute: str = "auto",
    retry: bool = False,
    tracker: str = "",
) -> Records:
    """Train and score one run in this process, as `zoo train` does, and return its record.

    Under `accelerate launch` or torchrun every process calls it, and together they train the run.

    >>> import zoo
    >>> zoo.train(generator="resnet9_cbam", steps=2000)  # doctest: +SKIP

    Args:
        seed: of weights, data order and augmentation.
        recipe, generator, discriminator, normalizer, method, data, test_data, metrics, out, device, precision, compute, retry,
            tracker: as in `zoo.bench`, one name each.
        preset, size, steps, epochs, batch, thermal_channels: as in `zoo.compose`.
        lr, accumulate, validate, validate_every, keep, patience, rescues: changes to how each is trained, see
            `zoo.TrainingOptions`.

    Raises:
        UsageError: a name, option or number is wrong.
        RefusedError: the parts cannot work together.
        ZooError: the run failed, or another process works on it.
        KeyboardInterrupt: on Ctrl-C, after the run saved its state.
    """
    given = dict(locals())  # the arguments, for the command that the records name
    os.environ.update(ENVIRONMENT | environment_without_home() | os.environ)  # before anything imports torch
    from zoo.run.execute import run_one

    run, job = plan_one(given, spell_command("train", given, train))
    ended = run_one(run, job)
    if ended.status == "interrupted":
        raise KeyboardInterrupt("interrupted; the state is saved, and the same call resumes the training")
    if ended.status not in ("done", "skipped"):
        raise ZooError(ended.reason)
    return Records([Outcome(run=run, status=ended.status, record=read_record(run.folder))])
