"""The model card of a finished run: what it tells people. Imports no torch."""

from __future__ import annotations

import re
from typing import Any

from zoo.data.layout import DatasetInfo
from zoo.errors import ZooError
from zoo.evaluate.results import Score
from zoo.hub.card_data import Subject, front_matter
from zoo.hub.model_names import known_system
from zoo.hub.readme import write_readme
from zoo.registry import get_registry
from zoo.report.html.facts import paper, plain, protocol_text
from zoo.report.naming import length_text, part_name
from zoo.report.results import decimals
from zoo.run.record import Record
from zoo.version import DISTRIBUTION


def summary_of(record: Record) -> str:
    """Return what was trained, in half a sentence: the system's summary, else the method's and its parts."""
    known = known_system(record.recipe)
    kind, name = ("recipe", known[0]) if known else ("method", record.recipe.method.name)
    rows = [row for row in get_registry().entries if row.kind == kind and name in (row.full_name, row.component.name)]
    summary = rows[0].component.summary if rows else name
    if known:
        return summary
    others = [part_name(kind, part) for kind, part in record.recipe.parts.items() if kind != "method"]
    return f"{summary} ({', '.join(name for name in others if name != 'none')})" if others else summary


def card(subject: Subject) -> str:
    """Return the card's text, front matter and body."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(  # Markdown: what is not zoo's own goes through the filter `line`
        loader=PackageLoader("zoo.hub", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["line"] = line
    text = environment.get_template("card.md.j2").render(_told(subject))
    return write_readme(front_matter(subject), re.sub(r"\n{3,}", "\n\n", text))


def line(text: str) -> str:
    """Return text of a dataset or plugin as one line of Markdown, in which it cannot end a table's cell or begin HTML."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def _told(subject: Subject) -> dict[str, Any]:
    """Return what the template is told."""
    record, data, recipe = subject.record, subject.data, subject.record.recipe
    protocol = record.scores[0].protocol if record.scores else {}
    reads = _reads(record)
    distributions = {DISTRIBUTION, *(origin["distribution"] for origin in record.plugins.values())}
    unit = data.thermal_range and f"{data.thermal_low:g} to {data.thermal_high:g} °C from black to white"
    return {
        "name": subject.name,
        "repo": subject.repo,
        "system": _system(record),
        "summary": line(summary_of(record)),
        "sampled": subject.sampled,
        "recipe": recipe,
        "data": data,
        "distributions": sorted(distributions, key=lambda name: (name != DISTRIBUTION, name)),
        "labels": bool({"labels", "thermal_segmentation"} & set(reads)),
        "size": subject.size,
        "sha256": subject.sha256,
        "parameters": record.parameters["translation"],
        "scores": [_row(score) for score in record.scores],
        "level": record.scores[0].level if record.scores else 0.95,
        "protocol": protocol_text(record.scores),
        "sees_more": [entry for entry in protocol.get("reads", []) if entry != "visible"],
        "celsius": record.celsius,
        "remarks": [f"{score.metric}: {note}." for score in record.scores for note in score.notes] + record.notes,
        "data_facts": _data_facts(record, data),
        "license_text": _license_text(subject),
        "command": record.command,
        "training": _training(record),
        "passes": _passes(record),
        "environment": _environment(record),
        "parts": _parts(record),
        "images": record.dataset.get("splits", {}).get("train", data.splits.get("train", 0)),
        "synthetic": bool(recipe.data.config),  # options of a component that made it on the spot
        "thermal_range": unit or "grey levels of its camera, without degrees",
    }


def _system(record: Record) -> str:
    known = known_system(record.recipe)
    return known[0] if known else part_name("method", record.recipe.method)


def _row(score: Score) -> tuple[str, ...]:
    digits = decimals(score.unit)
    ends = "-" if score.low is None or score.high is None else f"{score.low:.{digits}f} to {score.high:.{digits}f}"
    name = f"{score.metric} [{score.unit}]" if score.unit else score.metric
    return name, f"{score.value:.{digits}f}", ends, str(score.n), "higher" if score.higher_is_better else "lower"


def _reads(record: Record) -> list[str]:
    """Return what the parts read at inference; of a plugin that is gone, what the scores say."""
    try:
        return list(record.recipe.reads())
    except ZooError:
        return [entry for score in record.scores for entry in score.protocol.get("reads", [])]


def _data_facts(record: Record, data: DatasetInfo) -> list[tuple[str, str]]:
    facts = {
        "dataset": data.name,
        "images": ", ".join(f"{count} {split}" for split, count in data.splits.items()),
        "pairs": "aligned" if data.pairs else "unpaired",
        "source": data.source,
        "citation": data.citation,
        "license of the data": data.license or "not stated",
        "drawn": data.drawn,
        "health": data.health.summary if data.health else "",
        "left out": f"{len(data.left_out)} files of the source" if data.left_out else "",
        "fingerprint": record.recipe.data.fingerprint,
    }
    return [(key, text) for key, text in facts.items() if text]


def _license_text(subject: Subject) -> str:
    terms = subject.data.license
    if subject.license:
        return f"The weights: {subject.license}. The data that they were trained on: {line(terms) or 'not stated'}."
    said = f"are stated as: {line(terms)}" if terms else "are not stated by its publishers"
    return f"The weights may be used as far as the terms of the training data allow. These {said}."


def _training(record: Record) -> str:
    recipe, timing = record.recipe, record.timing
    length = f"{length_text(recipe.budget)}, batch {recipe.batch}: {_passes(record):.3g} times the training split"
    if timing.steps_per_second is None:
        length = "Fitted in closed form"
    return (
        f"{length}; seed {recipe.seed}. It took {_duration(timing.train_seconds)} and ended on {record.finished[:10]}."
    )


def _passes(record: Record) -> float:
    """Return how often the training saw each of its images."""
    if record.timing.steps_per_second is None:
        return 1.0
    images: int = record.dataset.get("splits", {}).get("train", 0)
    return record.recipe.budget.steps * record.recipe.batch / max(1, images)


def _environment(record: Record) -> list[tuple[str, str]]:
    known = record.environment
    packages = {"zoo": known.get("zoo"), "Python": known.get("python")} | (known.get("packages") or {})
    memory = {name: f"{size / 2**30:.2f} GiB" for name, size in record.peak_memory.items() if size}
    facts = {
        "device": known.get("accelerator") or f"{known.get('cpu', '')}, {known.get('threads', '?')} threads",
        "platform": known.get("platform", ""),
        "software": ", ".join(f"{name} {version}" for name, version in packages.items() if version),
        "peak memory": plain(memory),
    }
    return [(key, text) for key, text in facts.items() if text]


def _parts(record: Record) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for kind, part in record.recipe.parts.items():
        origin = record.plugins.get(kind, {})
        options = ", ".join(f"{key}={plain(value)}" for key, value in part.config.items())
        made = f"{origin.get('distribution', '')} {origin.get('version', '')}".strip()
        rows.append((f"{kind} {part.name}", options, made, paper(kind, part.name)))
    return rows


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
