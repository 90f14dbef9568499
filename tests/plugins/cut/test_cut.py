"""CUT's losses and updates against the equations, written out again in float64 without zoo's losses or Adam."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest
import torch
from method_parts import SIZE, Penalty, PlainAdam, batches
from torch import Tensor, nn

from zoo.contracts import Normalizer
from zoo_plugins.cut.config import CUTConfig
from zoo_plugins.cut.method import CUT

from .conftest import SEED, CUTParts, TinyGenerator, build, train_step_of


class PlainCUT:
    """The published training step, in the order of the published code, with an Adam each for G and the head."""

    def __init__(self, method: CUT, config: CUTConfig, normalizer: Normalizer, layers: Sequence[int]) -> None:
        self.nets: dict[str, nn.Module] = {name: copy.deepcopy(getattr(method, name)) for name in ("G", "D", "head")}
        self.config, self.normalizer, self.layers = config, normalizer, layers
        settings = {"lr": config.lr, "beta1": config.beta1, "beta2": config.beta2}
        self.adams = {name: PlainAdam(net, **settings) for name, net in self.nets.items()}
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
    method = build(config, CUTParts(thermal_channels=thermal, normalizer=normalizer))
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
