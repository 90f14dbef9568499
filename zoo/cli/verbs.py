"""How verbs explain themselves: help in groups with one example a line, and pointers from other tools' options. No torch."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from typing import Any

from typer.core import TyperCommand, TyperGroup

from zoo.cli.config import set_by
from zoo.cli.flags import FLAGS
from zoo.cli.output import note
from zoo.errors import UsageError, did_you_mean

GROUPS = MODEL, DATA, TRAINING, COMPUTE, OUTPUT = "Model", "Data", "Training", "Compute", "Output"
"""Groups of options in the help of a verb, in their order."""

_RENAMED = {
    "--accumulate": "accum-iter accumulate-grad-batches grad-accum gradient-accumulation-steps",
    "--batch": "batch-size batchsize bs per-device-train-batch-size train-batch-size",
    "--compute": "channels-last compile torch-compile",
    "--data": "data-dir data-path data-root dataroot dataset dataset-dir dataset-name train-dir",
    "--device": "accelerator cuda device-id gpu gpu-id gpu-ids gpus",
    "--disc": "discriminator netd",
    "--epochs": "epoch max-epochs n-epochs niter num-epochs num-train-epochs",
    "--gen": "arch backbone generator model net netg network",
    "--gpus-per-run": "nproc-per-node num-gpus num-processes world-size",
    "--jobs": "n-jobs num-jobs parallel",
    "--lr": "learning-rate lr0",
    "--method": "algorithm trainer",
    "--metrics": "metric",
    "--norm": "normalizer",
    "--out": "checkpoints-dir exp-dir log-dir logdir o outdir output output-dir project results results-dir save-dir work-dir",
    "--patience": "early-stopping early-stopping-patience",
    "--precision": "amp bf16 dtype fp16 half mixed-precision tf32",
    "--seed": "manual-seed random-seed seeds",
    "--seeds": "manual-seed random-seed seed",
    "--size": "crop-size fine-size image-size img-size imgsz load-size resolution",
    "--steps": "step iterations iters max-iter max-iters max-steps max-train-steps num-steps total-steps",
    "--tracker": "log-with logger report-to tensorboard use-wandb wandb",
    "--validate": "val val-data val-split validation validation-split",
    "--validate-every": "eval-every eval-steps val-every val-freq val-interval",
}
"""Options of other tools by the option of zoo that does the same."""
_NEEDLESS = {
    "auto-resume continue continue-train restore resume resume-from resume-from-checkpoint": (
        "An interrupted run resumes from its last checkpoint when the same command runs again; leave the option out"
    ),
    "cfg conf config config-file hparams yaml": (
        "Name the settings as options, or set their defaults in zoo.toml; zoo config shows where it is read"
    ),
    "exp-name experiment experiment-name name run-name": (
        "The folder of a run is named after its recipe; choose the results folder with --out"
    ),
    "dry-run plan": (
        "Every combination is checked before any training starts, and zoo status RESULTS shows the planned runs"
    ),
    "exist-ok force overwrite": "Finished runs are kept and skipped; --retry repeats failed runs",
    "dataloader-num-workers num-threads num-workers workers": (
        "Images are decoded once, before the training, and no loader processes are needed; leave the option out"
    ),
}
"""Options of other tools' trainings that zoo does without, several by one line on what to do instead."""
INTERRUPTED = 130
"""Exit code after Ctrl-C."""
_TRAINING = ("bench", "train")
_SEVERAL = {
    "table": "To compare results folders, run: zoo compare {words}",
    "translate": "To translate several images, put them in one folder, and run: zoo translate FOLDER",
}
"""What to run where a verb gets more arguments than it takes."""


def pointer(option: str, verb: str, flags: set[str]) -> str:
    """Return what replaces an option of another tool in a verb that has these flags; empty where nothing is known."""
    word = option.lstrip("-").lower().replace("_", "-")
    for flag, others in _RENAMED.items():
        if flag in flags and word in others.split():
            return f"Use {flag}"
    for others, advice in _NEEDLESS.items():
        if verb in _TRAINING and word in others.split():
            return advice
    return ""


class Verb(TyperCommand):
    """A command whose help stands in groups, and whose errors say in one line what it takes and where a wrong value is set."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return the arguments that are left.

        Raises:
            UsageError: an option is another tool's or lacks its value, a default of the user is wrong, or there are too many
                arguments.
        """
        allowed, ctx.allow_extra_args = ctx.allow_extra_args, True
        try:
            rest: list[str] = super().parse_args(ctx, args)
        except Exception as error:  # by its attributes, since click's classes move between versions of typer
            if hasattr(error, "possibilities"):
                self._point(ctx, error)
            elif hasattr(error, "option_name"):
                self._explain_missing(ctx, str(error.option_name))
            elif isinstance(error, UsageError):
                _name_source(ctx, error)
            elif (option := getattr(error, "param", None)) and (source := set_by(ctx, option)):
                raise UsageError(f"in {source}: {max(option.opts, key=len)}: {error}") from error
            raise
        if rest and not allowed and not ctx.resilient_parsing:
            raise self._superfluous(ctx, rest)
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error names the file or the variable in which a wrong value is set."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            _name_source(ctx, error)
            raise
        except KeyboardInterrupt:  # typer would exit without a word
            note("zoo: interrupted")
            raise SystemExit(INTERRUPTED) from None

    def _point(self, ctx: Any, error: Any) -> None:
        """Raise what to use in place of an unknown option; nothing where click's own suggestion is all that is known."""
        option = str(getattr(error, "option_name", ""))
        flags = {flag for one in self.params for flag in one.opts}
        advice = pointer(option, self.name or "", flags)
        if not advice and not error.possibilities:
            advice = did_you_mean(option, flags) or f"Its options are shown by: {ctx.command_path} --help"
        if advice:
            raise UsageError(f"{ctx.command_path} has no option {option}", advice) from error

    def _explain_missing(self, ctx: Any, flag: str) -> None:
        """Raise what the value of an option is, with an example where the help has one."""
        option = next((one for one in self.params if flag in one.opts), None)
        if option is None:
            return
        _, examples = split_examples(inspect.cleandoc(self.help or ""))
        example = next((each for each in examples if f"{flag} " in each), f"{ctx.command_path} --help")
        raise UsageError(f"{flag} requires a value, {option.make_metavar(ctx)}", f"Run e.g.: {example}") from None

    def _superfluous(self, ctx: Any, rest: list[str]) -> UsageError:
        """Return the error of more arguments than the command takes."""
        taken = [one for one in self.params if one.param_type_name == "argument"]
        takes = " ".join(one.make_metavar(ctx) for one in taken) or "no argument"
        words = shlex.join([*(str(ctx.params[one.name]) for one in taken), *rest])
        fix = _SEVERAL.get(self.name or "", "Its arguments are shown by: {command} --help")
        found = f"{ctx.command_path} takes {takes}, and {shlex.join(rest)} was given besides"
        return UsageError(found, fix.format(words=words, command=ctx.command_path))

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence of the help, whole."""
        return _first_sentence(self.help or "")

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write the help, then its examples, one a line."""
        text, examples = split_examples(inspect.cleandoc(self.help or ""))
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text)
        if examples:
            with formatter.section("Examples" if len(examples) > 1 else "Example"):
                for example in examples:
                    for line in _folded(example, formatter.width - formatter.current_indent):
                        formatter.write(f"{'':{formatter.current_indent}}{line}\n")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options; these in groups where most of them have one."""
        shown = [(one, record) for one in self.get_params(ctx) if (record := one.get_help_record(ctx))]
        panels = [getattr(one, "rich_help_panel", None) for one, _ in shown]
        grouped = sum(map(bool, panels)) > len(shown) / 2
        groups: dict[str, list[tuple[str, str]]] = {name: [] for name in ("Arguments", *GROUPS, "Options")}
        for (one, record), panel in zip(shown, panels, strict=True):
            plain = "Arguments" if one.param_type_name == "argument" else "Options"
            groups[panel if panel and grouped else plain].append(record)
        for name, rows in groups.items():
            if rows:
                with formatter.section(name):
                    formatter.write_dl(rows)


def _name_source(ctx: Any, error: UsageError) -> None:
    """Put the file or the variable before an error that names a parameter, or quotes a value, that is set there."""
    text = str(error)
    found: dict[str, None] = {}
    for option in ctx.command.params:
        if option.param_type_name == "option" and (source := set_by(ctx, option)):
            names = [name for name, flag in FLAGS.items() if flag in option.opts]
            value = str(ctx.params.get(option.name))
            named = any(f"`{name}`" in text or f"`{name}=" in text for name in names)
            if named or any(f"'{word}'" in text for word in (value, *value.split(",")) if word):
                found[source] = None
    if found:
        error.args = (f"in {' and '.join(found)}: {text}",)


class Verbs(TyperGroup):
    """Several commands, listed with the whole first sentence of their help."""

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence of the help, whole."""
        return _first_sentence(self.help or "")


def split_examples(text: str) -> tuple[str, list[str]]:
    """Return the help of a verb without its examples, and these, which stand after `Example:` or `Examples:`, divided by dots."""
    words, _, examples = re.sub(r"Examples?:", "\0", text, count=1).partition("\0")
    return words.strip(), [" ".join(one.split()) for one in examples.split("·") if one.strip()]


def _first_sentence(text: str) -> str:
    paragraph = " ".join(inspect.cleandoc(text).split("\n\n")[0].split())
    return re.split(r"(?<=\.) (?=[A-Z])", paragraph, maxsplit=1)[0]


def _folded(command: str, width: int) -> Iterator[str]:
    """Yield a command in lines of at most this width where it can be divided before an option; a shell takes them as one."""
    line = ""
    for piece in re.split(r" (?=-)", command):
        if line and len(line) + len(piece) + 3 > width:
            yield f"{line} \\"
            line = f"    {piece}"
        else:
            line = f"{line} {piece}" if line else piece
    yield line
