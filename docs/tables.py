"""`python docs/tables.py` rewrites what stands between marks: records in the pages of results, keys of table files in the guide.

`<!-- records: FOLDER -->` stands before the scores of a folder's records, `<!-- records: FOLDER against ROW, ROW -->` names the
rows that the others are tested against, by words of their method and parts, and `<!-- degrees: FOLDER -->` stands before the
errors in degrees per class.
"""

from __future__ import annotations

import re
from pathlib import Path

from zoo.evaluate.results import Score
from zoo.keys import qualified
from zoo.recipe import Recipe
from zoo.report.aggregate import aggregate_seeds
from zoo.report.comparing import SeedGroup, compare_systems, group_seeds
from zoo.report.finished_runs import read_results
from zoo.report.naming import KINDS, Varied, is_baseline, length_text, part_text, varied_options
from zoo.report.records_schema import TABLE_FILE, fields_text
from zoo.report.results import score_text

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "docs" / "tables.md", ROOT / "docs" / "results-on-scenes.md")
GUIDE = ROOT / "docs" / "guides" / "table.md"
SCHEMA = re.compile(r"<!-- schema -->\n.*?<!-- end -->", re.DOTALL)
MARK = re.compile(r"(<!-- (records|degrees): (\S+)(?: against (.+?))? -->\n).*?<!-- end -->", re.DOTALL)
METRIC = "psnr"
"""What rows are ordered by and tested in."""


def rendered(page: str) -> str:
    """Return the page with every marked table rewritten from its records."""
    return MARK.sub(_rendered, page)


def _rendered(mark: re.Match[str]) -> str:
    opening, what, folder, references = mark.groups()
    lines = degrees(ROOT / folder) if what == "degrees" else table(ROOT / folder, references)
    return f"{opening}{lines}\n<!-- end -->"


def with_schema(guide: str) -> str:
    """Return the guide with the keys of a table file from the dataclasses."""
    return SCHEMA.sub(lambda _: f"<!-- schema -->\n{fields_text(TABLE_FILE)}<!-- end -->", guide)


def table(folder: Path, against: str | None = None) -> str:
    """Return the records of a folder as Markdown, best first.

    Args:
        folder: of records.
        against: rows that the others are tested against, by words of their method and parts; by default the best method
            without a network, and `regression` where that is among the rows.
    """
    systems = group_seeds(read_results(folder))
    systems.sort(key=lambda system: -_score(system).value)
    if against:
        references = [_find(systems, name.split()) for name in against.split(", ")]
    else:
        references = [next(system for system in systems if is_baseline(_recipe(system)))]
        references += [system for system in systems if _words(system)[0] == "regression"][:1]
    verdicts = [_verdicts(reference, systems) for reference in references]
    varied = varied_options([_recipe(system) for system in systems if not is_baseline(_recipe(system))])
    scores = systems[0].records[0].scores
    heads = [f"{score.metric} [{score.unit}]" if score.unit else score.metric for score in scores]
    tests = [
        f"{METRIC} against `{name}`"
        for name in (against or ", ".join(_words(one)[0] for one in references)).split(", ")
    ]
    lines = [["method", "parts", "trained", *heads, "seconds", *tests]]
    for system in systems:
        texts = {score.metric: score_text(score) for score in _scores(system)}
        seconds = sum(each.timing.train_seconds for each in system.records) / len(system.records)
        method, *parts = _texts(system, varied)
        lines.append(
            [
                method,
                ", ".join(f"`{part}`" for part in parts) or "-",
                _length(system),
                *(texts.get(score.metric, "") for score in scores),
                "-" if is_baseline(_recipe(system)) else f"{seconds:.0f}",
                *(found.get(system.label, "the reference") for found in verdicts),
            ]
        )
    return _markdown(lines)


def degrees(folder: Path) -> str:
    """Return the mean absolute errors in degrees of a folder's records as Markdown, over all pixels and per class.

    Over several seeds a cell is the mean and, in brackets, the lowest and highest training.
    """
    systems = [system for system in group_seeds(read_results(folder)) if system.records[0].celsius]
    errors = {
        system.label: [{"all": one.celsius.all, **one.celsius.classes} for one in system.records] for system in systems
    }
    systems.sort(key=lambda system: sum(found["all"] for found in errors[system.label]) / len(errors[system.label]))
    names = list(errors[systems[0].label][0])
    lines = [["method", "trained", *names]]
    for system in systems:
        columns = [[found[name] for found in errors[system.label]] for name in names]
        lines.append([_words(system)[0], _length(system), *(_mean_and_range(column) for column in columns)])
    return _markdown(lines)


def _mean_and_range(values: list[float]) -> str:
    ends = f" [{min(values):.2f}, {max(values):.2f}]" if len(values) > 1 else ""
    return f"{sum(values) / len(values):.2f}{ends}"


def _markdown(lines: list[list[str]]) -> str:
    head, *rest = lines
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rest))


def _find(systems: list[SeedGroup], words: list[str]) -> SeedGroup:
    """Return the only system whose method, parts and length have all these words."""
    found = [system for system in systems if set(words) <= {*_words(system), *_length(system).split(", ")[0].split()}]
    if len(found) != 1:
        raise SystemExit(f"{len(found)} rows are named {' '.join(words)!r}")
    return found[0]


def _verdicts(reference: SeedGroup, systems: list[SeedGroup]) -> dict[str, str]:
    """Return the verdicts on the other systems by label."""
    lines = compare_systems([reference, *(system for system in systems if system is not reference)])
    return {line.system: line.difference.verdict for line in lines if line.metric == METRIC and line.difference}


def _recipe(system: SeedGroup) -> Recipe:
    return system.records[0].recipe


def _words(system: SeedGroup) -> list[str]:
    """Return the names of the method and its networks."""
    recipe = _recipe(system)
    norm = qualified(recipe.normalizer) if recipe.normalizer else "none"
    words = [qualified(part) for part in (recipe.method, recipe.generator, recipe.discriminator) if part]
    return [*words[:-1], f"{words[-1]}_{norm}"] if recipe.discriminator and norm != "none" else words


def _texts(system: SeedGroup, varied: Varied) -> list[str]:
    """Return the names of the method and its networks with the options in which the rows of a table differ."""
    recipe = _recipe(system)
    return [part_text(recipe, kind, varied) for kind in KINDS if kind in recipe.parts]


def _length(system: SeedGroup) -> str:
    if is_baseline(_recipe(system)):
        return "-"
    seeds = f", {len(system.records)} seeds" if len(system.records) > 1 else ""
    return length_text(_recipe(system).budget) + seeds


def _scores(system: SeedGroup) -> list[Score]:
    """Return the scores of a system, over its seeds where it has several."""
    return [aggregate_seeds(by_seed) for by_seed in system.scores.values()]


def _score(system: SeedGroup) -> Score:
    return next(score for score in _scores(system) if score.metric == METRIC)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(rendered(page.read_text(encoding="utf-8")), encoding="utf-8")
    GUIDE.write_text(with_schema(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
