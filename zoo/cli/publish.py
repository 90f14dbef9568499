"""`zoo publish`: finished runs to the Hugging Face Hub, or into a folder as they would be there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace as change
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.flags import with_flags
from zoo.cli.output import note, print_json
from zoo.errors import UsageError, ZooError

if TYPE_CHECKING:
    from zoo.hub.publication import Publication
    from zoo.records.record import Record
    from zoo.report.finished_runs import FinishedRun

    Deliver = Callable[[Publication], dict[str, Any]]


def publish(
    run: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="Run folder of zoo bench.")] = None,
    to: Annotated[str, typer.Option(metavar="ORG/NAME", help="Repository; created if it does not exist.")] = "",
    results: Annotated[
        Path | None, typer.Option("--from", metavar="RESULTS", help="Publish every finished run of this folder.")
    ] = None,
    org: Annotated[str, typer.Option(metavar="ORG", help="With --from: user or organization.")] = "",
    private: Annotated[
        bool, typer.Option("--private", help="Make new repositories visible to their owners only.")
    ] = False,
    license_: Annotated[
        str, typer.Option("--license", metavar="ID", help="License of the weights. [default: the training data's]")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write the folder; make no network requests.")] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FOLDER", help="Folder of a dry run. [default: NAME]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was published as JSON.")] = False,
) -> None:
    """Publish a finished run on the Hugging Face Hub: weights, config, card, samples and scores in one commit.

    It prints the pin, which always loads exactly these weights, and the row of the catalogue. A second run changes nothing.

    Examples:
    zoo publish results/RUN --to ORG/layergan-thermalworld ·
    zoo publish results/RUN --to ORG/layergan-thermalworld --dry-run -o card ·
    zoo publish --from results --org ORG --private
    """
    if out and not dry_run:
        raise UsageError("-o is the folder of a dry run", "Add --dry-run, or leave -o out")
    single = results is None
    deliver: Deliver = partial(_upload, private=private, replace=single)
    if dry_run:
        deliver = partial(_write, out=out, inside=not single)
    if results is not None:
        if run or to or not org:
            raise UsageError("--from publishes a whole folder", "Run: zoo publish --from RESULTS --org ORG")
        return _publish_all(results, org, license_.lower(), deliver, dry_run=dry_run, as_json=as_json)
    if org or run is None or not to:
        raise UsageError("a run and its repository are needed", "Run: zoo publish RUN --to ORG/NAME")
    from zoo.hub.addresses import repository_name
    from zoo.hub.publication import prepare

    to = repository_name(to)
    _check(to, dry_run)
    done = _interruptible(lambda: deliver(prepare(run, to, license=license_.lower())))
    return print_json(done) if as_json else _print(done)


def _publish_all(
    results: Path,
    org: str,
    license_: str,
    deliver: Deliver,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Publish run by run, with a line for each; a failure does not stop the others."""
    from zoo.hub.publication import prepare
    from zoo.report.finished_runs import find_results

    found = find_results(results)
    for line in found.unreadable:
        note(line)
    named = _name_repos(
        list({run.folder: run for run in found.runs}.values()), org
    )  # once, on however many datasets scored
    _check(f"{org}/name", dry_run)
    outcomes: list[dict[str, Any]] = []
    for repo, run in named:
        outcome: dict[str, Any] = {"run": str(run.folder), "repo": repo}
        if not run.record.parameters.get("translation"):
            outcome["state"] = "left out: it has no weights"
        else:
            try:
                # Called at once, in this iteration.
                outcome |= _interruptible(lambda: deliver(prepare(run.folder, repo, license=license_)))  # noqa: B023
            except ZooError as error:
                outcome |= {"state": "failed", "reason": with_flags(str(error))}
        outcomes.append(outcome)
        if not as_json:
            typer.echo(_one_line(outcome))
    if as_json:
        print_json(outcomes)
    failed = sum(outcome["state"] == "failed" for outcome in outcomes)
    if failed:
        raise ZooError(
            f"{failed} of {len(outcomes)} runs were not published; the others are",
            "Fix these and run the same command again",
        )


def _name_repos(runs: list[FinishedRun], org: str) -> list[tuple[str, FinishedRun]]:
    """Return the runs with their repositories; runs that would share one get the start of their key as well."""
    from zoo.hub.model_names import model_name

    names = [model_name(run.record.recipe, run.record.train_key) for run in runs]
    keys = [_key(run.record)[:8] for run in runs]
    return [
        (f"{org}/{name}-{key}" if names.count(name) > 1 and not name.endswith(key) else f"{org}/{name}", run)
        for name, key, run in zip(names, keys, runs, strict=True)
    ]


def _key(record: Record) -> str:
    """Return the train key; with the options that only translation reads, where a record has some."""
    from zoo.composition import digest
    from zoo.environment import values_of

    inference = values_of(record.recipe, record.inference_options, record.option_files)
    return digest([record.train_key, inference]) if inference else record.train_key


def _check(repo: str, dry_run: bool) -> None:
    """Refuse an invalid repository, or a missing token, before anything is read."""
    from zoo.hub.publish import check_repo, require_token

    check_repo(repo)
    if not dry_run:
        require_token()


def _upload(publication: Publication, *, private: bool, replace: bool) -> dict[str, Any]:
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    from zoo.hub.publish import publish as commit

    if not sys.stderr.isatty():
        disable_progress_bars()
    note(f"publishing {publication.repo} ({publication.row.size / 1e6:.1f} MB of weights)")
    done = commit(publication.files, publication.repo, private=private, replace=replace)
    visibility = "private" if done.private else "public"
    return {
        "repo": done.repo,
        "state": f"published, {visibility}" if done.changed else f"unchanged, {visibility}: no commit was made",
        "pin": done.pin,
        "url": done.url,
        "row": change(publication.row, revision=done.revision),
    }


def _write(publication: Publication, *, out: Path | None, inside: bool) -> dict[str, Any]:
    from zoo.hub.publication import write_publication

    name = publication.repo.partition("/")[2]
    folder = Path(name) if out is None else out / name if inside else out
    write_publication(publication, folder)
    return {
        "repo": publication.repo,
        "state": "written, not published",
        "folder": str(folder),
        "row": publication.row,
    }


def _interruptible(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return work()
    except KeyboardInterrupt:
        note("zoo: interrupted; a commit appears whole or not at all. To resume, run the same command again")
        raise typer.Exit(130) from None


def _print(done: dict[str, Any]) -> None:
    from zoo.hub.publication import row_text

    row = done["row"]
    if "pin" in done:
        note(f"{done['state']}: {done['url']}")
        typer.echo(done["pin"])
        typer.echo(f"{row.file}: {row.size:,} bytes, sha256 {row.sha256}")
    else:
        note(f"{done['state']}; to publish it, leave --dry-run out")
        typer.echo(done["folder"])
    typer.echo(f"\n{row_text(row)}")


def _one_line(outcome: dict[str, Any]) -> str:
    where = outcome.get("pin") or outcome.get("folder") or outcome["repo"]
    reason = f": {outcome['reason']}" if "reason" in outcome else ""
    return f"{Path(outcome['run']).name}  {where}  {outcome['state']}{reason}"
