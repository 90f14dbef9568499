"""Files of pix2pix's and ThermalGAN's U-Nets: recognised, converted, and equal to a forward written here in plain torch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import zoo
from zoo.checkpoints.convert import convert
from zoo.checkpoints.entries import BUFFERS
from zoo.checkpoints.templates import shapes
from zoo_plugins.unet import zoo_checkpoints


def prefixes(downs: int) -> list[str]:
    """The keys' beginnings at each level inside the outermost one."""
    return ["model.model.1.model" + ".3.model" * level for level in range(downs - 1)]


def state_dict(downs, norm, *, w=2, i=3, o=1, seed=0) -> dict[str, torch.Tensor]:
    """A file of this layout with random values."""
    torch.manual_seed(seed)
    state = {}

    def conv(key, ins, outs, *, bias=norm == "instance", up=False):
        state[f"{key}.weight"] = torch.randn((ins, outs, 4, 4) if up else (outs, ins, 4, 4)) * 0.3
        if bias:
            state[f"{key}.bias"] = torch.randn(outs) * 0.3

    def batch(key, channels):
        if norm == "batch":
            state[f"{key}.weight"], state[f"{key}.bias"] = torch.rand(channels) + 0.5, torch.randn(channels)
            state[f"{key}.running_mean"], state[f"{key}.running_var"] = (
                torch.randn(channels),
                torch.rand(channels) + 0.5,
            )
            state[f"{key}.num_batches_tracked"] = torch.tensor(7)

    widths = [w * min(2**level, 8) for level in range(downs)]
    *levels, innermost = prefixes(downs)
    conv("model.model.0", i, w)
    for level, prefix in enumerate(levels):
        outer, inner = widths[level], widths[level + 1]
        conv(f"{prefix}.1", outer, inner)
        batch(f"{prefix}.2", inner)
        conv(f"{prefix}.5", 2 * inner, outer, up=True)
        batch(f"{prefix}.6", outer)
    conv(f"{innermost}.1", 8 * w, 8 * w)
    conv(f"{innermost}.3", 8 * w, 8 * w, up=True)
    batch(f"{innermost}.4", 8 * w)
    conv("model.model.3", 2 * w, o, bias=True, up=True)
    return state


def forward(state, x, downs, norm, *, training=True, dropout=True):
    """What the programs compute: with dropout in the levels of full width but the innermost."""

    def conv(key, x):
        return F.conv2d(x, state[f"{key}.weight"], state.get(f"{key}.bias"), stride=2, padding=1)

    def up(key, x):
        return F.conv_transpose2d(F.relu(x), state[f"{key}.weight"], state.get(f"{key}.bias"), stride=2, padding=1)

    def normed(key, x):
        if norm == "instance":
            return F.instance_norm(x)
        mean, var = state[f"{key}.running_mean"].clone(), state[f"{key}.running_var"].clone()
        return F.batch_norm(x, mean, var, state[f"{key}.weight"], state[f"{key}.bias"], training=training)

    *levels, innermost = prefixes(downs)
    skips = [conv("model.model.0", x)]
    for prefix in levels:
        skips.append(normed(f"{prefix}.2", conv(f"{prefix}.1", F.leaky_relu(skips[-1], 0.2))))
    y = conv(f"{innermost}.1", F.leaky_relu(skips[-1], 0.2))
    y = normed(f"{innermost}.4", up(f"{innermost}.3", y))
    for level, prefix in reversed(list(enumerate(levels))):
        y = normed(f"{prefix}.6", up(f"{prefix}.5", torch.cat((skips[level + 1], y), 1)))
        if dropout and level >= 3:
            y = F.dropout(y, 0.5, training=training)
    return up("model.model.3", torch.cat((skips[0], y), 1)).tanh()


def image(side, channels=3):
    return torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(5)) * 2 - 1


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("downs", [7, 8])
def test_a_converted_file_computes_what_pix2pix_computes(tmp_path, downs, norm, legacy):
    state = state_dict(downs, norm)
    torch.save(state, tmp_path / "net.pth", _use_new_zipfile_serialization=not legacy)
    done = convert(tmp_path / "net.pth", tmp_path / "G")
    assert done.source.format == f"pix2pix-unet{2**downs}-{norm}"
    assert done.tensors == {("instance", 7): 28, ("instance", 8): 32, ("batch", 7): 70, ("batch", 8): 82}[norm, downs]
    translator, x = zoo.load(tmp_path / "G", device="cpu"), image(2**downs)
    torch.manual_seed(0)
    expected = forward(state, x, downs, norm, dropout=norm == "batch")
    assert torch.allclose(translator.translate(x), expected, atol=1e-5)


def test_what_the_keys_do_not_tell_is_a_setting(tmp_path):
    state, x = state_dict(7, "batch"), image(128)
    torch.save(state, tmp_path / "net.pth")
    for settings, how in (
        ({"dropout": "false"}, {"dropout": False}),
        ({"evaluation": "eval"}, {"training": False}),
    ):
        convert(tmp_path / "net.pth", tmp_path / "G", settings=settings)
        translated = zoo.load(tmp_path / "G", device="cpu").translate(x)
        assert torch.allclose(translated, forward(state, x, 7, "batch", **how), atol=1e-5)


@pytest.mark.parametrize(("norm", "suffix"), [("batch", ""), ("instance", "-instance")])
def test_thermalgan_s_generator_adds_contrasts_to_the_temperatures_of_objects(tmp_path, norm, suffix):
    state, visible = state_dict(9, norm, i=4, o=1), image(512)
    torch.save(state, tmp_path / "net.pth")
    done = convert(tmp_path / "net.pth", tmp_path / "G", classes=["road", "car"])
    assert done.source.format == f"thermalgan-unet512{suffix}"
    labels = torch.zeros(1, 512, 512, dtype=torch.long)
    labels[:, 100:300, 200:400] = 1
    degrees = torch.where(labels == 1, 35.0, -8.0)[:, None]
    torch.manual_seed(0)
    relative = forward(state, torch.cat((degrees / 40, visible), 1), 9, norm)
    expected = 40 * (degrees / 40) + 10 * relative
    translator = zoo.load(tmp_path / "G", device="cpu")
    told = {"road": -8.0, "car": 35.0}
    translated = translator.translate(visible, labels=labels, temperatures=told)
    assert torch.allclose(translated * 40, expected.clamp(-40, 40), atol=1e-3)
    assert translator.thermal_range == (-40.0, 40.0)


@pytest.mark.parametrize(("norm", "suffix"), [("batch", ""), ("instance", "-instance")])
def test_thermalgan_s_absolute_generator_knows_its_range(tmp_path, norm, suffix):
    state, x = state_dict(9, norm, i=3, o=1), image(512)
    torch.save(state, tmp_path / "net.pth")
    assert convert(tmp_path / "net.pth", tmp_path / "G").source.format == f"thermalgan-unet512-absolute{suffix}"
    translator = zoo.load(tmp_path / "G", device="cpu")
    torch.manual_seed(0)
    assert torch.allclose(translator.translate(x), forward(state, x, 9, norm), atol=1e-5)
    assert translator.thermal_range == (-50.0, 50.0)


def test_a_unet_of_nine_stages_with_other_channels_converts(tmp_path):
    state, x = state_dict(9, "instance", i=3, o=3), image(512)
    torch.save(state, tmp_path / "net.pth")
    assert convert(tmp_path / "net.pth", tmp_path / "G").source.format == "pix2pix-unet512-instance"
    expected = forward(state, x, 9, "instance", dropout=False)
    assert torch.allclose(zoo.load(tmp_path / "G", device="cpu")({"visible": x}), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "sizes", "tensors", "count"),
    [
        ("pix2pix-unet128-instance", {"i": 3, "o": 3}, 28, 41_825_667),
        ("pix2pix-unet128-batch", {"i": 3, "o": 3}, 70, 41_828_995),
        ("pix2pix-unet256-instance", {"i": 3, "o": 3}, 32, 54_409_603),
        ("pix2pix-unet256-batch", {"i": 3, "o": 3}, 82, 54_413_955),
        ("pix2pix-unet256-none", {"i": 3, "o": 3}, 17, 54_404_099),
        ("thermalgan-unet512", {}, 94, 66_995_841),
    ],
)
def test_formats_have_the_published_numbers(name, sizes, tensors, count):
    (row,) = [row for row in zoo_checkpoints() if row.name == name]
    lengths = sizes | {"w": 64, "": 1}
    found = {key: [size.factor * lengths[size.name] for size in shape] for key, shape in shapes(row).items()}
    trained = [torch.Size(shape).numel() for key, shape in found.items() if key.rpartition(".")[2] not in BUFFERS]
    assert (len(found), sum(trained)) == (tensors, count)
