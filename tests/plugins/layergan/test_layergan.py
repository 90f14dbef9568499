"""LayerGAN's layers, their composition and its losses against the equations written out again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.contracts import Normalizer
from zoo.errors import RefusedError, UsageError, ZooError
from zoo.training.step import TrainStep
from zoo_plugins.layergan import zoo_components
from zoo_plugins.layergan.config import LayerGANConfig
from zoo_plugins.layergan.method import LayerGAN

SIZE = 32


class SmallDiscriminator(nn.Module):
    """A smooth discriminator of one hidden layer; a bias at its end would cancel out of a critic's loss."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hidden, self.out = nn.Conv2d(channels, 4, 4, stride=4), nn.Conv2d(4, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.out(self.hidden(x).tanh())
        return logits


@dataclass
class TinyParts:
    """Four classes, of which the batches below show the first three."""

    visible_channels: int = 3
    thermal_channels: int = 1
    size: int = SIZE
    batch: int = 2
    classes: tuple[str, ...] = ("road", "car", "person", "bus")
    class_temperatures: tuple[float, ...] = (10.0, 25.0, 30.0, float("nan"))
    thermal_range: tuple[float, float] | None = (-10.0, 50.0)
    reads: tuple[str, ...] = ("visible",)
    normalizer: Normalizer = field(default_factory=Normalizer)
    rng: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(1))

    def discriminator(self, *, in_channels: int) -> nn.Module:
        return self.normalizer.wrap(SmallDiscriminator(in_channels))


def options(**changes: object) -> LayerGANConfig:
    return LayerGANConfig(**{"latent": 8, "channel_multiplier": 0.01, "max_channels": 6, **changes})  # type: ignore[arg-type]


def untrained(config: LayerGANConfig, parts: TinyParts | None = None) -> LayerGAN:
    torch.manual_seed(0)
    parts = parts or TinyParts()
    method = LayerGAN(config, parts)
    method.prepare_training(parts)
    return method


def build(config: LayerGANConfig, parts: TinyParts | None = None) -> LayerGAN:
    """Return a method whose heads draw something, as after some training."""
    method = untrained(config, parts)
    for head in method.generator.heads:
        for conv in head.convs:
            nn.init.normal_(conv.weight, 0.0, 0.05)
    return method


def make_batch(size: int = SIZE) -> dict[str, Tensor]:
    """Return two images; the first shows road, two cars and a person, the second only road and a car."""
    stream = torch.Generator().manual_seed(3)
    labels = torch.zeros(2, size, size, dtype=torch.int64)
    segmentation = torch.full((2, 1, size, size), -0.2)
    unit = size // 16
    for image, rows, columns, label, level in [
        (0, slice(2, 6), slice(1, 6), 1, 0.1),
        (0, slice(2, 6), slice(8, 14), 1, 0.4),
        (0, slice(8, 14), slice(3, 5), 2, 0.6),
        (1, slice(9, 13), slice(2, 12), 1, 0.2),
    ]:
        where = (slice(rows.start * unit, rows.stop * unit), slice(columns.start * unit, columns.stop * unit))
        labels[(image, *where)] = label
        segmentation[(image, 0, *where)] = level
    return {
        "visible": torch.rand(2, 3, size, size, generator=stream) * 2 - 1,
        "thermal": torch.rand(2, 1, size, size, generator=stream) * 2 - 1,
        "labels": labels,
        "thermal_segmentation": segmentation,
    }


class Penalty(Normalizer):
    """A penalty that is easy to write down, of real and fake images alike."""

    def penalty(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        return 3 * discriminator(0.5 * (real + fake)).square().mean()


VISIBLE_LEVEL = 2 / 255
"""One grey level of 255, in [-1, 1]."""


@pytest.mark.parametrize("layered", [True, False])
@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("target", ["absolute", "relative"])
def test_a_warmer_object_changes_its_own_pixels_only(layered: bool, trained: bool, target: str) -> None:
    method = build(options(layered=layered, target=target)) if trained else untrained(options(layered=layered))
    batch = make_batch()
    warmer = batch["thermal_segmentation"].clone()
    left_car = torch.zeros_like(warmer, dtype=torch.bool)
    left_car[0, 0, 4:12, 2:12] = True
    assert (batch["labels"][0, 4:12, 2:12] == 1).all()
    warmer[left_car] += 0.3
    with torch.no_grad():
        change = method.eval().translate({**batch, "thermal_segmentation": warmer}) - method.translate(batch)
    assert float(change[~left_car].abs().max()) == 0
    assert float(change[left_car].min()) > VISIBLE_LEVEL


@pytest.mark.parametrize(("reach", "leaks"), [("layer", False), ("image", True)])
def test_temperatures_that_the_encoder_sees_reach_their_layer_or_the_whole_image(reach: str, leaks: bool) -> None:
    method = build(options(temperature=reach)).eval()
    batch = make_batch()
    person = (batch["labels"] == 2)[:, None]
    warmer = batch["thermal_segmentation"] + 0.3 * person
    with torch.no_grad():
        change = method.translate({**batch, "thermal_segmentation": warmer}) - method.translate(batch)
    assert bool(change[~person].abs().max() > 0) is leaks
    assert float(change[person].abs().max()) > 0


def test_the_image_is_the_sum_of_the_masked_layers() -> None:
    method, batch = build(options()).eval(), make_batch()
    with torch.no_grad():
        state = method(batch)
        image = method.translate(batch)
    expected = torch.zeros_like(image)
    for layer in range(4):
        expected += (batch["labels"] == layer)[:, None] * state["fakes"][:, layer]
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(state["image"], expected, rtol=0, atol=1e-6)


def test_the_reduced_method_has_one_layer_and_one_discriminator() -> None:
    method, batch = build(options(layered=False)), make_batch()
    state = method(batch)
    assert len(method.generator.trunks) == len(method.discriminators) == 1
    assert state["fakes"].shape == (2, 1, 1, SIZE, SIZE)
    assert torch.equal(state["reals"][:, 0], batch["thermal"])


def test_losses_equal_the_papers_equations() -> None:
    config = options(lambda_l1=7.0, lambda_adv=0.5)
    method = build(config, TinyParts(normalizer=Penalty())).double()
    batch = {name: value if name == "labels" else value.double() for name, value in make_batch().items()}
    state = method(batch)
    shown = {0: [0, 1], 1: [0, 1], 2: [0]}  # images that show each class; nobody shows the bus
    adversarial, critic, penalty = [], [], []
    for layer, images in shown.items():
        mask = (batch["labels"][images] == layer)[:, None]
        fake, real = state["fakes"][images, layer], mask * batch["thermal"][images]
        discriminator = method.discriminators[layer]
        adversarial.append(-discriminator(fake).mean())
        critic.append(discriminator(fake).mean() - discriminator(real).mean())
        penalty.append(3 * discriminator(0.5 * (real + fake)).square().mean())
    ours = method.losses("generator", state)
    torch.testing.assert_close(ours["l1"], 7 * (state["image"] - batch["thermal"]).abs().mean())
    torch.testing.assert_close(ours["adversarial"], 0.5 * sum(adversarial, torch.zeros(())))
    ours = method.losses("discriminator", state)
    torch.testing.assert_close(ours["D"], sum(critic, torch.zeros(())))
    torch.testing.assert_close(ours["penalty"], sum(penalty, torch.zeros(())))


@pytest.mark.parametrize(
    ("gan", "judged", "fooled"),
    [
        ("lsgan", lambda r, f: ((r - 1) ** 2).mean() + (f**2).mean(), lambda f: ((f - 1) ** 2).mean()),
        (
            "log",
            lambda r, f: -r.sigmoid().log().mean() - (1 - f.sigmoid()).log().mean(),
            lambda f: -f.sigmoid().log().mean(),
        ),
    ],
)
def test_other_adversarial_losses_are_the_published_ones(
    gan: str, judged: Callable[[Tensor, Tensor], Tensor], fooled: Callable[[Tensor], Tensor]
) -> None:
    method, batch = build(options(gan=gan, layered=False)), make_batch()
    state = method(batch)
    real, fake = method.discriminators[0](batch["thermal"]), method.discriminators[0](state["image"])
    torch.testing.assert_close(method.losses("discriminator", state)["D"], judged(real, fake))
    torch.testing.assert_close(method.losses("generator", state)["adversarial"], fooled(fake))


def test_an_absent_class_gets_no_gradient() -> None:
    method = build(options(), TinyParts(normalizer=Penalty()))
    state = method(make_batch())
    for name in method.order:
        method.zero_grad()
        sum(method.losses(name, state).values(), torch.zeros(())).backward(retain_graph=True)
        for modules in (method.generator.trunks, method.generator.heads, method.discriminators):
            assert largest_gradient(modules[3]) == 0
        active = (
            [method.discriminators] if name == "discriminator" else [method.generator.trunks, method.generator.heads]
        )
        assert all(largest_gradient(modules[layer]) > 0 for modules in active for layer in range(3))


def test_classes_that_no_image_shows_are_not_drawn() -> None:
    method, drawn = build(options()).eval(), []
    for layer, trunk in enumerate(method.generator.trunks):
        trunk.register_forward_hook(lambda *_, layer=layer: drawn.append(layer))
    with torch.no_grad():
        method.translate(make_batch())
    assert drawn == [0, 1, 2]


def test_missing_temperatures_are_painted_from_those_of_the_classes() -> None:
    method, batch = build(options()).eval(), make_batch()
    del batch["thermal_segmentation"], batch["thermal"]
    usual = torch.tensor([10.0, 25.0, 30.0])
    given = torch.tensor([[0.0, 25.0, float("nan"), float("nan")]] * 2)
    mixed = torch.tensor([0.0, 25.0, 30.0])
    with torch.no_grad():
        for extra, degrees in (({}, usual), ({"temperatures": given}, mixed)):
            painted = ((degrees[batch["labels"]] + 10) / 30 - 1)[:, None]
            expected = method.translate({**batch, "thermal_segmentation": painted})
            torch.testing.assert_close(method.translate({**batch, **extra}), expected)


def test_an_image_without_labels_is_refused() -> None:
    with pytest.raises(ZooError, match="no `labels`"):
        build(options()).translate({"visible": torch.zeros(1, 3, SIZE, SIZE)})


def test_images_of_any_size_are_translated_with_sharp_borders() -> None:
    method, batch = build(options()).eval(), make_batch(size=48)
    batch = {name: value[..., :40] for name, value in batch.items()}
    warmer = batch["thermal_segmentation"] + 0.3 * (batch["labels"] == 2)[:, None]
    with torch.no_grad():
        before, after = method.translate(batch), method.translate({**batch, "thermal_segmentation": warmer})
    assert before.shape == (2, 1, 48, 40)
    assert torch.equal(before != after, (batch["labels"] == 2)[:, None])


def test_an_untrained_absolute_layer_shows_the_mean_temperatures() -> None:
    batch = make_batch()
    image = untrained(options()).eval().translate(batch)
    torch.testing.assert_close(image, batch["thermal_segmentation"], rtol=0, atol=1e-5)


def test_a_relative_layer_is_the_contrast_to_the_mean_temperature() -> None:
    method, batch = build(options(target="relative", contrast=6.0)), make_batch()
    state = method(batch)  # 60 degrees are 2 units: 6 degrees are 0.2
    difference = (batch["thermal"] - batch["thermal_segmentation"]) / 0.2
    torch.testing.assert_close(state["target"], difference.clip(-1, 1))
    with torch.no_grad():
        image = method.eval().translate(batch)
    torch.testing.assert_close(image, batch["thermal_segmentation"] + 0.2 * state["image"])


@pytest.mark.parametrize(
    "config",
    [
        options(),
        options(layered=False, encoder_norm="batch"),
        options(share_trunk=True, conditional=True, target="relative", temperature="image"),
    ],
)
def test_a_few_steps_train_every_weight_and_lower_the_l1_distance(config: LayerGANConfig) -> None:
    method = untrained(config, TinyParts(classes=("road", "car", "person"), class_temperatures=(10.0,) * 3))
    train_step, batch = TrainStep(method), make_batch()
    before = {name: value.clone() for name, value in method.named_parameters()}
    distances = []
    for _ in range(6):
        train_step.step(batch)
        with torch.no_grad():
            distances.append(float(F.l1_loss(method(batch)["image"], method(batch)["target"])))
    still = [name for name, value in method.named_parameters() if torch.equal(value, before[name])]
    assert still == []
    assert distances[-1] < distances[0]


def test_an_unfinished_training_of_the_first_release_resumes_under_the_new_names() -> None:
    batch = make_batch()
    ours, resumed = (TrainStep(untrained(options())) for _ in range(2))
    ours.step(batch)
    saved = {name: tensor.clone() for name, tensor in ours.tensors().items()}
    former = {
        name.replace(".discriminators.", ".judges.").replace("optimizer.", "adam."): tensor
        for name, tensor in saved.items()
    }
    assert {"method.judges", "adam.discriminator.judges"} <= {
        name.split(".0.")[0] for name in former.keys() - saved.keys()
    }
    resumed.restore(former, ours.losses.counts)
    for train_step in (ours, resumed):
        train_step.step(batch)
    assert ours.tensors().keys() == resumed.tensors().keys()
    assert all(torch.equal(tensor, resumed.tensors()[name]) for name, tensor in ours.tensors().items())


def test_some_classes_can_share_the_last_layer() -> None:
    method = build(options(classes=("person", "car")))
    assert method.layer_of_class.tolist() == [2, 1, 0, 2]
    assert len(method.discriminators) == len(method.generator.trunks) == 3


def test_a_class_that_the_dataset_lacks_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'cart'.*Did you mean car"):
        build(options(classes=("cart",)))


@pytest.mark.parametrize(("size", "nearest"), [(96, 64), (16, 32), (1024, 512)])
def test_sizes_that_the_decoder_cannot_have_are_refused(size: int, nearest: int) -> None:
    with pytest.raises(RefusedError, match=f"Use `size`={nearest}"):
        options().for_size(size)


def test_rows_are_the_layered_and_the_reduced_method() -> None:
    rows = {row.name: row for row in zoo_components()}
    assert (rows["layergan"].config.layered, rows["layergan_reduced"].config.layered) == (True, False)
    assert {row.target for row in rows.values()} == {"zoo_plugins.layergan.method:LayerGAN"}
    for row in rows.values():
        assert msgspec.json.decode(msgspec.json.encode(row.config), type=LayerGANConfig) == row.config


def largest_gradient(module: nn.Module) -> float:
    found = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    return max((float(gradient.abs().max()) for gradient in found), default=0.0)
