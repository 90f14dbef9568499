"""Folders on a CUDA device against the same on the CPU. Run by hand: `python -m pytest tests/gpu`."""

from __future__ import annotations

import numpy as np
import pytest

import zoo
from zoo.compute.options import ComputeOptions
from zoo.translation.streaming import BatchTranslator, InputImage, optimized, translate_stream

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(
    ("speed", "precision", "far"),
    [(None, "fp32", 0.01), (ComputeOptions(channels_last=True, compile=True), "fp32", 0.01), (None, "bf16", 0.2)],
)
def test_batches_of_several_sizes_equal_single_images_on_the_cpu(saved, pairs, tmp_path, speed, precision, far):
    asked = {"method": "pix2pix:evaluation=eval", "generator": "resnet6:width=8,blocks=1"}
    saved(tmp_path / "model", str(pairs), **asked)
    on_cpu, on_gpu = (zoo.load(tmp_path / "model", device=device) for device in ("cpu", "cuda"))
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (32, 32 + 8 * (n % 2), 3), dtype=np.uint8) for n in range(20)]
    with optimized(on_gpu, speed, precision):
        draw = BatchTranslator(on_gpu, temperatures={}, tile=None, depth="float", batch=None)
        drawn = dict(translate_stream([lambda pixels=pixels: InputImage(visible=pixels) for pixels in pictures], draw))
    assert sorted(drawn) == list(range(20))
    for number, pixels in enumerate(pictures):
        assert np.abs(drawn[number] - on_cpu.translate(pixels, depth="float")).max() < far
