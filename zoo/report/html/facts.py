"""The report's lists of facts: of each dataset, each run and each machine. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from zoo.data.layout import DatasetInfo
from zoo.errors import ZooError
from zoo.evaluate.results import Score
from zoo.model_folder import read_config
from zoo.records.record import HEALTH
from zoo.registry import get_registry
from zoo.report.data_health import known_health
from zoo.report.html.runs import DatasetRuns, ReportedRun
from zoo.report.html.table import passes_text

Facts = list[tuple[str, str]]
"""Names and non-empty texts."""


def environments(runs: Sequence[ReportedRun]) -> list[tuple[Facts, list[str]]]:
    """Return each environment in which runs were measured, with the labels of its runs."""
    found: dict[bytes, tuple[Facts, dict[str, None]]] = {}
    for run in runs:
        if run.record:
            environment = run.record.environment.items()
            facts = [(key, plain(value)) for key, value in environment if value not in (None, "", {})]
            found.setdefault(msgspec.json.encode(facts), (facts, {}))[1][run.label] = None
    return [(facts, list(labels)) for facts, labels in found.values()]


def dataset_info(group: DatasetRuns) -> DatasetInfo | None:
    """Return the description of the runs' dataset, from the first readable model folder."""
    for run, record in group.finished:
        if record.data != record.recipe.data:
            continue  # the model folder describes what the run was trained on
        try:
            return read_config(run.folder).dataset
        except ZooError:
            continue
    return None


def dataset_facts(group: DatasetRuns, info: DatasetInfo | None) -> Facts:
    """Return a dataset's origin, counts, license and health, from its records and model folders."""
    data = group.runs[0].recipe.data
    known: dict[str, Any] = next((record.dataset for _, record in group.finished), {})
    splits = known.get("splits") or {}
    facts = {
        "name": data.name,
        "images": ", ".join(f"{count} {split}" for split, count in splits.items()),
        "left out": str(known.get("left_out", "")),
        "license": known.get("license") or "not stated",
        "fingerprint": data.fingerprint[:12],
    }
    if info:
        facts |= {"source": info.source, "citation": info.citation, "pairs": "yes" if info.pairs else "no, unpaired"}
        facts["thermal range"] = f"{info.thermal_low:g} to {info.thermal_high:g} {info.unit}, {info.thermal_bits}-bit"
        facts["sampled"] = info.drawn
    usual = {"name", "splits", "left_out", "license", "fingerprint", HEALTH}
    for key in sorted(known.keys() - usual):
        facts[key] = facts.get(key) or plain(known[key])
    health = known_health((run.folder, record) for run, record in group.finished)
    facts["health"] = health or "not measured; run: zoo data check FOLDER --write"
    return [(key, value) for key, value in facts.items() if value]


def run_facts(run: ReportedRun) -> Facts:
    """Return a run's parts, settings and further measurements, or the reason of its failure."""
    record = run.record
    if record is None:
        return [("failed", run.failure.reason if run.failure else "")]
    facts = {}
    for kind in ("method", "generator", "discriminator", "normalizer"):
        if part := getattr(record.recipe, kind):
            origin = record.plugins.get(kind, {})
            by = " ".join(filter(None, (origin.get("distribution", ""), origin.get("version", ""))))
            options = ", ".join(f"{key}={plain(value)}" for key, value in part.config.items())
            facts[kind] = "; ".join(filter(None, (part.name, options, by, paper(kind, part.name))))
    if record.data != record.recipe.data:
        facts["trained on"] = f"{record.recipe.data.name} ({record.recipe.data.fingerprint[:12]})"
    facts["parameters"] = ", ".join(f"{name} {count:,}" for name, count in record.parameters.items())
    if cost := record.cost:
        size = plain(cost.size).replace(", ", "x")
        facts["translation"] = (
            f"{cost.latency_ms:.3g} ms (median of {cost.latency_n}, {size} px, batch {cost.batch}, {cost.precision}, "
            f"{cost.device}), "
            f"{passes_text(cost)} through a network, {cost.flops / 1e9:.3g} GFLOP, {cost.peak_memory / 2**20:.4g} MiB"
        )
    facts["last losses"] = ", ".join(f"{name} {value:.3g}" for name, value in record.losses.items())
    facts["resumed"] = f"{record.timing.resumed} times" if record.timing.resumed else ""
    facts["protocol"] = protocol_text(record.scores)
    notes = [f"{score.metric}: {note}" for score in record.scores for note in score.notes]
    facts["notes"] = " ".join([*record.notes, *notes])
    facts["folder"] = run.folder.name
    facts["finished"] = record.finished
    return [(key, value) for key, value in facts.items() if value]


def protocol_text(scores: Sequence[Score]) -> str:
    """Return the protocols of scores: the entries that all metrics share, then each metric's own."""
    protocols = [score.protocol for score in scores]
    shared = {
        key: value for key, value in (protocols or [{}])[0].items() if all(p.get(key) == value for p in protocols)
    }
    own = [
        f"{score.metric}: {plain({key: value for key, value in score.protocol.items() if key not in shared})}"
        for score in scores
        if score.protocol.keys() - shared.keys()
    ]
    return "; ".join(filter(None, [plain(shared), *own]))


def paper(kind: str, name: str) -> str:
    """Return a component's paper; empty if its plugin is not installed."""
    rows = [row.component.paper for row in get_registry().choices if row.kind == kind and row.full_name == name]
    return rows[0] if rows else ""


def plain(value: Any) -> str:
    """Return a JSON value as readable text."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(each) for each in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
