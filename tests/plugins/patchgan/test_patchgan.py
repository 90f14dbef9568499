"""The discriminators against the published counts, layout, map sizes and receptive field."""

from __future__ import annotations

import pytest
import torch

from zoo_plugins.patchgan import zoo_components
from zoo_plugins.patchgan.config import PatchGANConfig, PixelConfig
from zoo_plugins.patchgan.network import PatchGAN, PixelGAN

COUNTS = [
    (3, 3, "instance", 2_764_737),
    (3, 3, "batch", 2_765_633),
    (3, 3, "none", 2_763_841),
    (1, 3, "instance", 2_762_689),
    (6, 3, "instance", 2_767_809),
    (6, 3, "batch", 2_768_705),
    (5, 3, "instance", 2_766_785),
    (5, 3, "batch", 2_767_681),
    (3, 2, "instance", 662_977),
    (3, 4, "instance", 6_959_553),
    (3, 5, "instance", 11_154_369),
]


@pytest.mark.parametrize(("channels", "layers", "norm", "count"), COUNTS)
def test_parameters_are_those_of_the_reference(channels: int, layers: int, norm: str, count: int) -> None:
    with torch.device("meta"):
        net = PatchGAN(PatchGANConfig(in_channels=channels, layers=layers, norm=norm))
    assert sum(p.numel() for p in net.parameters()) == count


@pytest.mark.parametrize(("norm", "count"), [("instance", 8_705), ("batch", 8_832)])
def test_pixel_parameters_are_those_of_the_reference(norm: str, count: int) -> None:
    with torch.device("meta"):
        net = PixelGAN(PixelConfig(in_channels=3, norm=norm))
    assert sum(p.numel() for p in net.parameters()) == count


def test_state_dicts_have_the_reference_layout() -> None:
    with torch.device("meta"):
        instance = PatchGAN(PatchGANConfig()).state_dict()
        batch = PatchGAN(PatchGANConfig(norm="batch")).state_dict()
        pixel = PixelGAN(PixelConfig()).state_dict()
    assert list(instance) == [f"model.{i}.{name}" for i in (0, 2, 5, 8, 11) for name in ("weight", "bias")]
    statistics = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    convolutions = {"model.0.weight", "model.0.bias", "model.2.weight", "model.5.weight", "model.8.weight"}
    norms = {f"model.{i}.{name}" for i in (3, 6, 9) for name in statistics}
    assert set(batch) == convolutions | norms | {"model.11.weight", "model.11.bias"}
    assert list(pixel) == [f"net.{i}.{name}" for i in (0, 2, 5) for name in ("weight", "bias")]


@pytest.mark.parametrize(("size", "patches"), [(70, 6), (128, 14), (256, 30), (512, 62)])
def test_maps_have_the_published_size(size: int, patches: int) -> None:
    with torch.device("meta"):
        logits = PatchGAN(PatchGANConfig(width=2))(torch.zeros(1, 1, size, size))
    assert logits.shape == (1, 1, patches, patches)


@pytest.mark.parametrize(("layers", "field"), [(2, 34), (3, 70)])
def test_a_logit_sees_a_patch_of_the_published_width(layers: int, field: int) -> None:
    net = PatchGAN(PatchGANConfig(width=2, layers=layers, norm="none", init_gain=0.5))
    x = torch.rand(1, 1, 128, 128, requires_grad=True)
    logits = net(x)
    middle = logits.shape[-1] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], x)
    columns = gradient[0, 0].any(0).nonzero().flatten()
    assert columns[-1] - columns[0] + 1 == field


@pytest.mark.parametrize("layers", [1, 3, 4])
def test_one_patch_is_left_at_the_contracts_smallest_size(layers: int) -> None:
    config = PatchGANConfig(width=2, layers=layers)
    smallest = config.contract().min_size
    assert PatchGAN(config)(torch.rand(1, 1, smallest, smallest)).shape == (1, 1, 1, 1)
    with pytest.raises((RuntimeError, ValueError)):
        PatchGAN(config)(torch.rand(1, 1, smallest - 1, smallest - 1))


def test_pixel_logits_depend_on_their_pixel_alone() -> None:
    net = PixelGAN(PixelConfig(width=2, norm="none", init_gain=0.5))
    x = torch.rand(1, 1, 4, 4)
    changed = x.clone()
    changed[..., 1, 2] += 1
    difference = (net(x) != net(changed))[0, 0]
    assert difference.nonzero().tolist() == [[1, 2]]


@pytest.mark.parametrize("config", [PatchGANConfig, PixelConfig])
def test_batch_norm_does_not_offer_independent_samples(config: type[PatchGANConfig]) -> None:
    assert "independent_samples" not in config(norm="batch").contract().offers
    for norm in ("instance", "none"):
        assert config(norm=norm).contract().offers >= {"double_backward", "independent_samples"}


def test_rows_describe_what_they_build() -> None:
    assert [row.name for row in zoo_components()] == ["patchgan", "multiscale", "pixel"]
    assert all(row.kind == "discriminator" for row in zoo_components())
