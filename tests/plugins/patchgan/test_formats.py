"""Files of pix2pix's and CUT's discriminators: recognised, converted, and equal to a forward written here in plain torch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import zoo
from zoo.checkpoints.convert import convert
from zoo.checkpoints.entries import BUFFERS
from zoo.checkpoints.templates import shapes
from zoo.errors import UsageError
from zoo_plugins.patchgan import zoo_checkpoints


def state_dict(layers, norm, antialias, *, w=4, i=3) -> dict[str, torch.Tensor]:
    """A patch discriminator's file with random values; for three layers convs 0, 2, 5, 8, 11 or 0, 3, 7, 11, 14."""
    torch.manual_seed(0)
    step, state, ins = 4 if antialias else 3, {}, i
    places = [0, *((3 if antialias else 2) + step * layer for layer in range(layers))]
    for layer, place in enumerate(places):
        outs = w * min(2**layer, 8)
        conv(state, f"model.{place}", ins, outs, 4, bias=layer == 0 or norm == "instance")
        if layer > 0 and norm == "batch":
            batch(state, f"model.{place + 1}", outs)
        if antialias and layer > 0:
            state[f"model.{place - 1}.filt"] = torch.rand(ins, 1, 3, 3) / 4
        ins = outs
    conv(state, f"model.{places[-1] + 3}", ins, 1, 4)
    return state


def conv(state, key, ins, outs, kernel, *, bias=True):
    state[f"{key}.weight"] = torch.randn(outs, ins, kernel, kernel) * 0.3
    if bias:
        state[f"{key}.bias"] = torch.randn(outs)


def batch(state, key, channels):
    state[f"{key}.weight"], state[f"{key}.bias"] = torch.rand(channels) + 0.5, torch.randn(channels)
    state[f"{key}.running_mean"], state[f"{key}.running_var"] = torch.randn(channels), torch.rand(channels) + 0.5
    state[f"{key}.num_batches_tracked"] = torch.tensor(7)


def normed(state, key, x, norm):
    if norm == "instance":
        return F.instance_norm(x)
    names = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(x, *(state[f"{key}.{name}"] for name in names)) if norm == "batch" else x


def forward(state, x, layers, norm, antialias):
    """What the programs compute, in eval mode."""
    place = 0
    for layer in range(layers + 1):
        halves = layer < layers
        x = F.conv2d(
            x,
            state[f"model.{place}.weight"],
            state.get(f"model.{place}.bias"),
            stride=2 if halves and not antialias else 1,
            padding=1,
        )
        if layer:
            x = normed(state, f"model.{place + 1}", x, norm)
        x = F.leaky_relu(x, 0.2)
        place += 3 if layer else 2
        if antialias and halves:
            blur = state[f"model.{place}.filt"]
            x = F.conv2d(F.pad(x, (1,) * 4, "reflect"), blur, stride=2, groups=len(blur))
            place += 1
    return F.conv2d(x, state[f"model.{place}.weight"], state[f"model.{place}.bias"], padding=1)


def reloaded(folder, spec):
    """The network as the error of `zoo.load` says to load it."""
    network = zoo.create(spec, kind="discriminator")
    network.load_state_dict(load_file(folder / "model.safetensors"))
    return network.eval()


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("layers", [1, 2, 3, 4, 5, 6])
def test_a_converted_patchgan_judges_as_its_program_does(tmp_path, layers, norm, antialias):
    state, x = state_dict(layers, norm, antialias), torch.rand(2, 3, 200, 230) * 2 - 1
    torch.save(state, tmp_path / "net_D.pth")
    done = convert(tmp_path / "net_D.pth", tmp_path / "D")
    assert done.source.format == f"{'cut' if antialias else 'pix2pix'}-patchgan{layers}-{norm}"
    assert not done.translates
    network = reloaded(tmp_path / "D", done.component.removeprefix("discriminator "))
    assert torch.allclose(network(x), forward(state, x, layers, norm, antialias), atol=1e-5)


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_a_converted_pixel_discriminator_judges_as_its_program_does(tmp_path, norm):
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = {}
    for place, ins, outs in ((0, 6, 4), (2, 4, 8), (5, 8, 1)):
        conv(state, f"net.{place}", ins, outs, 1, bias=place == 0 or norm == "instance")
    if norm == "batch":
        batch(state, "net.3", 8)
    torch.save(state, tmp_path / "net_D.pth")
    done = convert(tmp_path / "net_D.pth", tmp_path / "D")
    x = torch.rand(2, 6, 20, 24) * 2 - 1
    y = F.leaky_relu(F.conv2d(x, state["net.0.weight"], state["net.0.bias"]), 0.2)
    y = normed(state, "net.3", F.conv2d(y, state["net.2.weight"], state.get("net.2.bias")), norm)
    expected = F.conv2d(F.leaky_relu(y, 0.2), state["net.5.weight"], state.get("net.5.bias"))
    network = reloaded(tmp_path / "D", done.component.removeprefix("discriminator "))
    assert torch.allclose(network(x), expected, atol=1e-5)


def test_loading_a_discriminator_says_what_it_is_and_how_to_load_it(tmp_path):
    torch.save(state_dict(3, "instance", False), tmp_path / "latest_net_D_A.pth")
    done = convert(tmp_path / "latest_net_D_A.pth", tmp_path / "D")
    with pytest.raises(
        UsageError, match=r"holds a pix2pix PatchGAN discriminator.* a discriminator cannot translate"
    ) as error:
        zoo.load(tmp_path / "D")
    assert f'zoo.create("{done.component.partition(" ")[2]}", kind="discriminator")' in error.value.fix


@pytest.mark.parametrize("size", [(70, 6), (128, 14), (256, 30)])
def test_anti_aliased_maps_have_the_size_of_plain_ones(size):
    images, logits = size
    network = zoo.create("patchgan:antialias=true,width=2")
    assert network(torch.zeros(1, 1, images, images)).shape == (1, 1, logits, logits)


@pytest.mark.parametrize(
    ("name", "channels", "count"),
    [
        ("pix2pix-patchgan3-instance", 3, 2_764_737),
        ("pix2pix-patchgan3-batch", 6, 2_768_705),
        ("pix2pix-patchgan3-batch", 5, 2_767_681),
        ("pix2pix-patchgan3-none", 3, 2_763_841),
        ("pix2pix-patchgan2-instance", 3, 662_977),
        ("pix2pix-patchgan4-instance", 3, 6_959_553),
        ("pix2pix-patchgan5-instance", 3, 11_154_369),
        ("pix2pix-pixel-instance", 3, 8_705),
        ("pix2pix-pixel-batch", 3, 8_832),
        ("cut-patchgan3-instance", 3, 2_764_737),
    ],
)
def test_formats_have_the_published_numbers(name, channels, count):
    (row,) = [row for row in zoo_checkpoints() if row.name == name]
    sizes = {"w": 64, "i": channels, "": 1}
    found = {key: [size.factor * sizes[size.name] for size in shape] for key, shape in shapes(row).items()}
    trained = [torch.Size(shape).numel() for key, shape in found.items() if key.rpartition(".")[2] not in BUFFERS]
    assert sum(trained) == count
