import pytest
import torch
import torchvision
from torchmetrics.functional.image.lpips import _LPIPS

from zoo.errors import UsageError, ZooError
from zoo_plugins.metrics.config import LPIPSConfig
from zoo_plugins.metrics.lpips import LPIPS
from zoo_plugins.metrics.networks import PublishedFile


def images(seed, n=2, size=40):
    return torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("network", ["alex", "vgg", "squeeze"])
def test_equal_images_are_at_no_distance_and_others_at_some(network):
    metric = LPIPS(LPIPSConfig(network=network, weights="random"))
    assert metric.per_image(images(0), images(0)).tolist() == [0.0, 0.0]
    values = metric.per_image(images(0), images(1))
    assert (values > 0).all() and values.dtype == torch.float64
    torch.testing.assert_close(values, metric.per_image(images(1), images(0)))
    assert metric.protocol()["network"] == f"{network}@random"


@pytest.mark.parametrize(("network", "model"), [("alex", "alexnet"), ("squeeze", "squeezenet1_1")])
def test_it_is_torchmetrics_on_torchvisions_network(network, model, tmp_path, monkeypatch):
    torch.manual_seed(0)
    weights = getattr(torchvision.models, model)(weights=None)
    torch.save(weights.state_dict(), tmp_path / "weights.pth")
    features = "torchmetrics.functional.image.lpips._get_tv_model_features"
    metric = LPIPS(LPIPSConfig(network=network, weights=str(tmp_path / "weights.pth")))
    monkeypatch.setattr(features, lambda *_: weights.features)
    reference = _LPIPS(net=network)
    one, other = (images(seed, n=1).float().expand(-1, 3, -1, -1) for seed in (0, 1))
    with torch.no_grad():
        expected = reference(2 * one - 1, 2 * other - 1)
    assert metric.per_image(images(0, n=1), images(1, n=1)).item() == pytest.approx(expected.item(), rel=1e-6)
    assert metric.config.label().startswith(f"{network}@")


def test_absent_weights_are_one_error(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    absent = PublishedFile(name="alexnet.pth", url=(tmp_path / "absent").as_uri(), sha256="7be5be79")
    monkeypatch.setattr("zoo_plugins.metrics.lpips.LPIPS_FILES", {"alex": absent})
    with pytest.raises(ZooError, match=r"alexnet\.pth is not on this machine .*sha256 7be5be79"):
        LPIPS(LPIPSConfig())


@pytest.mark.parametrize(("network", "least"), [("alex", 31), ("vgg", 16), ("squeeze", 17)])
def test_images_that_do_not_pass_the_poolings_are_refused(network, least):
    metric = LPIPS(LPIPSConfig(network=network, weights="random"))
    assert metric.per_image(images(0, size=least), images(1, size=least)).isfinite().all()
    with pytest.raises(UsageError, match=f"at least {least}x{least}"):
        metric.per_image(images(0, size=least - 1), images(1, size=least - 1))
    with pytest.raises(RuntimeError):
        metric.network(*(images(seed, size=least - 1).float().expand(-1, 3, -1, -1) for seed in (0, 1)))
