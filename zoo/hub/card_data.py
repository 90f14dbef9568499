"""The model card for programs: the front matter of README.md, and `.eval_results`. Imports no torch.

A card is YAML front matter, zoo's text between two markers, and the publisher's own words around it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from zoo.data.layout import DatasetInfo
from zoo.hub.model_names import known_system, slug
from zoo.records.record import Record
from zoo.report.html.facts import paper, plain
from zoo.report.naming import part_name
from zoo.sizes import size_text

PIPELINE = "image-to-image"
TAGS = ("thermal", "infrared", "visible-to-thermal", "image-translation")
OPEN_LICENSE = re.compile(
    r"apache-2\.0|mit|bsd-[23]-clause|cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[234]\.\d|odbl|odc-by|pddl|cdla-(sharing|permissive)-\d\.\d"
)
"""Licenses of data that have the same name on the Hub."""
HUB_DATASET = re.compile(r"huggingface\.co/datasets/([\w.-]+/[\w.-]+)")
BEGIN = "<!-- zoo: begin. zoo publish rewrites all from here to the end marker; text outside stays as it is. -->"
END = "<!-- zoo: end -->"
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)(?<=\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_LICENSE = ("license", "license_name", "license_link")


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
    parts, method = record.recipe.parts, part_name("method", record.recipe.method)
    metadata = ModelCardData(
        license=facts.license or "other",
        license_name=None if facts.license else "terms-of-the-training-data",
        library_name="zoo",
        pipeline_tag=PIPELINE,
        tags=[*TAGS, *map(slug, [known[0]] if known else []), *map(slug, (method, data.name))],
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
    intervals = [
        "" if score.low is None or score.high is None else f", {score.level:.0%} [{score.low:.6g}, {score.high:.6g}]"
        for score in record.scores
    ]
    entries = [
        EvalResultEntry(
            dataset_id=_hub_dataset(facts.data) or f"{facts.repo.partition('/')[0]}/{slug(facts.data.name)}",
            task_id=f"{slug(score.metric)}_{size_text(record.recipe.size)}px",
            value=score.value,
            date=record.finished,
            notes=f"n {score.n}{ends}; {plain(score.protocol)}; data {record.recipe.data.fingerprint[:16]}",
        )
        for score, ends in zip(record.scores, intervals, strict=True)
    ]
    return yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, width=1000) if entries else None


def _hub_dataset(data: DatasetInfo) -> str:
    found = HUB_DATASET.search(data.source)
    return found[1] if found else ""


def write_readme(metadata: dict[str, Any], text: str, before: str = "\n", after: str = "\n") -> str:
    """Return a card of front matter and the generated text between markers, with the text before and after them."""
    import yaml

    front = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{front}---\n{before}{BEGIN}\n{text}{END}{after}"


def read_readme(card: str) -> tuple[dict[str, Any], str]:
    """Return a card's front matter and the rest; front matter that is not a YAML mapping counts as empty."""
    import yaml

    front = _FRONT.match(card)
    if front is None:
        return {}, card
    try:
        metadata = yaml.safe_load(front[1])
    except (yaml.YAMLError, ValueError, RecursionError):  # also an impossible date
        metadata = None
    return metadata if isinstance(metadata, dict) else {}, card[front.end() :]


def update_readme(old: str, new: str) -> str:
    """Return a new card that keeps the publisher's own content of an old one.

    That is all text outside the markers (the whole text of a card without markers, which then follows zoo's text), the keys of
    the front matter that zoo does not write, further tags, and the license where zoo has none. Updating twice changes nothing.
    """
    own, body = read_readme(old)
    metadata, generated = read_readme(new)
    text = generated.partition(f"{BEGIN}\n")[2].partition(END)[0]
    before, begin, rest = body.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        before, after = "\n", f"\n\n{body.strip()}\n" if body.strip() else "\n"
    differs = own.get("license_name") != metadata.get("license_name")
    if metadata.get("license") == "other" and "license" in own and differs:
        metadata = {key: value for key, value in metadata.items() if key not in _LICENSE}
    tags = [tag for data in (metadata, own) if isinstance(data.get("tags"), list) for tag in data["tags"]]
    tags = [tag for tag in tags if isinstance(tag, str)]
    merged = own | metadata | ({"tags": list(dict.fromkeys(tags))} if tags else {})
    # zoo's keys first and in its order: the same content must give the same file.
    ordered = {key: merged[key] for key in [*metadata, *(key for key in own if key not in metadata)]}
    return write_readme(ordered, text, before, after)
