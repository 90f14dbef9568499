"""What a model card tells programs: the front matter of README.md, and `.eval_results`. Imports no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from zoo.data.layout import DatasetInfo
from zoo.evaluate.results import Score
from zoo.hub.model_names import known_system, slug
from zoo.report.html.facts import paper, plain
from zoo.report.naming import part_name
from zoo.run.record import Record

PIPELINE = "image-to-image"
TAGS = ("thermal", "infrared", "visible-to-thermal", "image-translation")
OPEN_LICENSE = re.compile(
    r"apache-2\.0|mit|bsd-[23]-clause|cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[234]\.\d|odbl|odc-by|pddl|cdla-(sharing|permissive)-\d\.\d"
)
"""Licenses of data that the Hub knows by these very names."""
HUB_DATASET = re.compile(r"huggingface\.co/datasets/([\w.-]+/[\w.-]+)")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a card is about."""

    repo: str
    """`ORG/NAME`."""
    record: Record
    data: DatasetInfo
    license: str
    """The license's name on the Hub, or empty: as the data's terms allow."""
    sha256: str
    """Of the weights."""
    size: int
    """Bytes of the weights."""
    sampled: bool
    """Whether `samples.png` is published too."""

    @property
    def name(self) -> str:
        """The repository's name without its namespace."""
        return self.repo.partition("/")[2]


def license_of(data: DatasetInfo) -> str:
    """Return what the Hub calls the license of a dataset; empty where it is not one that the Hub knows."""
    name = re.sub(r"[\s_]+", "-", data.license.strip().lower())
    return name if OPEN_LICENSE.fullmatch(name) else ""


def front_matter(subject: Subject) -> dict[str, Any]:
    """Return the card's metadata; scores stand in it as the Hub's `model-index`."""
    from huggingface_hub import EvalResult, ModelCardData

    record, data = subject.record, subject.data
    known = known_system(record.recipe)
    dataset = _hub_dataset(data) or slug(data.name)
    results = [
        EvalResult(
            task_type=PIPELINE,
            task_name="visible to thermal",
            dataset_type=dataset,
            dataset_name=data.name,
            dataset_split=str(score.protocol.get("split", "test")),
            dataset_args={"fingerprint": record.recipe.data.fingerprint},
            metric_type=score.metric.partition("[")[0],
            metric_name=f"{score.metric} ({record.recipe.size} px)",
            metric_value=score.value,
            metric_args={"n": score.n, "low": score.low, "high": score.high, "level": score.level} | score.protocol,
        )
        for score in record.scores
    ]
    parts = record.recipe.parts
    metadata = ModelCardData(
        license=subject.license or "other",
        license_name=None if subject.license else "terms-of-the-training-data",
        library_name="zoo",
        pipeline_tag=PIPELINE,
        tags=[
            *TAGS,
            *({slug(known[0])} if known else ()),
            slug(part_name("method", record.recipe.method)),
            slug(data.name),
        ],
        datasets=[dataset],
        metrics=list(dict.fromkeys(score.metric.partition("[")[0] for score in record.scores)) or None,
        model_name=subject.name,
        eval_results=results or None,
        paper=list(dict.fromkeys(filter(None, (paper(kind, part.name) for kind, part in parts.items())))) or None,
    )
    found: dict[str, Any] = metadata.to_dict()  # type: ignore[no-untyped-call]  # huggingface_hub
    return found


def eval_results(subject: Subject) -> str | None:
    """Return the scores as the Hub's `.eval_results/*.yaml` has them, None where there are none.

    A task is a metric at a size, since values at two sizes are not comparable. The Hub shows those of datasets that it
    has registered as benchmarks; where the data's source names no dataset on the Hub, it is the publisher's of that name.
    """
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    record = subject.record
    entries = [
        EvalResultEntry(
            dataset_id=_hub_dataset(subject.data) or f"{subject.repo.partition('/')[0]}/{slug(subject.data.name)}",
            task_id=f"{slug(score.metric)}_{record.recipe.size}px",
            value=score.value,
            date=record.finished,
            notes=f"{_interval(score)}; {plain(score.protocol)}; data {record.recipe.data.fingerprint[:16]}",
        )
        for score in record.scores
    ]
    return yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, width=1000) if entries else None


def _interval(score: Score) -> str:
    ends = "" if score.low is None or score.high is None else f", {score.level:.0%} [{score.low:.6g}, {score.high:.6g}]"
    return f"n {score.n}{ends}"


def _hub_dataset(data: DatasetInfo) -> str:
    found = HUB_DATASET.search(data.source)
    return found[1] if found else ""
