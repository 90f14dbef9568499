"""One ThermalGAN step against its equations, written out again in float64 without zoo's losses or Adam."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from method_parts import Penalty, PlainAdam
from torch import Tensor, nn
from torch.nn import functional as F

import zoo
from zoo.build import build_method
from zoo.contracts import Normalizer
from zoo.data.store import PairStore
from zoo.data.writer import DatasetWriter
from zoo.errors import RefusedError
from zoo.training.step import TrainStep
from zoo_plugins.thermalgan.config import ThermalGANConfig
from zoo_plugins.thermalgan.encoder import Encoder
from zoo_plugins.thermalgan.method import ThermalGAN


def squared(logits: Tensor, target: float) -> Tensor:
    return ((logits - target) ** 2).mean()


def entropy(logits: Tensor, target: float) -> Tensor:
    probability = 1 / (1 + (-logits).exp())
    return -(probability if target else 1 - probability).log().mean()


def cat(*images: Tensor) -> Tensor:
    return torch.cat(images, dim=1)


def judged(discriminator: nn.Module, x: Tensor, real: Tensor, fake: Tensor, loss: Any) -> Tensor:
    return (loss(discriminator(cat(x, real)), 1.0) + loss(discriminator(cat(x, fake.detach())), 0.0)) / 2


def build(config: ThermalGANConfig, parts: Any) -> ThermalGAN:
    torch.manual_seed(0)
    method = ThermalGAN(config, parts)
    method.prepare_training(parts)
    return method.double()


def train_step_of(method: ThermalGAN) -> TrainStep:
    return TrainStep(method)


@pytest.mark.parametrize("normalizer", [Normalizer(), Penalty()])
def test_steps_with_temperatures_are_those_of_the_equations(make_parts, make_batch, normalizer: Normalizer) -> None:
    config = ThermalGANConfig(lr=0.01, label_scale=30.0, contrast=8.0)
    method = build(config, make_parts(normalizer=normalizer))
    g1, d1, g2, d2 = (copy.deepcopy(m) for m in (method.step1.G, method.step1.D, method.step2.G, method.step2.D))
    adams = {net: PlainAdam(net, lr=0.01) for net in (g1, d1, g2, d2)}
    train_step = train_step_of(method)
    clipped = isinstance(normalizer, Penalty)
    for number in range(3):
        batch = make_batch(number)
        degrees = batch["celsius"]
        segmentation = ((-10 + (batch["thermal_segmentation"] + 1) * 30) / 30).clamp(-1, 1)
        relative = ((degrees - 30 * segmentation) / 8).clamp(-1, 1)
        masks = torch.stack([(batch["labels"] == k).double() for k in range(3)], 1)
        painted = sum(
            masks[:, k] * (t / 30).clamp(-1, 1).nan_to_num(0)[:, None, None]
            for k, t in enumerate(batch["temperatures"].T)
        )
        condition = cat(batch["visible"], masks, painted[:, None])
        x = cat(batch["visible"], segmentation)
        fake_s, fake_r = g1(condition), g2(x)

        expected = {}
        gan, l1 = squared(d1(cat(condition, fake_s)), 1.0), 10 * (fake_s - segmentation).abs().mean()
        adams[g1].minimize(gan + l1)
        expected |= {"step1_generator/gan": gan.item(), "step1_generator/l1": l1.item()}
        for name, discriminator, c, real, fake, loss in (
            ("step1", d1, condition, segmentation, fake_s, squared),
            ("step2", d2, x, relative, fake_r, entropy),
        ):
            term = judged(discriminator, c, real, fake, loss)
            expected[f"{name}_discriminator/D"] = term.item()
            if clipped:
                penalty = 3 * (discriminator(cat(c, real)) * discriminator(cat(c, fake.detach()))).mean() ** 2
                expected[f"{name}_discriminator/penalty"], term = penalty.item(), term + penalty
            adams[discriminator].minimize(term)
            if clipped:
                for p in discriminator.parameters():
                    p.data.clamp_(-0.2, 0.2)
        gan, l1 = entropy(d2(cat(x, fake_r)), 1.0), 100 * (fake_r - relative).abs().mean()
        adams[g2].minimize(gan + l1)
        expected |= {"step2_generator/gan": gan.item(), "step2_generator/l1": l1.item()}

        train_step.step(batch)
        assert train_step.losses.read(number) == pytest.approx(expected, rel=1e-9)
    for plain, own in ((g1, method.step1.G), (d1, method.step1.D), (g2, method.step2.G), (d2, method.step2.D)):
        torch.testing.assert_close(dict(plain.state_dict()), dict(own.state_dict()), rtol=1e-8, atol=1e-10)


def test_steps_with_a_latent_code_are_bicyclegans(make_parts, make_batch) -> None:
    config = ThermalGANConfig(label_mode="predicted", code="latent", latent=4, encoder_width=2, lr=0.01)
    method = build(config, make_parts(size=32))
    nets = {name: copy.deepcopy(getattr(method.step1, name)) for name in ("G", "E", "D", "D_random")}
    g, e, d, d_random = nets.values()
    adam_g, adam_e = PlainAdam(g, lr=0.01), PlainAdam(e, lr=0.01)
    adam_d = PlainAdam(d, d_random, lr=0.01)
    train_step, stream = train_step_of(method), torch.Generator().manual_seed(1)
    for number in range(2):
        batch = make_batch(number, size=32)
        segmentation = ((-10 + (batch["thermal_segmentation"] + 1) * 30) / 40).clamp(-1, 1)
        visible = batch["visible"]

        def paint(z: Tensor, visible: Tensor = visible) -> Tensor:
            return g(cat(visible, z[:, :, None, None] * torch.ones(32, 32, dtype=z.dtype)))

        noise, z = (torch.randn((2, 4), generator=stream, dtype=torch.float64) for _ in range(2))
        mean, log_variance = e(segmentation)
        encoded, random = paint(mean + noise * log_variance.exp().sqrt()), paint(z)
        gaussian = torch.distributions.Normal(mean, log_variance.exp().sqrt())
        standard = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        terms = {
            "gan": squared(d(cat(visible, encoded)), 1.0),
            "l1": 10 * (encoded - segmentation).abs().mean(),
            "kl": 0.01 * torch.distributions.kl_divergence(gaussian, standard).sum() / 2,
            "gan_random": squared(d_random(cat(visible, random)), 1.0),
            "latent": 0.5 * (e(random)[0] - z).abs().mean(),
        }
        everything, without_recovery = sum(terms.values()), sum(terms.values()) - terms["latent"]
        gradients_g = torch.autograd.grad(everything, adam_g.weights, retain_graph=True)
        # The encoder is not to learn from reading codes back.
        gradients_e = torch.autograd.grad(without_recovery, adam_e.weights, retain_graph=True)
        adam_g.step(list(gradients_g))
        adam_e.step(list(gradients_e))
        discriminators = {"D": judged(d, visible, segmentation, encoded, squared)}
        discriminators["D_random"] = judged(d_random, visible, segmentation, random, squared)
        adam_d.minimize(sum(discriminators.values()))

        train_step.step(batch)
        seen = train_step.losses.read(number)
        expected = {f"step1_generator/{name}": term.item() for name, term in terms.items()}
        expected |= {f"step1_discriminator/{name}": term.item() for name, term in discriminators.items()}
        assert {name: value for name, value in seen.items() if "step1" in name} == pytest.approx(expected, rel=1e-9)
    for name, net in nets.items():
        torch.testing.assert_close(
            dict(net.state_dict()), dict(getattr(method.step1, name).state_dict()), rtol=1e-7, atol=1e-9
        )


def test_without_labels_there_is_one_step_to_thermal_images(make_parts, make_batch) -> None:
    method = build(ThermalGANConfig(label_mode="none"), make_parts(thermal_channels=3, classes=(), thermal_range=None))
    assert method.order == ("step2_discriminator", "step2_generator")
    whole = make_batch(channels=3)
    batch = {name: whole[name] for name in ("visible", "thermal")}
    state = method(batch)
    losses = method.losses("step2_generator", state)
    assert losses["l1"].item() == pytest.approx(
        100 * (method.step2.G(batch["visible"]) - batch["thermal"]).abs().mean().item()
    )
    assert method.translate(batch).shape == (2, 3, 6, 6)
    assert method.inference == ("step2.G",)


def test_the_encoder_is_the_residual_network_written_out() -> None:
    torch.manual_seed(0)
    net = Encoder(2, 3).double()
    x = torch.rand(2, 1, 32, 40, dtype=torch.float64)
    y = F.conv2d(x, net.features[0].weight, net.features[0].bias, 2, 1)
    for block in list(net.features)[1:5]:
        first, second = block.residual[2], block.residual[5]
        inner = F.conv2d(F.leaky_relu(F.instance_norm(y), 0.2), first.weight, first.bias, 1, 1)
        inner = F.conv2d(F.leaky_relu(F.instance_norm(inner), 0.2), second.weight, second.bias, 1, 1)
        y = F.avg_pool2d(inner, 2) + F.conv2d(F.avg_pool2d(y, 2), block.shortcut.weight, block.shortcut.bias)
    pooled = F.leaky_relu(y, 0.2).mean(dim=(2, 3))
    for out, linear in zip(net(x), (net.mean, net.log_variance), strict=True):
        torch.testing.assert_close(out, pooled @ linear.weight.T + linear.bias)
    assert [block.shortcut.out_channels for block in list(net.features)[1:5]] == [4, 6, 8, 8]


@pytest.mark.parametrize(
    "options", ["", ":edges=true", ":code=latent,encoder_width=2", ":label_mode=predicted", ":label_mode=none"]
)
def test_a_small_set_trains_and_translates_in_batches_of_one(labelled, options: str) -> None:
    recipe = zoo.compose(
        method=f"thermalgan{options}",
        generator="unet_auto:width=4",
        discriminator="patchgan:width=4",
        norm="none",
        data=str(labelled),
        size=32,
    )
    assert (recipe.generator.config["norm"], recipe.generator.config["dropout"]) == ("batch", True)
    store = PairStore.open(labelled, "train", size=36, device="cpu")
    rng, index = torch.Generator().manual_seed(0), torch.tensor([0])
    method = build_method(recipe, store.info, rng, training=True).train()
    train_step = train_step_of(method)
    train_step.step(store.sample(index, index, crop=32, rng=rng), 1.0)
    assert all(torch.tensor(value).isfinite() for value in train_step.losses.read(1).values())
    batch = store.sample(index, index, crop=32, rng=rng)
    needed = {name: batch[name] for name in ("visible", "labels")[: 1 + ("label_mode" not in options)]}
    thermal = method.translate(needed)
    assert thermal.shape == (1, 1, 32, 32)
    assert thermal.abs().max() <= 1


def test_what_the_set_lacks_is_refused_by_name(labelled, pairs) -> None:
    with pytest.raises(RefusedError, match="temperatures in degrees Celsius"):
        zoo.compose(method="thermalgan", generator="unet_auto", data=str(pairs))
    zoo.compose(method="thermalgan:label_mode=none", generator="unet_auto", data=str(pairs))
    zoo.compose(method="thermalgan", generator="unet_auto", data=str(labelled))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    root, stream = tmp_path_factory.mktemp("thermalgan") / "set", torch.Generator().manual_seed(0)
    with DatasetWriter(root) as writer:
        writer.describe(name="made", classes=("sky", "road"), unit="celsius", thermal_low=-10.0, thermal_high=40.0)
        for split in ("train", "test"):
            for i in range(2):
                labels = (
                    torch.randint(2, (4, 4), generator=stream).repeat_interleave(9, 0).repeat_interleave(9, 1).numpy()
                )
                celsius = (labels * 20.0 + i).astype("float32")
                visible = torch.randint(256, (36, 36, 3), generator=stream, dtype=torch.uint8).numpy()
                thermal = ((celsius + 10) * 5.1).astype("uint8")
                writer.add(split, f"{i}", visible=visible, thermal=thermal, labels=labels, celsius=celsius)
    return root
