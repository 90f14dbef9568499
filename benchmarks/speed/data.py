"""How fast images come to the networks: decoding a split once, then augmented batches from the device, and the order of images.

python benchmarks/speed/data.py --size 256 --batch 1,16
"""

from __future__ import annotations

from typing import Any

import harness  # before torch
import torch

from zoo.data.sampling import BatchSampler
from zoo.data.store import PairStore
from zoo.sources import open_source

IMAGES = 40


def main() -> None:
    """Measure opening a split, batches of every size, and the order over many images."""
    options = harness.parser(__doc__)
    options.add_argument("--size", default="256", type=harness.numbers)
    options.add_argument("--batch", default="1,16", type=harness.numbers)
    args = options.parse_args()
    device = torch.device(args.device)
    rows: list[dict[str, Any]] = []
    for size in args.size:
        root, side = open_source(f"scenes:train={IMAGES},test=2", size=size).root, round(size * 286 / 256)
        paths = {"decode and resize a split": lambda root=root, side=side: _open(root, side, device)}
        store, rng = _open(root, side, device), torch.Generator(device).manual_seed(0)
        index = torch.arange(IMAGES)
        for batch in args.batch:
            some = index[:batch]
            paths[f"augmented batch of {batch}"] = lambda store=store, some=some, rng=rng, size=size: store.sample(
                some, some, crop=size, rng=rng
            )
        times = harness.compare(paths, device, args.seconds)
        images = {name: IMAGES if "split" in name else int(name.split()[-1]) for name in paths}
        rows += [
            {"what": name, "px": size, "ms": 1e3 * timing.median, "images/s": images[name] / timing.median}
            for name, timing in times.items()
        ]
    for count in (500, 100_000):
        order, steps = BatchSampler(0, count, count, 1, False), iter(range(10**9))
        timing = harness.compare({"": lambda order=order, steps=steps: order.indices(next(steps))}, device, 1.0)[""]
        rows.append({"what": f"order of {count} images, one step", "ms": 1e3 * timing.median})
    harness.report(rows, args)


def _open(root: Any, side: int, device: torch.device) -> PairStore:
    return PairStore.open(root, "train", size=side, device=device)


if __name__ == "__main__":
    main()
