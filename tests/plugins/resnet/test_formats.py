"""Files of CycleGAN's and CUT's ResNets: recognised, converted, and equal to a forward written here in plain torch."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import zoo
from zoo.checkpoints.convert import convert
from zoo.checkpoints.entries import BUFFERS
from zoo.checkpoints.peek import peek
from zoo.checkpoints.templates import shapes
from zoo_plugins.resnet import zoo_checkpoints

LAYOUTS = list(product((9, 6), ("instance", "batch"), (False, True), (False, True)))
LAYOUTS += [(4, "instance", False, True), (6, "none", False, False), (6, "none", False, True)]
LAYOUTS += [
    (9, "instance", False, "down"),
    (9, "instance", False, "up"),
    (6, "batch", True, "down"),
    (4, "none", True, "up"),
]
LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


def keys(blocks: int, dropout: bool, antialias: bool | str) -> dict[str, Any]:
    """Numbers of the layers, as the two programs' `nn.Sequential` count them."""
    down, blurred = antialias in (True, "down"), antialias in (True, "up")
    start = 12 if down else 10
    up = start + blocks
    return {
        "down": [1, 4, 8] if down else [1, 4, 7],
        "blocks": list(range(start, up)),
        "second": 6 if dropout else 5,
        "filt": {7: 2, 11: 4} if down else {},
        "filt_up": {up: 4, up + 4: 2} if blurred else {},
        "up": [up + 1, up + 5] if blurred else [up, up + 3],
        "out": up + 9 if blurred else up + 7,
    }


def state_dict(blocks, norm, dropout, antialias, *, w=4, i=3, o=3, seed=0) -> dict[str, torch.Tensor]:
    """A file of this layout with random values."""
    torch.manual_seed(seed)
    layout, state = keys(blocks, dropout, antialias), {}

    def conv(key, shape, out, bias):
        state[f"{key}.weight"] = torch.randn(shape) * 0.2
        if bias:
            state[f"{key}.bias"] = torch.randn(out) * 0.2

    def batch(key, channels):
        if norm == "batch":
            state[f"{key}.weight"], state[f"{key}.bias"] = torch.rand(channels) + 0.5, torch.randn(channels)
            state[f"{key}.running_mean"], state[f"{key}.running_var"] = (
                torch.randn(channels),
                torch.rand(channels) + 0.5,
            )
            state[f"{key}.num_batches_tracked"] = torch.tensor(7)

    dead = norm == "instance"
    for number, ins, outs, kernel in zip(layout["down"], (i, w, 2 * w), (w, 2 * w, 4 * w), (7, 3, 3), strict=True):
        conv(f"model.{number}", (outs, ins, kernel, kernel), outs, dead)
        batch(f"model.{number + 1}", outs)
    for block, place in product(layout["blocks"], (1, layout["second"])):
        conv(f"model.{block}.conv_block.{place}", (4 * w, 4 * w, 3, 3), 4 * w, dead)
        batch(f"model.{block}.conv_block.{place + 1}", 4 * w)
    for number, ins, outs in zip(layout["up"], (4 * w, 2 * w), (2 * w, w), strict=True):
        conv(f"model.{number}", (outs, ins, 3, 3) if antialias in (True, "up") else (ins, outs, 3, 3), outs, dead)
        batch(f"model.{number + 1}", outs)
    for name, side in (("filt", 3), ("filt_up", 4)):
        for number, factor in layout[name].items():
            state[f"model.{number}.filt"] = torch.rand(factor * w, 1, side, side) / side
    conv(f"model.{layout['out']}", (o, w, 7, 7), o, True)
    return state


def forward(state, x, blocks, norm, dropout, antialias, *, training=True):
    """What the two programs compute."""
    layout = keys(blocks, dropout, antialias)

    def conv(key, x, **how):
        return F.conv2d(x, state[f"{key}.weight"], state.get(f"{key}.bias"), **how)

    def normed(key, x):
        if norm != "batch":
            return F.instance_norm(x) if norm == "instance" else x
        mean, var = state[f"{key}.running_mean"].clone(), state[f"{key}.running_var"].clone()
        return F.batch_norm(x, mean, var, state[f"{key}.weight"], state[f"{key}.bias"], training=training)

    first, half, quarter = layout["down"]
    x = F.relu(normed(f"model.{first + 1}", conv(f"model.{first}", F.pad(x, (3,) * 4, "reflect"))))
    for number in (half, quarter):
        x = F.relu(
            normed(f"model.{number + 1}", conv(f"model.{number}", x, stride=1 if layout["filt"] else 2, padding=1))
        )
        if layout["filt"]:
            blur = state[f"model.{number + 3}.filt"]
            x = F.conv2d(F.pad(x, (1,) * 4, "reflect"), blur, stride=2, groups=len(blur))
    for block in layout["blocks"]:
        name, second = f"model.{block}.conv_block", layout["second"]
        y = F.relu(normed(f"{name}.2", conv(f"{name}.1", F.pad(x, (1,) * 4, "reflect"))))
        y = F.dropout(y, 0.5, training=dropout and training)
        x = x + normed(f"{name}.{second + 1}", conv(f"{name}.{second}", F.pad(y, (1,) * 4, "reflect")))
    for number in layout["up"]:
        if layout["filt_up"]:
            blur = state[f"model.{number - 1}.filt"]
            x = F.conv_transpose2d(F.pad(x, (1,) * 4, "replicate"), blur, stride=2, padding=2, groups=len(blur))
            x = conv(f"model.{number}", x[:, :, 1:-1, 1:-1], padding=1)
        else:
            weight, bias = state[f"model.{number}.weight"], state.get(f"model.{number}.bias")
            x = F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1)
        x = F.relu(normed(f"model.{number + 1}", x))
    return conv(f"model.{layout['out']}", F.pad(x, (3,) * 4, "reflect")).tanh()


def image(channels=3, side=32):
    return torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(5)) * 2 - 1


@pytest.mark.parametrize(("blocks", "norm", "dropout", "antialias"), LAYOUTS)
def test_a_converted_file_computes_what_its_program_computes(tmp_path, blocks, norm, dropout, antialias):
    state = state_dict(blocks, norm, dropout, antialias)
    torch.save(state, tmp_path / "latest_net_G.pth")
    done = convert(tmp_path / "latest_net_G.pth", tmp_path / "G")
    program = "CUT" if antialias else "CycleGAN"
    assert done.source.title.startswith(
        f"{program} ResNet-{blocks} generator, {norm} norm{', dropout' * dropout}".replace("none", "no")
    )
    assert done.tensors == len(state)
    translator = zoo.load(tmp_path / "G", device="cpu")
    torch.manual_seed(0)
    expected = forward(state, image(), blocks, norm, dropout, antialias)
    torch.manual_seed(0)
    assert torch.allclose(translator({"visible": image()}), expected, atol=1e-5)
    grey = (expected * LUMA).sum(1, keepdim=True)
    assert torch.allclose(translator.translate(image()), grey, atol=1e-5)


@pytest.mark.parametrize("antialias", [False, True])
def test_the_program_s_eval_mode_is_a_setting(tmp_path, antialias):
    state = state_dict(6, "batch", True, antialias, o=1)
    torch.save(state, tmp_path / "net.pth")
    convert(tmp_path / "net.pth", tmp_path / "G", settings={"evaluation": "eval"})
    expected = forward(state, image(), 6, "batch", True, antialias, training=False)
    assert torch.allclose(zoo.load(tmp_path / "G", device="cpu").translate(image()), expected, atol=1e-5)


def test_one_channel_networks_read_grey(tmp_path):
    state = state_dict(6, "instance", False, False, i=1, o=1)
    torch.save(state, tmp_path / "net.pth")
    convert(tmp_path / "net.pth", tmp_path / "G")
    expected = forward(state, (image() * LUMA).sum(1, keepdim=True), 6, "instance", False, False)
    assert torch.allclose(zoo.load(tmp_path / "G", device="cpu").translate(image()), expected, atol=1e-5)


def test_instance_norm_of_before_2019_leaves_statistics_that_are_dropped(tmp_path):
    state = state_dict(6, "instance", False, False)
    norms = ["model.2", "model.5", "model.8", "model.17", "model.20"]
    norms += [f"model.{block}.conv_block.{place}" for block in range(10, 16) for place in (2, 6)]
    old = {f"{key}.{name}": torch.randn(4) for key in norms for name in ("running_mean", "running_var")}
    old |= {f"{key}.num_batches_tracked": torch.tensor(3) for key in norms}
    torch.save({f"module._orig_mod.{key}": tensor for key, tensor in (state | old).items()}, tmp_path / "net.pth")
    done = convert(tmp_path / "net.pth", tmp_path / "G")
    assert set(done.dropped) == set(old)
    expected = forward(state, image(), 6, "instance", False, False)
    assert torch.allclose(zoo.load(tmp_path / "G", device="cpu")({"visible": image()}), expected, atol=1e-5)


def test_batch_norm_of_before_torch_0_4_lacks_counters(tmp_path):
    state = state_dict(6, "batch", False, False)
    old = {key: tensor for key, tensor in state.items() if not key.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "net.pth")
    convert(tmp_path / "net.pth", tmp_path / "G")
    expected = forward(state, image(), 6, "batch", False, False)
    assert torch.allclose(zoo.load(tmp_path / "G", device="cpu")({"visible": image()}), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "tensors", "count"),
    [
        ("cyclegan-resnet9-instance", 48, 11_378_179),
        ("cyclegan-resnet9-instance-dropout", 48, 11_378_179),
        ("cyclegan-resnet9-batch", 24 + 23 * 5 + 1, 11_383_427),
        ("cyclegan-resnet9-none", 25, 11_372_931),
        ("cyclegan-resnet6-instance", 36, 7_837_699),
        ("cyclegan-resnet6-batch", 18 + 17 * 5 + 1, 7_841_411),
        ("cut-resnet9-instance", 52, 11_378_179),
    ],
)
def test_formats_have_the_published_numbers(name, tensors, count):
    (row,) = [row for row in zoo_checkpoints() if row.name == name]
    sizes = {"w": 64, "i": 3, "o": 3, "": 1}
    found = {key: [size.factor * sizes[size.name] for size in shape] for key, shape in shapes(row).items()}
    trained = [torch.Size(shape).numel() for key, shape in found.items() if key.rpartition(".")[2] not in BUFFERS]
    assert (len(found), sum(trained)) == (tensors, count)


def test_a_file_of_full_width_is_told_in_the_papers_words(tmp_path):
    torch.save(state_dict(9, "instance", False, False, w=64), tmp_path / "net.pth")
    found = peek(tmp_path / "net.pth")
    assert (len(found.tensors), found.parameters) == (48, 11_378_179)
    done = convert(tmp_path / "net.pth", tmp_path / "G")
    assert done.source.title == (
        "CycleGAN ResNet-9 generator, instance norm, 3 -> 3, from pytorch-CycleGAN-and-pix2pix"
    )
