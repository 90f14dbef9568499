"""The part under test, as the checks of several kinds use it: build it, run it, train it for one step."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import lcm
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zoo.build import build
from zoo.choices import Choice
from zoo.contracts import Batch, Method, Normalizer
from zoo.errors import RefusedError
from zoo.hookspec import Kind
from zoo.testing.checks import CheckError
from zoo.testing.stubs import SmallDiscriminator, partners_of, scenes_batch, small_parts

Size = tuple[int, int]
"""Height and width in pixels."""
LARGEST = 1024
"""Largest side in pixels among the tested sizes."""


@dataclass(frozen=True)
class Harness(ABC):
    """A part that holds weights, with its options; the defaults are those of networks."""

    choice: Choice

    @abstractmethod
    def build(self, seed: int | None = 0) -> nn.Module:
        """Return the part, its weights drawn from torch's global stream, which is seeded unless `seed` is None."""

    @abstractmethod
    def example(self, seed: int = 0) -> Any:
        """Return an input for it, always the same for a seed."""

    def output(self, part: nn.Module, example: Any) -> Tensor:
        """Return images or logits for an example, in the part's present mode."""
        y: Tensor = part(example)
        return y

    def step(self, part: nn.Module, example: Any) -> list[Tensor]:
        """Run forward and backward, as in training; return the losses and all gradients, also those by the images."""
        x = example.clone().requires_grad_(True)
        y = self.output(part, x)
        loss = (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum()  # every output takes part
        part.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [parameter.grad for parameter in part.parameters() if parameter.grad is not None]
        return [loss.detach(), *gradients, *([x.grad] if x.grad is not None else [])]


@dataclass(frozen=True)
class NetworkHarness(Harness):
    """A generator or discriminator."""

    @property
    def translates(self) -> bool:
        """Whether it is a generator."""
        return self.choice.kind == "generator"

    @property
    def fixed_size(self) -> bool:
        """Whether the network is built for one image size, from which options follow."""
        return self.choice.fixed_size

    def sides(self, n: int = 2) -> list[int]:
        """Return the smallest sides in pixels that the contract allows; of two in sequence one is an odd multiple."""
        multiple = self.choice.contract.size_multiple
        found = list(islice(filter(self.takes, range(multiple, LARGEST + 1, multiple)), n))
        if len(found) < n:
            fix = "Correct the contract's size_multiple and min_size, or for_sides() or for_size()"
            raise CheckError(f"{n} sizes up to {LARGEST} px that it takes", f"{found or 'none'}", fix)
        return found

    def sizes(self) -> list[Size]:
        """Return square sizes and, unless a discriminator requires them, others."""
        small, large = self.sides()
        if self.fixed_size:
            wider = small + self.choice.for_size(small).contract.size_multiple
            return [
                (small, small),
                (large, large),
                *([(small, wider)] if self.translates or not self.choice.square_only else []),
            ]
        return [(small, small), (large, large), (small, large), (large, small)]

    def takes(self, side: int) -> bool:
        """Whether the contract allows images of this side in pixels."""
        contract = self.choice.contract
        if side % contract.size_multiple or side < contract.min_size:
            return False
        try:
            self.choice.for_size(side)
        except RefusedError:
            return False
        return True

    def network(
        self, *, seed: int | None = 0, channels: Sequence[int] = (3, 1), side: int | Size | None = None
    ) -> nn.Module:
        """Return the network for images of these channels in and out (or in alone) and this size."""
        names = ("in_channels", "out_channels") if self.translates else ("in_channels",)
        missing = [name for name in names if not self.choice.has(name)]
        if missing:
            expected = f"a config with {' and '.join(names)}, which recipes set"
            fix = f"Add the field {missing[0]}: int to the config, and build the network with it"
            raise CheckError(expected, f"no field {' or '.join(missing)}", fix)
        sized = self.choice.for_size(side or self.sides(1)[0])
        _seed(seed)
        built: nn.Module = build(sized.with_options(dict(zip(names, channels, strict=False)), named=True))
        return built

    def inputs(self, x: Tensor) -> dict[str, Tensor]:
        """Return the further inputs [N] of the network for images."""
        return {name: torch.linspace(0.25, 0.75, len(x)).to(x) for name in self.choice.contract.inputs}

    def output(self, part: nn.Module, example: Tensor) -> Tensor:
        """Return images or logits for images, in the part's present mode."""
        y: Tensor = part(example, **self.inputs(example))
        return y

    def build(self, seed: int | None = 0) -> nn.Module:
        """Return the network for visible images, or a discriminator for thermal ones."""
        return self.network(seed=seed, channels=(3, 1) if self.translates else (1,))

    def example(self, seed: int = 0) -> Tensor:
        """Return two square images of the second smallest size, or of the only one that the network was built for."""
        side = self.sides(1)[0] if self.fixed_size else self.sides()[1]
        return images(2, 3 if self.translates else 1, (side, side), seed)


@dataclass(frozen=True)
class DiscriminatorHarness(NetworkHarness):
    """A normalizer, around a small discriminator."""

    def normalizer(self) -> Normalizer:
        """Return the normalizer itself."""
        built: Normalizer = build(self.choice)
        return built

    def sizes(self) -> list[Size]:
        """Return a square size and another."""
        return [(16, 16), (16, 20)]

    def network(
        self, *, seed: int | None = 0, channels: Sequence[int] = (1,), side: int | Size | None = None
    ) -> nn.Module:
        """Return the discriminator as the normalizer wraps it."""
        normalizer = self.normalizer()
        _seed(seed)
        return normalizer.wrap(SmallDiscriminator(channels[0]))

    def example(self, seed: int = 0) -> Tensor:
        """Return two images."""
        return images(2, 1, (16, 16), seed)


@dataclass(frozen=True)
class MethodHarness(Harness):
    """A method, on small networks and a few rendered street scenes."""

    @property
    def size(self) -> int:
        """The smallest side in pixels that the method takes, at least 32, and of which its partners take three quarters."""
        contracts = [partner.contract for partner in self.partners.values()]
        least = max(32, self.choice.contract.min_size, *(-(-4 * contract.min_size // 3) for contract in contracts))
        multiple = lcm(self.choice.contract.size_multiple, *(4 * contract.size_multiple for contract in contracts))
        return -(-least // multiple) * multiple

    @property
    def partners(self) -> dict[Kind, Choice]:
        """The parts that replace stubs, by kind."""
        return partners_of(self.choice)

    @property
    def reads(self) -> tuple[str, ...]:
        """The entries that the method and its generator read."""
        partner = self.partners.get("generator")
        return tuple(dict.fromkeys((*self.choice.contract.reads, *(partner.contract.reads if partner else ()))))

    def method(
        self,
        *,
        seed: int | None = 0,
        thermal_channels: int = 1,
        training: bool = True,
        rng: torch.Generator | None = None,
        size: int | Size | None = None,
    ) -> Method:
        """Return the method, ready for training or only for translation; one without optimizers is fitted to two pairs,
        unless its contract offers `unfitted`, as in a run.

        `rng` is its `parts.rng`; by default a new stream. `size` is that of the images, by default the smallest square.
        """
        size = size or self.size
        parts = small_parts(size, thermal_channels, timed="time" in self.choice.contract.needs, partners=self.partners)
        parts.rng = rng or parts.rng
        _seed(seed)
        method: Method = build(self.choice.for_size(size), parts)
        if training:
            method.prepare_training(parts)
            if not method.order and "unfitted" not in self.choice.contract.offers:
                method.fit([self.example(thermal_channels=thermal_channels, size=size)])
        return method

    def build(self, seed: int | None = 0) -> Method:
        """Return the method, ready for training."""
        return self.method(seed=seed)

    def example(self, seed: int = 0, *, thermal_channels: int = 1, size: int | Size | None = None) -> Batch:
        """Return two pairs of `scenes` with labels, degrees and the declared entries that the contract reads or needs.

        `size` is that of the images, by default the smallest square.
        """
        contract = self.choice.contract
        return scenes_batch(size or self.size, thermal_channels=thermal_channels, reads={*self.reads, *contract.needs})

    def output(self, part: nn.Module, example: Batch) -> Tensor:
        """Return translations of what the contract reads."""
        assert isinstance(part, Method)
        return part.translate({name: example[name] for name in self.reads})

    def step(self, part: nn.Module, example: Batch) -> list[Tensor]:
        """Return the losses and gradients of one update by each optimizer."""
        assert isinstance(part, Method)
        found: list[Tensor] = []
        for name in dict.fromkeys(part.order):
            loss, parameters = backward_pass(part, name, example)
            found += [loss.detach(), *(p.grad.clone() for p in parameters.values() if p.grad is not None)]
        return found


def harness_of(choice: Choice) -> Harness:
    """Return the harness of a generator, discriminator, normalizer or method."""
    return MethodHarness(choice) if choice.kind == "method" else network_harness(choice)


def network_harness(choice: Choice) -> NetworkHarness:
    """Return the harness of a generator, discriminator or normalizer."""
    return DiscriminatorHarness(choice) if choice.kind == "normalizer" else NetworkHarness(choice)


def backward_pass(method: Method, name: str, batch: Batch) -> tuple[Tensor, dict[str, nn.Parameter]]:
    """Compute the gradients of one optimizer's update; return the sum of its losses and its parameters by name.

    As in the engine, only its parameters receive gradients, and all optimizers share the translations. The step is one in the
    middle of a training, so that a loss that appears or fades out with the progress is there.
    """
    networks = method.networks()
    if name not in networks:
        expected = f"networks() to name every optimizer of `order`, {', '.join(method.order)}"
        raise CheckError(expected, f"networks() names {', '.join(networks) or 'none'}", "Give both the same names")
    own = {id(parameter) for network in networks[name] for parameter in network.parameters()}
    trained = {key: parameter for key, parameter in method.named_parameters() if parameter.requires_grad}
    for parameter in method.parameters():
        parameter.grad = None
    device = batch["visible"].device
    middle = {"step": torch.tensor(500, device=device), "progress": torch.tensor(0.5, device=device)}
    state = method({**batch, **middle})
    for parameter in trained.values():
        parameter.requires_grad_(id(parameter) in own)
    loss = torch.stack(list(method.losses(name, state).values())).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    for parameter in trained.values():
        parameter.requires_grad_(True)
    return loss, {key: parameter for key, parameter in trained.items() if id(parameter) in own}


def _seed(seed: int | None) -> None:
    if seed is not None:
        torch.manual_seed(seed)


def reseed(seed: int) -> None:
    """Seed torch's, Python's and NumPy's streams."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def images(n: int, channels: int, size: Size, seed: int = 0) -> Tensor:
    """Return random images [n, channels, *size] in [-1, 1], some of them bright and some dark."""
    stream = torch.Generator().manual_seed(seed)
    noise = torch.rand(n, channels, *size, generator=stream) * 2 - 1
    return (noise + torch.linspace(-0.5, 0.5, n).view(-1, 1, 1, 1)).clamp(-1, 1)
