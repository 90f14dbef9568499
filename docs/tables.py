"""`python docs/tables.py` rewrites what stands between marks: records in `docs/tables.md`, keys of table files in the guide."""

from __future__ import annotations

import re
from pathlib import Path

from zoo.evaluate.results import Score
from zoo.keys import qualified
from zoo.report.comparing import compare_systems, group_seeds
from zoo.report.finished_runs import read_results
from zoo.report.naming import length_text
from zoo.report.records.schema import TABLE_FILE, fields_text
from zoo.report.results import score_text
from zoo.run.record import Record

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "tables.md"
GUIDE = ROOT / "docs" / "guides" / "table.md"
SCHEMA = re.compile(r"<!-- schema -->\n.*?<!-- end -->", re.DOTALL)
MARK = re.compile(r"<!-- records: (\S+) -->\n.*?<!-- end -->", re.DOTALL)
METRIC = "psnr"
"""What rows are ordered by and tested in."""


def rendered(page: str) -> str:
    """Return the page with every marked table rewritten from its records."""
    return MARK.sub(lambda found: f"<!-- records: {found[1]} -->\n{table(ROOT / found[1])}\n<!-- end -->", page)


def with_schema(guide: str) -> str:
    """Return the guide with the keys of a table file from the dataclasses."""
    return SCHEMA.sub(lambda _: f"<!-- schema -->\n{fields_text(TABLE_FILE)}<!-- end -->", guide)


def table(folder: Path) -> str:
    """Return the records of a folder as Markdown, best first, each tested against the best method without a network."""
    systems = group_seeds(read_results(folder))
    systems.sort(key=lambda system: -_score(system.records[0]).value)
    best = next(system for system in systems if not system.records[0].recipe.generator)
    verdicts = {
        line.system: line.difference.verdict
        for line in compare_systems([best, *(system for system in systems if system is not best)])
        if line.metric == METRIC and line.difference
    }
    metrics = [score.metric for score in systems[0].records[0].scores]
    heads = [
        f"{name} [{unit}]" if unit else name
        for name, unit in ((m.metric, m.unit) for m in systems[0].records[0].scores)
    ]
    columns = [
        "method",
        "parts",
        "trained",
        *heads,
        "seconds",
        f"{METRIC} against `{best.records[0].recipe.method.name}`",
    ]
    lines = [columns, ["---"] * len(columns)]
    for system in systems:
        record = system.records[0]
        scores = {score.metric: score_text(score) for score in record.scores}
        trained = record.recipe.generator is not None
        lines.append(
            [
                qualified(record.recipe.method),
                _parts(record),
                length_text(record.recipe.budget) if trained else "-",
                *(scores.get(name, "") for name in metrics),
                f"{record.timing.train_seconds:.0f}" if trained else "-",
                verdicts.get(system.label, "the best of these"),
            ]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _parts(record: Record) -> str:
    recipe = record.recipe
    if recipe.generator is None or recipe.discriminator is None or recipe.normalizer is None:
        return "-"
    norm = qualified(recipe.normalizer)
    return f"`{qualified(recipe.generator)}`, `{qualified(recipe.discriminator)}{'' if norm == 'none' else f'_{norm}'}`"


def _score(record: Record) -> Score:
    return next(score for score in record.scores if score.metric == METRIC)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    GUIDE.write_text(with_schema(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
