"""Whether a cheap bench orders methods as a larger one does: Kendall's tau between two results folders.

python benchmarks/ranking.py benchmarks/records/A benchmarks/records/B --metric psnr
Rows are the methods that both folders have, whatever their sizes and budgets; a row's score is the mean over its seeds. The
interval is a bootstrap over the test images, which both folders must share: each sample has all rows of both on the same images.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from zoo.report.comparing import SeedGroup, group_seeds
from zoo.report.finished_runs import read_results

SAMPLES = 2000
Scores = dict[str, NDArray[np.float64]]
"""Score of each test image, by row."""


def main() -> None:
    """Print the rows with both scores, tau with its interval, and the pairs whose order differs."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("cheap", type=Path)
    options.add_argument("large", type=Path)
    options.add_argument("--metric", default="psnr")
    options.add_argument("--networks", action="store_true", help="leave out methods without a network")
    args = options.parse_args()
    cheap, large = (read(folder, args.metric, networks=args.networks) for folder in (args.cheap, args.large))
    rows = sorted(cheap.keys() & large.keys(), key=lambda row: -large[row].mean())
    if len(rows) < 3:
        raise SystemExit(f"only {len(rows)} rows are in both folders: {', '.join(rows)}")
    for row in rows:
        print(f"{row:45} {cheap[row].mean():8.3f} {large[row].mean():8.3f}")
    low, high = interval(cheap, large, rows)
    print(f"Kendall's tau {tau(cheap, large, rows):.2f} [{low:.2f}, {high:.2f}] over {len(rows)} rows")
    swapped = [pair for pair in combinations(rows, 2) if cheap[pair[0]].mean() < cheap[pair[1]].mean()]
    for one, other in swapped:
        print(f"in another order: {one}, {other}")


def read(folder: Path, metric: str, *, networks: bool) -> Scores:
    """Return the scores of a results folder, over the seeds of each method."""
    groups = [group for group in group_seeds(read_results(folder)) if group.records[0].recipe.generator or not networks]
    return {_name(group): _scores(group, metric) for group in groups}


def tau(cheap: Scores, large: Scores, rows: list[str], images: NDArray[np.intp] | slice = slice(None)) -> float:
    """Return Kendall's tau-b between the means of both folders' rows over some images."""
    means = [[scores[row][images].mean() for row in rows] for scores in (cheap, large)]
    return float(kendalltau(*means).statistic)


def interval(cheap: Scores, large: Scores, rows: list[str]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of tau over the test images."""
    count = len(large[rows[0]])
    rng = np.random.default_rng(0)
    taus = [tau(cheap, large, rows, rng.integers(0, count, count)) for _ in range(SAMPLES)]
    low, high = np.quantile(taus, (0.025, 0.975))
    return float(low), float(high)


def _name(group: SeedGroup) -> str:
    recipe = group.records[0].recipe
    parts = [part.name.partition("/")[2] for part in (recipe.generator, recipe.discriminator) if part]
    normalizer = recipe.normalizer.name.partition("/")[2] if recipe.normalizer else "none"
    return " ".join([recipe.method.name.partition("/")[2], *parts, *([] if normalizer == "none" else [normalizer])])


def _scores(group: SeedGroup, metric: str) -> NDArray[np.float64]:
    found = [score for record in group.records for score in record.scores if score.metric == metric]
    images = sorted(found[0].per_image)
    return np.array([[score.per_image[image] for image in images] for score in found]).mean(0)


if __name__ == "__main__":
    main()
