"""The time of set metrics on stored features, compared with the classic program's root of the product of covariances.

python benchmarks/speed/fid.py
"""

from __future__ import annotations

from collections.abc import Callable

import harness  # before torch
import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from zoo_plugins.metrics.sets import frechet_distance, kernel_distance

DIMENSIONS = 2048


def main() -> None:
    """Measure FID and KID of few and of many images."""
    options = harness.parser(__doc__)
    options.add_argument("--images", default="20,5000", type=harness.numbers)
    options.add_argument(
        "--classic", action="store_true", help="also the classic program's way, minutes for many images"
    )
    args = options.parse_args()
    device, rng, rows = torch.device("cpu"), torch.Generator().manual_seed(0), []
    for count in args.images:
        mixing = torch.randn(DIMENSIONS, DIMENSIONS, generator=rng) / DIMENSIONS**0.5
        translated, real = (torch.randn(count, DIMENSIONS, generator=rng).double() @ mixing.double() for _ in range(2))
        paths: dict[str, Callable[[], object]] = {}
        for name, distance in {"fid": frechet_distance, "kid": kernel_distance}.items():
            paths[name] = lambda distance=distance, a=translated, b=real: distance(a, b)
        if args.classic:
            paths["classic fid"] = lambda a=translated, b=real: _classic(a, b)
        for name, path in paths.items():
            timing = harness.compare({name: path}, device, min(args.seconds, 5.0))[name]
            rows.append({"metric": name, "images": f"{count} + {count}", "s": timing.median, "value": float(path())})
    harness.report(rows, args)


def _classic(a: Tensor, b: Tensor) -> float:
    """Return FID by scipy's root of a matrix, as pytorch-fid computes it."""
    covariances = np.cov(a.numpy(), rowvar=False), np.cov(b.numpy(), rowvar=False)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    shift = np.square(a.numpy().mean(0) - b.numpy().mean(0)).sum()
    return float(shift + np.trace(covariances[0] + covariances[1] - 2 * root.real))


if __name__ == "__main__":
    main()
