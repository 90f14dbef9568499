"""CUT's losses and updates against the equations, written out again in float64 without zoo's losses or Adam."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor, nn

from zoo.contracts import Generator, Normalizer
from zoo.errors import UsageError
from zoo.layers.kinds import ResNetConfig
from zoo.recipe import Budget
from zoo.training.step import TrainStep
from zoo_plugins.cut import zoo_components
from zoo_plugins.cut.config import CUTConfig
from zoo_plugins.cut.method import CUT
from zoo_plugins.resnet.network import ResNetGenerator
from zoo_plugins.unet.config import UNetConfig
from zoo_plugins.unet.network import UNetGenerator

SIZE, SEED = 6, 11
FASTCUT = CUTConfig(nce=10.0, identity=False, flip=True)


class TinyGenerator(Generator):
    """Two convolutions; its taps are the image, the first convolution and its activation."""

    tap_layers = (0, 1, 2)

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3) -> None:
        super().__init__()
        first = nn.Conv2d(in_channels, 4, kernel, padding=kernel // 2)
        self.model = nn.Sequential(nn.Identity(), first, nn.ReLU(), nn.Conv2d(4, out_channels, 1), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)

    def taps(self, x: Tensor, layers: Sequence[int]) -> list[Tensor]:
        if max(layers) > 4:
            raise ValueError("the network has 0 to 4")
        return [self.model[: layer + 1](x) for layer in layers]


class Penalty(Normalizer):
    """A penalty and a clip that are easy to write down."""

    def penalty(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        return 3 * (discriminator(real) * discriminator(fake)).mean().square()

    def after_step(self, discriminator: nn.Module) -> None:
        for parameter in discriminator.parameters():
            parameter.data.clamp_(-0.2, 0.2)


@dataclass
class TinyParts:
    """Parts with networks of one or two layers, or with the generator that `make` builds."""

    make: Callable[[int, int], Generator] = TinyGenerator
    visible_channels: int = 3
    thermal_channels: int = 1
    size: int = SIZE
    batch: int = 2
    classes: tuple[str, ...] = ()
    class_temperatures: tuple[float, ...] = ()
    thermal_range: tuple[float, float] | None = None
    reads: tuple[str, ...] = ("visible",)
    normalizer: Normalizer = field(default_factory=Normalizer)
    rng: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(SEED))

    def generator(self, *, in_channels: int, out_channels: int) -> Generator:
        return self.make(in_channels, out_channels)

    def discriminator(self, *, in_channels: int) -> nn.Module:
        return self.normalizer.wrap(nn.Sequential(nn.Conv2d(in_channels, 4, 3), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 1)))


def build(config: CUTConfig, parts: TinyParts | None = None) -> CUT:
    torch.manual_seed(0)
    parts = parts or TinyParts()
    method = CUT(config, parts)
    method.prepare_training(parts)
    return method.double()


def train_step_of(method: CUT) -> TrainStep:
    return TrainStep(method, budget=Budget(steps=10, constant=1))


def batches(count: int, thermal: int = 1, size: int = SIZE) -> list[dict[str, Tensor]]:
    stream = torch.Generator().manual_seed(5)
    shapes = {"visible": (2, 3, size, size), "thermal": (2, thermal, size, size)}
    return [
        {name: torch.rand(shape, generator=stream, dtype=torch.float64) * 2 - 1 for name, shape in shapes.items()}
        for _ in range(count)
    ]


class PlainAdam:
    """Kingma & Ba 2015, Algorithm 1."""

    def __init__(self, modules: list[nn.Module], lr: float, beta1: float, beta2: float) -> None:
        self.weights = [p for module in modules for p in module.parameters()]
        self.m = [torch.zeros_like(p) for p in self.weights]
        self.v = [torch.zeros_like(p) for p in self.weights]
        self.lr, self.beta1, self.beta2, self.t = lr, beta1, beta2, 0

    def step(self, gradients: Sequence[Tensor], factor: float) -> None:
        self.t += 1
        for p, m, v, g in zip(self.weights, self.m, self.v, gradients, strict=True):
            m.copy_(self.beta1 * m + (1 - self.beta1) * g)
            v.copy_(self.beta2 * v + (1 - self.beta2) * g * g)
            m_hat, v_hat = m / (1 - self.beta1**self.t), v / (1 - self.beta2**self.t)
            p.data -= self.lr * factor * m_hat / (v_hat.sqrt() + 1e-8)


class PlainCUT:
    """The published training step, in the order of the published code, with an Adam each for G and the head."""

    def __init__(self, method: CUT, config: CUTConfig, normalizer: Normalizer, layers: Sequence[int]) -> None:
        self.nets: dict[str, nn.Module] = {name: copy.deepcopy(getattr(method, name)) for name in ("G", "D", "head")}
        self.config, self.normalizer, self.layers = config, normalizer, layers
        settings = (config.lr, config.beta1, config.beta2)
        self.adams = {name: PlainAdam([net], *settings) for name, net in self.nets.items()}
        self.draws = torch.Generator().manual_seed(SEED)

    def adversarial(self, logits: Tensor, real: bool) -> Tensor:
        if self.config.gan == "lsgan":
            return ((logits - (1.0 if real else 0.0)) ** 2).mean()
        probability = 1 / (1 + (-logits).exp())
        return -(probability if real else 1 - probability).log().mean()

    def vectors(self, image: Tensor, places: list[Tensor], mirrored: bool) -> list[Tensor]:
        found = []
        for number, (layer, place) in enumerate(zip(self.layers, places, strict=True)):
            feature = self.nets["G"].model[: layer + 1](image.repeat(1, 3 // image.shape[1], 1, 1))
            if mirrored:
                feature = feature.flip(3)
            rows = feature.permute(0, 2, 3, 1).reshape(len(feature), -1, feature.shape[1])[:, place]
            first, _, second = self.nets["head"].get_submodule(f"mlp_{number}")
            hidden = (rows @ first.weight.T + first.bias).clamp(min=0) @ second.weight.T + second.bias
            found.append(hidden / ((hidden**2).sum(2, keepdim=True).sqrt() + 1e-7))
        return found

    def contrast(self, source: Tensor, made: Tensor, places: list[Tensor], mirrored: bool) -> Tensor:
        queries = self.vectors(made, places, mirrored)
        keys = [vectors.detach() for vectors in self.vectors(source, places, False)]
        total = torch.zeros((), dtype=torch.float64)
        for q, k in zip(queries, keys, strict=True):
            count = q.shape[1]
            negatives = torch.einsum("npd,nqd->npq", q, k)
            negatives = torch.where(torch.eye(count, dtype=torch.bool), torch.tensor(-10.0).double(), negatives)
            logits = torch.cat(((q * k).sum(2, keepdim=True), negatives), 2) / self.config.temperature
            total = total - logits.log_softmax(2)[:, :, 0].mean()
        return total / len(self.layers)

    def step(self, batch: dict[str, Tensor], factor: float) -> dict[str, float]:
        a, b = batch["visible"], batch["thermal"]
        g, d, config = self.nets["G"], self.nets["D"], self.config
        mirrored = config.flip and torch.rand(1, generator=self.draws).item() < 0.5
        fake = g(a.flip(3) if mirrored else a)
        terms = {"discriminator/D": (self.adversarial(d(b), True) + self.adversarial(d(fake.detach()), False)) / 2}
        if isinstance(self.normalizer, Penalty):
            terms["discriminator/penalty"] = 3 * (d(b) * d(fake.detach())).mean() ** 2
        self.adams["D"].step(torch.autograd.grad(sum(terms.values()), self.adams["D"].weights), factor)
        if isinstance(self.normalizer, Penalty):
            for p in d.parameters():
                p.data.clamp_(-0.2, 0.2)
        side = SIZE * SIZE
        places = [torch.randperm(side, generator=self.draws)[: config.patches] for _ in self.layers]
        share = 0.5 if config.identity else 1.0
        player = {"generator/gan": self.adversarial(d(fake), True)}
        player["generator/nce"] = share * config.nce * self.contrast(a, fake, places, mirrored)
        if config.identity:
            grey = b.repeat(1, 3 // b.shape[1], 1, 1)
            made = g(grey.flip(3) if mirrored else grey)
            player["generator/nce_identity"] = share * config.nce * self.contrast(grey, made, places, mirrored)
        translator, head = self.adams["G"], self.adams["head"]
        gradients = torch.autograd.grad(sum(player.values()), translator.weights + head.weights)
        translator.step(gradients[: len(translator.weights)], factor)
        head.step(gradients[len(translator.weights) :], factor)
        return {name: value.item() for name, value in (terms | player).items()}


@pytest.mark.parametrize(
    ("config", "thermal", "normalizer"),
    [
        (CUTConfig(patches=9, width=16), 1, Normalizer()),
        (CUTConfig(patches=99, width=16, gan="log", nce=2.0), 3, Penalty()),
        (CUTConfig(patches=9, width=16, nce=10.0, identity=False, flip=True, lr=0.01), 1, Normalizer()),
        (CUTConfig(patches=7, width=12, flip=True, layers=(1, 3), temperature=0.2, lr=0.01), 3, Normalizer()),
    ],
)
def test_steps_are_those_of_the_equations(config: CUTConfig, thermal: int, normalizer: Normalizer) -> None:
    method = build(config, TinyParts(thermal_channels=thermal, normalizer=normalizer))
    plain = PlainCUT(method, config, normalizer, config.layers or TinyGenerator.tap_layers)
    train_step = train_step_of(method)
    for number, batch in enumerate(batches(5, thermal=thermal)):
        factor = 1 - number / 10
        expected = plain.step(batch, factor)
        train_step.step(batch, number)
        assert train_step.losses.read(number) == pytest.approx(expected, rel=1e-8)
    for name, net in plain.nets.items():
        ours = dict(getattr(method, name).state_dict())
        torch.testing.assert_close(dict(net.state_dict()), ours, rtol=1e-6, atol=1e-9)


def test_the_discriminator_has_its_turn_first() -> None:
    assert CUT.order == ("discriminator", "generator")


def test_a_mirrored_batch_changes_no_contrast_of_a_network_that_sees_single_pixels() -> None:
    def pointwise(inputs: int, outputs: int) -> Generator:
        return TinyGenerator(inputs, outputs, kernel=1)

    batch, contrasts, flips = batches(1)[0], [], []
    method = build(CUTConfig(identity=False, flip=True, patches=36), TinyParts(make=pointwise))
    for _ in range(12):
        state = method(batch)
        contrasts.append(method.losses("generator", state)["nce"].item())
        flips.append(state["flipped"].item())
        shown = batch["visible"].flip(-1) if flips[-1] else batch["visible"]
        assert torch.equal(state["fake"], method.G(shown))
    assert {True, False} == set(flips)
    assert contrasts == pytest.approx([contrasts[0]] * 12, rel=1e-9)


def test_half_of_the_batches_are_mirrored() -> None:
    method = build(FASTCUT)
    batch = batches(1)[0]
    share = sum(method(batch)["flipped"].item() for _ in range(400)) / 400
    assert abs(share - 0.5) < 0.1  # four standard deviations


def test_translation_mirrors_nothing() -> None:
    method = build(FASTCUT)
    visible = batches(1)[0]["visible"]
    assert all(torch.equal(method.translate({"visible": visible}), method.G(visible)) for _ in range(6))


def test_head_of_the_published_networks_has_the_published_parameters_and_names() -> None:
    def published(inputs: int, outputs: int) -> Generator:
        return ResNetGenerator(ResNetConfig(in_channels=inputs, out_channels=outputs, antialias=True, init="xavier"))

    parts = TinyParts(make=published, thermal_channels=3, size=16)
    method = CUT(CUTConfig(), parts)
    method.prepare_training(parts)
    assert sum(p.numel() for p in method.head.parameters()) == 560_384
    names = [f"mlp_{i}.{j}.{kind}" for i in range(5) for j in (0, 2) for kind in ("weight", "bias")]
    assert list(method.head.state_dict()) == names
    assert method.head.mlp_1[0].in_features == 128


def test_building_the_head_moves_no_random_stream() -> None:
    def generator(inputs: int, outputs: int) -> Generator:
        config = ResNetConfig(in_channels=inputs, out_channels=outputs, width=4, blocks=3, dropout=True, norm="batch")
        return ResNetGenerator(config)

    parts = TinyParts(make=generator, size=16)
    torch.manual_seed(0)
    alone = parts.generator(in_channels=3, out_channels=1), parts.discriminator(in_channels=1)
    after, own = torch.get_rng_state(), parts.rng.get_state()
    torch.manual_seed(0)
    method = CUT(CUTConfig(), parts)
    method.prepare_training(parts)
    assert torch.equal(torch.get_rng_state(), after)
    assert torch.equal(parts.rng.get_state(), own)
    for network, expected in zip((method.G, method.D), alone, strict=True):
        assert all(torch.equal(network.state_dict()[name], value) for name, value in expected.state_dict().items())
    assert all(module.training for module in method.modules())


def resnet(inputs: int, outputs: int) -> Generator:
    return ResNetGenerator(ResNetConfig(in_channels=inputs, out_channels=outputs, width=8, blocks=3))


def blurred(inputs: int, outputs: int) -> Generator:
    return ResNetGenerator(ResNetConfig(in_channels=inputs, out_channels=outputs, width=8, blocks=3, antialias=True))


def unet(inputs: int, outputs: int) -> Generator:
    return UNetGenerator(UNetConfig(in_channels=inputs, out_channels=outputs, width=2, downs=5))


@pytest.mark.parametrize("config", [CUTConfig(width=16, lr=2e-3), FASTCUT], ids=["cut", "fastcut"])
@pytest.mark.parametrize("make", [resnet, blurred, unet])
def test_training_changes_every_network_and_lowers_the_contrast(make: Any, config: CUTConfig) -> None:
    torch.manual_seed(0)
    parts = TinyParts(make=make, size=32)
    method = CUT(msgspec.convert({**msgspec.to_builtins(config), "lr": 2e-3}, CUTConfig), parts)
    method.prepare_training(parts)
    before = copy.deepcopy(method.state_dict())
    train_step = train_step_of(method)
    batch = {name: value.float() for name, value in batches(1, size=32)[0].items()}
    contrasts = []
    for step in range(8):
        train_step.step(batch)
        losses = train_step.losses.read(step)
        assert all(math.isfinite(value) for value in losses.values())
        contrasts.append(losses["generator/nce"])
    assert contrasts[-1] < contrasts[0]
    changed = {
        name.split(".")[0] for name, value in method.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"G", "D", "head"}


def test_a_translator_has_one_network() -> None:
    method = CUT(CUTConfig(), TinyParts())
    assert {name.split(".")[0] for name in method.state_dict()} == {"G"} == set(method.inference)


def test_a_layer_that_the_generator_does_not_have_is_refused() -> None:
    parts = TinyParts()
    with pytest.raises(UsageError, match="0 to 4"):
        CUT(CUTConfig(layers=(0, 9)), parts).prepare_training(parts)


def test_a_generator_that_names_no_layers_needs_some_from_the_user() -> None:
    class Nameless(TinyGenerator):
        tap_layers = ()

    parts = TinyParts(make=Nameless)
    with pytest.raises(UsageError, match="names no layers"):
        CUT(CUTConfig(), parts).prepare_training(parts)
    CUT(CUTConfig(layers=(0, 1)), parts).prepare_training(parts)


def test_no_layers_are_refused() -> None:
    with pytest.raises(UsageError, match="cut got no layers"):
        CUTConfig(layers=())


def test_the_config_goes_to_json_and_back() -> None:
    config = CUTConfig(layers=(0, 4, 7), flip=True)
    assert msgspec.json.decode(msgspec.json.encode(config), type=CUTConfig) == config


def test_the_rows_name_one_class_with_the_papers_defaults() -> None:
    cut, fast = zoo_components()
    assert (cut.name, fast.name) == ("cut", "fastcut")
    assert {cut.target, fast.target} == {f"{CUT.__module__}:{CUT.__name__}"}
    assert cut.config == CUTConfig()
    assert fast.config == FASTCUT
    assert cut.contract.needs == fast.contract.needs == {"taps"}
