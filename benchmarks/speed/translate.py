"""How many images a second a generator translates: the network alone, and as `zoo translate` does, from arrays to arrays.

python benchmarks/speed/translate.py resnet9 resnet9_cbam unet_256 --size 256 --batch 1,32
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import harness  # before torch
import numpy as np
import torch
from torch import Tensor, nn

import zoo
from zoo.build import build_method
from zoo.composition import compose
from zoo.compute.options import ComputeOptions, has_bf16, kernels, parse_compute
from zoo.environment import provenance
from zoo.errors import ZooError
from zoo.model_folder import ModelConfig
from zoo.recipe import Precision
from zoo.sources import open_source
from zoo.translation.streaming import BatchTranslator, InputImage, optimized, translate_stream
from zoo.translation.translator import Translator


def main() -> None:
    """Measure every generator at every size and batch."""
    options = harness.parser(__doc__)
    options.add_argument("generators", nargs="*", default=["resnet9"])
    options.add_argument("--size", default="256", type=harness.numbers)
    options.add_argument("--batch", default="1,8", type=harness.numbers, help="images, for `zoo translate` of a folder")
    options.add_argument(
        "--compute", help="compute options to compare with plain, separated by /; @bf16 for another precision"
    )
    args = options.parse_args()
    rows: list[dict[str, Any]] = []
    for generator in args.generators:
        for size in args.size:
            for batch in args.batch:
                new = _rows(args, generator, size, batch)
                harness.report(new, args, before=rows)  # at once: the next may run out of time
                rows += new


def _rows(args: argparse.Namespace, generator: str, size: int, batch: int) -> list[dict[str, Any]]:
    about = {"generator": generator, "px": size, "batch": batch}
    device = torch.device(args.device)
    usual = "channels-last/channels-last,compile@bf16" if device.type == "cuda" else "channels-last"
    x = torch.rand(batch, 3, size, size, device=device) * 2 - 1
    try:
        with ExitStack() as undo, torch.inference_mode():
            paths = dict(network_path(generator, words, x) for words in ("plain", *(args.compute or usual).split("/")))
            for precision in ("fp32", "bf16") if has_bf16(device) else ("fp32",):
                paths[f"zoo translate {precision}"] = stream_path(generator, size, batch, device, precision, undo)
            flops = harness.flops(paths["plain fp32"])
            memory = {name: harness.working_bytes(path, device) for name, path in paths.items()}
            times = harness.compare(paths, device, args.seconds)
    except (ZooError, RuntimeError) as error:  # as of too little memory
        return [{**about, "path": f"not run: {' '.join(str(error).split())[:200]}"}]
    plain = times["plain fp32"]
    return [
        {
            **about,
            "path": name,
            "images/s": batch / timing.median,
            "ms": 1e3 * timing.median,
            **harness.ratios(plain.times, timing.times),
            "processor ratio": plain.processor / timing.processor,
            "TFLOP/s": flops / timing.median / 1e12,
            "of peak": flops / timing.median / 1e12 / harness.matmul_peak(device, name.split()[-1]),
            "MiB": memory[name] // 2**20,
            "rounds": len(timing.times),
        }
        for name, timing in times.items()
    ]


def network_path(generator: str, words: str, x: Tensor) -> tuple[str, Callable[[], object]]:
    """Return the name of a path and what translates a batch along it."""
    text, _, precision = words.partition("@")
    speed, precision = parse_compute(text) or ComputeOptions(), precision or "fp32"
    network: nn.Module = zoo.create(generator, kind="generator").to(x.device).eval()
    if speed.channels_last:
        network, x = network.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    if speed.compile:
        network.compile(dynamic=False)

    def translate() -> Tensor:
        half = torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bf16")
        with kernels("tf32" if precision == "tf32" else "fp32", speed), half:
            return network(x)

    return f"{speed} {precision}", translate


def stream_path(
    generator: str, size: int, images: int, device: torch.device, precision: Precision, undo: ExitStack
) -> Callable[[], object]:
    """Return what translates arrays as `zoo translate` does with a folder, decoding and encoding left out."""
    source = open_source("scenes:train=4,test=2", size=size)
    recipe = compose(method="pix2pix:evaluation=eval", generator=generator, data=source, size=size, steps=1)
    method = build_method(recipe, source.info, torch.Generator(), training=False).eval()
    config = ModelConfig(recipe=recipe, dataset=source.info, plugins=provenance(recipe))
    translator = Translator(method, config).to(device)
    undo.enter_context(optimized(translator, None, precision))
    draw = BatchTranslator(translator, temperatures={}, tile=None, depth=8, batch=None)
    image = InputImage(visible=np.zeros((size, size, 3), np.uint8))
    return lambda: list(translate_stream([lambda: image] * images, draw))


if __name__ == "__main__":
    main()
