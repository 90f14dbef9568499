"""The model card for programs: the front matter of README.md, and `.eval_results`. Imports no torch."""

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
from zoo.sizes import size_text

PIPELINE = "image-to-image"
TAGS = ("thermal", "infrared", "visible-to-thermal", "image-translation")
OPEN_LICENSE = re.compile(
    r"apache-2\.0|mit|bsd-[23]-clause|cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[234]\.\d|odbl|odc-by|pddl|cdla-(sharing|permissive)-\d\.\d"
)
"""Licenses of data that have the same name on the Hub."""
HUB_DATASET = re.compile(r"huggingface\.co/datasets/([\w.-]+/[\w.-]+)")


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """The facts that a card is made from."""

    repo: str
    """`ORG/NAME`."""
    record: Record
    data: DatasetInfo
    license: str
    """The license's name on the Hub; empty: as the data's terms allow."""
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
    """Return the Hub's name of a dataset's license; empty where the Hub has none."""
    name = re.sub(r"[\s_]+", "-", data.license.strip().lower())
    return name if OPEN_LICENSE.fullmatch(name) else ""


def front_matter(facts: CardFacts) -> dict[str, Any]:
    """Return the card's metadata, with the scores as the Hub's `model-index`."""
    from huggingface_hub import EvalResult, ModelCardData

    record, data = facts.record, facts.data
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
            metric_name=f"{score.metric} ({size_text(record.recipe.size)} px)",
            metric_value=score.value,
            metric_args={"n": score.n, "low": score.low, "high": score.high, "level": score.level} | score.protocol,
        )
        for score in record.scores
    ]
    parts = record.recipe.parts
    metadata = ModelCardData(
        license=facts.license or "other",
        license_name=None if facts.license else "terms-of-the-training-data",
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
        model_name=facts.name,
        eval_results=results or None,
        paper=list(dict.fromkeys(filter(None, (paper(kind, part.name) for kind, part in parts.items())))) or None,
    )
    found: dict[str, Any] = metadata.to_dict()  # type: ignore[no-untyped-call]  # huggingface_hub
    return found


def eval_results(facts: CardFacts) -> str | None:
    """Return the scores in the form of the Hub's `.eval_results/*.yaml`; None where there are none.

    A task is a metric at a size, since values at two sizes are not comparable. The Hub shows those of datasets that are
    registered there as benchmarks; a dataset that is not on the Hub gets its name in the publisher's namespace.
    """
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    record = facts.record
    entries = [
        EvalResultEntry(
            dataset_id=_hub_dataset(facts.data) or f"{facts.repo.partition('/')[0]}/{slug(facts.data.name)}",
            task_id=f"{slug(score.metric)}_{size_text(record.recipe.size)}px",
            value=score.value,
            date=record.finished,
            notes=f"{_interval(score)}; {plain(score.protocol)}; data {record.recipe.data.fingerprint[:16]}",
        )
        for score in record.scores
    ]
    return yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, width=1000) if entries else None


def _interval(score: Score) -> str:
    if score.low is None or score.high is None:
        return f"n {score.n}"
    return f"n {score.n}, {score.level:.0%} [{score.low:.6g}, {score.high:.6g}]"


def _hub_dataset(data: DatasetInfo) -> str:
    found = HUB_DATASET.search(data.source)
    return found[1] if found else ""
