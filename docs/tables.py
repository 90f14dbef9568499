"""`python docs/tables.py` rewrites what stands between marks: records in `docs/tables.md`, keys of table files in the guide."""

from __future__ import annotations

import re
from pathlib import Path

from zoo.evaluate.results import Score
from zoo.keys import qualified
from zoo.recipe import Recipe
from zoo.report.aggregate import aggregate_seeds
from zoo.report.comparing import SeedGroup, compare_systems, group_seeds
from zoo.report.finished_runs import read_results
from zoo.report.naming import length_text
from zoo.report.records_schema import TABLE_FILE, fields_text
from zoo.report.results import score_text

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
    """Return the records of a folder as Markdown, best first.

    Each is tested against the best method without a network, and against `regression` where that is among them.
    """
    systems = group_seeds(read_results(folder))
    systems.sort(key=lambda system: -_score(system).value)
    references = [next(system for system in systems if not system.records[0].recipe.generator)]
    references += [system for system in systems if _method(system) == "regression/regression"][:1]
    verdicts = [_verdicts(reference, systems) for reference in references]
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
        *(f"{METRIC} against `{_method(reference).partition('/')[2]}`" for reference in references),
    ]
    lines = [columns, ["---"] * len(columns)]
    for system in systems:
        record = system.records[0]
        scores = {score.metric: score_text(score) for score in _scores(system)}
        trained = record.recipe.generator is not None
        seeds = f", {len(system.records)} seeds" if len(system.records) > 1 else ""
        seconds = sum(each.timing.train_seconds for each in system.records) / len(system.records)
        lines.append(
            [
                qualified(record.recipe.method),
                _parts(record.recipe),
                length_text(record.recipe.budget) + seeds if trained else "-",
                *(scores.get(name, "") for name in metrics),
                f"{seconds:.0f}" if trained else "-",
                *(found.get(system.label, "the reference") for found in verdicts),
            ]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _verdicts(reference: SeedGroup, systems: list[SeedGroup]) -> dict[str, str]:
    """Return the verdicts on the other systems by label."""
    lines = compare_systems([reference, *(system for system in systems if system is not reference)])
    return {line.system: line.difference.verdict for line in lines if line.metric == METRIC and line.difference}


def _method(system: SeedGroup) -> str:
    return system.records[0].recipe.method.name


def _parts(recipe: Recipe) -> str:
    if recipe.generator is None:
        return "-"
    norm = qualified(recipe.normalizer) if recipe.normalizer else "none"
    discriminator = (
        [qualified(recipe.discriminator) + (f"_{norm}" if norm != "none" else "")] if recipe.discriminator else []
    )
    return ", ".join(f"`{name}`" for name in [qualified(recipe.generator), *discriminator])


def _scores(system: SeedGroup) -> list[Score]:
    """Return the scores of a system, over its seeds where it has several."""
    return [aggregate_seeds(by_seed) for by_seed in system.scores.values()]


def _score(system: SeedGroup) -> Score:
    return next(score for score in _scores(system) if score.metric == METRIC)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    GUIDE.write_text(with_schema(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
