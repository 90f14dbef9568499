"""Scores by group of images (day, night) or class (car, person), each as a metric of its own. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zoo.errors import UsageError, did_you_mean
from zoo.evaluate.results import Score
from zoo.report.finished_runs import FinishedRun


def by_group(runs: Sequence[FinishedRun], entry: str) -> list[FinishedRun]:
    """Return the runs that have scores by the groups of an entry, with these in place of their scores: `psnr night`.

    Raises:
        UsageError: no score has groups of this entry.
    """
    found = [
        replace(run, record=replace(run.record, scores=scores))
        for run in runs
        if (scores := [one for score in run.record.scores for one in group_scores(score, entry)])
    ]
    if found:
        return found
    known = sorted({name for run in runs for score in run.record.scores for name in score.groups})
    fix = "Declare an entry of kind group in dataset.json, and score again with `retry`"
    if known:
        fix = did_you_mean(entry, known) or f"Use one of: {', '.join(known)}"
    raise UsageError(f"no run has scores by {entry!r}", fix)


def group_scores(score: Score, entry: str) -> list[Score]:
    """Return the means of a score over the images of each group of an entry.

    Records do not hold which images are of a group, so that these scores have no interval and no values per image.
    """
    return [
        replace(
            score,
            metric=f"{score.metric} {name}",
            value=group.value,
            n=group.n,
            low=None,
            high=None,
            per_image={},
            groups={},
            notes=[*score.notes, f"mean over {group.n} image{'s' * (group.n != 1)} with {entry} {name}"],
        )
        for name, group in score.groups.get(entry, {}).items()
    ]
