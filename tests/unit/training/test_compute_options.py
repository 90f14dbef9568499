from __future__ import annotations

import logging

import pytest
import torch

from zoo.build import build_method
from zoo.composition import compose
from zoo.compute import options as module
from zoo.compute.networks import is_deep
from zoo.compute.options import LONG, PLAIN, ComputeOptions, choose_compute, kernels, parse_compute, require_precision
from zoo.data.layout import read_info
from zoo.errors import UsageError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_words_name_the_ways_and_auto_leaves_them_to_the_device():
    assert parse_compute("auto") is None
    assert parse_compute("plain") == PLAIN == ComputeOptions()
    assert parse_compute("fused, channels-last") == ComputeOptions(channels_last=True, fused=True)
    assert str(ComputeOptions(channels_last=True, graph=True)) == "channels-last,graph"
    assert str(PLAIN) == "plain"


@pytest.mark.parametrize("text", ["", "fast", "auto,fused", "channels_last"])
def test_an_unknown_word_is_refused_with_the_known_ones(text):
    with pytest.raises(UsageError, match=r"`compute` has no option .* channels-last,fused,compile,graph"):
        parse_compute(text)


@pytest.mark.parametrize(
    ("device", "steps", "processes", "expected"),
    [
        (CPU, 10 * LONG, 1, "channels-last,fused"),
        (CUDA, LONG, 1, "channels-last,fused,compile,graph"),
        (CUDA, LONG - 1, 1, "fused,graph"),
        (CUDA, LONG, 2, "channels-last,fused,compile"),
        (torch.device("mps"), LONG, 1, "plain"),
    ],
)
def test_the_default_follows_from_device_length_and_processes(monkeypatch, device, steps, processes, expected):
    monkeypatch.setattr(module, "_can_compile", lambda device: True)
    assert str(choose_compute(None, device, steps=steps, processes=processes)) == expected


@pytest.mark.parametrize(
    ("generator", "deep"), [("resnet9", False), ("resnet6_cbam", False), ("unet_128", True), ("unet_256", True)]
)
def test_unets_are_deep_and_stay_in_their_layout_on_a_cpu(pairs, generator, deep):
    recipe = compose(generator=generator, discriminator="patchgan", data=str(pairs), size=256, steps=1)
    with torch.device("meta"):
        method = build_method(recipe, read_info(pairs), torch.Generator(), training=True)
    assert is_deep(method) is deep
    assert choose_compute(None, CPU, steps=1, deep=deep).channels_last is not deep
    assert choose_compute(None, CUDA, steps=LONG - 1, deep=deep) == choose_compute(None, CUDA, steps=LONG - 1)


def test_what_the_machine_lacks_is_refused_and_left_out_of_the_default(monkeypatch):
    monkeypatch.setattr(module, "_can_compile", lambda device: False)
    assert not choose_compute(None, CUDA, steps=LONG).compile
    with pytest.raises(UsageError, match="C\\+\\+ compiler"):
        choose_compute(ComputeOptions(compile=True), CPU, steps=LONG)
    with pytest.raises(UsageError, match="device is cpu"):
        choose_compute(ComputeOptions(graph=True), CPU, steps=LONG)


def test_half_precision_is_refused_without_hardware_for_it(monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(UsageError, match="requires bf16 hardware"):
        require_precision("bf16", CPU)
    with pytest.raises(UsageError, match="tf32 requires an NVIDIA GPU"):
        require_precision("tf32", CPU)
    require_precision("fp32", CPU)


@pytest.mark.parametrize("fails", [False, True])
def test_the_choices_of_kernels_end_with_the_training(fails):
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    try:
        with kernels("fp32", ComputeOptions(fused=True)):
            assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark) == (False, False, True)
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark) == before


FAST = ComputeOptions(channels_last=True, fused=True)


@pytest.mark.parametrize("stop_after", [1, 4])
def test_a_fast_training_that_was_stopped_goes_on_bit_for_bit(new_run, stop_after):
    whole, parts = new_run(), new_run()
    whole.go(6, compute=FAST)
    parts.go(6, stop_after=stop_after, compute=FAST)
    parts.go(6, compute=FAST)
    assert all(torch.equal(tensor, parts.end()[name]) for name, tensor in whole.end().items())


def test_layouts_are_put_back_at_the_end(new_run):
    run = new_run()
    run.go(2, compute=FAST)
    assert all(tensor.is_contiguous() for tensor in run.end().values())


def test_going_on_in_another_way_is_told(new_run, caplog):
    run = new_run()
    run.go(4, stop_after=2, compute=FAST)
    with caplog.at_level(logging.WARNING):
        assert run.go(4).status == "finished"
    assert "compute plain after channels-last,fused" in caplog.text
