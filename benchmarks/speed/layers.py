"""How fast the convolutions of a ResNet run on one core of a CPU, beside a matrix product.

python benchmarks/speed/layers.py --size 256
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import harness  # before torch
import torch
from torch import nn

from zoo.compute.thin import column_by_column

LAYERS: dict[str, tuple[int, type[nn.Conv2d | nn.ConvTranspose2d], tuple[int, ...], dict[str, int]]] = {
    "first, 7x7": (1, nn.Conv2d, (3, 64, 7), {"padding": 3}),
    "down, 3x3": (1, nn.Conv2d, (64, 128, 3), {"padding": 1, "stride": 2}),
    "block, 3x3": (4, nn.Conv2d, (256, 256, 3), {"padding": 1}),
    "up, 3x3": (2, nn.ConvTranspose2d, (128, 64, 3), {"padding": 1, "stride": 2, "output_padding": 1}),
    "last, 7x7 to 1": (1, nn.Conv2d, (64, 1, 7), {"padding": 3}),
    "last, 7x7 to 3": (1, nn.Conv2d, (64, 3, 7), {"padding": 3}),
}
"""How many times smaller than the image the input is, and the layer."""


def main() -> None:
    """Measure each layer in torch's layout, in channels-last, and where it applies column by column."""
    options = harness.parser(__doc__)
    options.add_argument("--size", type=int, default=256)
    args = options.parse_args()
    torch.set_num_threads(1)
    a, b = torch.rand(2048, 2048), torch.rand(2048, 2048)
    rows: list[dict[str, Any]] = [_row("matrix product 2048", "", lambda: a @ b, args.seconds)]
    for name, (smaller, kind, channels, keys) in LAYERS.items():
        layer: nn.Conv2d | nn.ConvTranspose2d = kind(*channels, **keys)
        x = torch.rand(1, channels[0], args.size // smaller, args.size // smaller)
        rows.append(_row(name, "contiguous", partial(layer, x), args.seconds))
        layer, x = layer.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            for way, context in (("channels-last", nullcontext()), ("by columns", column_by_column(layer))):
                with context:
                    if way == "channels-last" or "forward" in layer.__dict__:
                        rows.append(_row(name, way, partial(layer, x), args.seconds))
    harness.report(rows, args)


def _row(name: str, way: str, work: Callable[[], object], seconds: float) -> dict[str, Any]:
    with torch.inference_mode():
        flops = harness.flops(work) if way != "by columns" else 0
        work()
        end = time.perf_counter() + seconds
        times: list[float] = []
        while len(times) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return {"layer": name, "way": way, "ms": 1e3 * min(times), "GFLOP/s": flops / min(times) / 1e9 or ""}


if __name__ == "__main__":
    main()
