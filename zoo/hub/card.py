"""The model card of a finished run for people: the page that README.md shows. Imports no torch."""

from __future__ import annotations

import re
from typing import Any

from zoo.errors import ZooError
from zoo.evaluate.results import Score, decimals, metric_heading
from zoo.hub.card_data import CardFacts, front_matter, write_readme
from zoo.hub.model_names import known_system
from zoo.records.record import Record
from zoo.registry import get_registry
from zoo.report.html.facts import paper, plain, protocol_text
from zoo.report.html.table import duration_text
from zoo.report.naming import length_text, part_name
from zoo.report.render import template_environment
from zoo.sizes import size_text
from zoo.version import DISTRIBUTION


def summary_of(record: Record) -> str:
    """Return a description of the model as a phrase: the summary of its recipe, else of its method, and its parts."""
    known = known_system(record.recipe)
    kind, name = ("recipe", known[0]) if known else ("method", record.recipe.method.name)
    rows = [row for row in get_registry().choices if row.kind == kind and name in (row.full_name, row.component.name)]
    summary = rows[0].component.summary if rows else name
    if known:
        return summary
    others = [part_name(kind, part) for kind, part in record.recipe.parts.items() if kind != "method"]
    return f"{summary} ({', '.join(name for name in others if name != 'none')})" if others else summary


def card(facts: CardFacts) -> str:
    """Return the card's text, front matter and body."""
    # Markdown: texts of datasets and plugins go through the filter `line`
    environment = template_environment(autoescape=False, package="zoo.hub")
    environment.filters |= {"line": line, "plain": plain}
    text = environment.get_template("card.md.j2").render(_template_values(facts))
    return write_readme(front_matter(facts), re.sub(r"\n{3,}", "\n\n", text))


def line(text: str) -> str:
    """Return text of a dataset or plugin as one line of Markdown that can neither end a table's cell nor begin HTML."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def _template_values(facts: CardFacts) -> dict[str, Any]:
    record, data, recipe = facts.record, facts.data, facts.record.recipe
    known = known_system(recipe)
    protocol = record.scores[0].protocol if record.scores else {}
    distributions = {DISTRIBUTION, *filter(None, (origin.get("distribution") for origin in record.plugins.values()))}
    images = record.dataset.get("splits", {}).get("train", data.splits.get("train", 0))
    fitted = record.timing.steps_per_second is None
    return {
        "facts": facts,
        "record": record,
        "recipe": recipe,
        "size": size_text(recipe.size),
        "data": data,
        "system": known[0] if known else part_name("method", recipe.method),
        "summary": line(summary_of(record)),
        "distributions": sorted(distributions, key=lambda name: (name != DISTRIBUTION, name)),
        "labels": bool({"labels", "thermal_segmentation"} & set(_inputs(record))),
        "scores": [_score_row(score) for score in record.scores],
        "protocol": protocol_text(record.scores),
        "additional_inputs": [entry for entry in protocol.get("reads", []) if entry != "visible"],
        "remarks": [f"{score.metric}: {note}." for score in record.scores for note in score.notes] + record.notes,
        "data_facts": {
            "dataset": data.name,
            "images": ", ".join(f"{count} {split}" for split, count in data.splits.items()),
            "pairs": "aligned" if data.pairs else "unpaired",
            "source": data.source,
            "citation": data.citation,
            "license of the data": data.license or "not stated",
            "drawn": data.drawn,
            "health": data.health.summary if data.health else "",
            "left out": f"{len(data.left_out)} files of the source" if data.left_out else "",
            "fingerprint": recipe.data.fingerprint,
        },
        "length": "Fitted in closed form" if fitted else f"{length_text(recipe.budget)}, batch {recipe.batch}",
        "duration": duration_text(record.timing.train_seconds),
        "epochs": None if fitted else recipe.budget.steps * recipe.batch / max(1, images),
        "environment": _environment(record),
        "parts": [_part_row(record, kind, part) for kind, part in recipe.parts.items()],
        "images": images,
        "synthetic": bool(recipe.data.config),  # options of a component that generates it
    }


def _score_row(score: Score) -> tuple[str, ...]:
    digits = decimals(score.unit, score.value)
    ends = "-" if score.low is None or score.high is None else f"{score.low:.{digits}f} to {score.high:.{digits}f}"
    name = metric_heading(score.metric, score.unit)
    return name, f"{score.value:.{digits}f}", ends, str(score.n), "higher" if score.higher_is_better else "lower"


def _part_row(record: Record, kind: str, part: Any) -> tuple[str, ...]:
    origin = record.plugins.get(kind, {})
    options = ", ".join(f"{key}={plain(value)}" for key, value in part.config.items())
    package = f"{origin.get('distribution', '')} {origin.get('version', '')}".strip()
    return f"{kind} {part.name}", options, package, paper(kind, part.name)


def _inputs(record: Record) -> list[str]:
    """Return the inputs of the parts at inference; of a plugin that is not installed, those in the scores."""
    try:
        return list(record.recipe.reads())
    except ZooError:
        return [entry for score in record.scores for entry in score.protocol.get("reads", [])]


def _environment(record: Record) -> dict[str, str]:
    known = record.environment
    packages = {"zoo": known.get("zoo"), "Python": known.get("python")} | (known.get("packages") or {})
    memory = {name: f"{size / 2**30:.2f} GiB" for name, size in record.peak_memory.items() if size}
    return {
        "device": known.get("accelerator") or f"{known.get('cpu', '')}, {known.get('threads', '?')} threads",
        "platform": known.get("platform", ""),
        "software": ", ".join(f"{name} {version}" for name, version in packages.items() if version),
        "peak memory": plain(memory),
    }
