"""The part under test, in the form that the checks of several kinds share: build it, feed it, train it for one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from zoo.build import build
from zoo.contracts import Batch, Method, Normalizer
from zoo.errors import RefusedError
from zoo.registry import Choice
from zoo.testing.failure import CheckError
from zoo.testing.stubs import SmallDiscriminator, scenes_batch, small_parts

Size = tuple[int, int]
"""Height and width in pixels."""
LARGEST = 1024
"""Pixels up to which sizes that a part takes are looked for."""


class Subject(Protocol):
    """A part that holds weights."""

    def build(self, seed: int | None = 0) -> nn.Module:
        """Return the part, its weights drawn from torch's global stream, at this seed or where it stands."""

    def example(self, seed: int = 0) -> Any:
        """Return something to feed it, always the same for a seed."""

    def output(self, part: nn.Module, example: Any) -> Tensor:
        """Return what it makes of an example, in the mode that it is in."""

    def step(self, part: nn.Module, example: Any) -> list[Tensor]:
        """Run forward and backward, as in training; return the losses and all gradients."""


def subject_of(choice: Choice) -> Subject:
    """Return a generator, discriminator, normalizer or method as a subject."""
    if choice.kind == "method":
        return MethodHarness(choice)
    return DiscriminatorHarness(choice) if choice.kind == "normalizer" else NetworkHarness(choice)


@dataclass(frozen=True)
class NetworkHarness:
    """A generator or discriminator."""

    choice: Choice

    @property
    def translates(self) -> bool:
        """Whether it is a generator."""
        return self.choice.kind == "generator"

    @property
    def settles_size(self) -> bool:
        """Whether the options follow from the image size, so that the network is built for one."""
        return callable(getattr(self.choice.config, "for_size", None))

    def sides(self, n: int = 2) -> list[int]:
        """Return the smallest sides in pixels that the contract allows; of two neighbours one is an odd multiple."""
        multiple = self.choice.contract.size_multiple
        found = list(islice(filter(self.takes, range(multiple, LARGEST + 1, multiple)), n))
        if len(found) < n:
            raise CheckError(
                f"{n} sizes up to {LARGEST} px that it takes",
                f"{found or 'none'}",
                "Mend the contract's size_multiple and min_size, or for_size()",
            )
        return found

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

    def network(self, *, seed: int | None = 0, channels: Sequence[int] = (3, 1), side: int | None = None) -> nn.Module:
        """Return the network for images of these channels in and out (or in alone) and this side."""
        names = ("in_channels", "out_channels") if self.translates else ("in_channels",)
        missing = [name for name in names if not self.choice.has(name)]
        if missing:
            raise CheckError(
                f"a config with {' and '.join(names)}, which recipes set",
                f"none of its fields is called {' or '.join(missing)}",
                f"Add the field {missing[0]}: int to the config, and build the network with it",
            )
        sized = self.choice.for_size(side or self.sides(1)[0])
        _seed(seed)
        built: nn.Module = build(sized.with_options(dict(zip(names, channels, strict=False)), named=True))
        return built

    def build(self, seed: int | None = 0) -> nn.Module:
        """Return the network for visible images, or a discriminator for thermal ones."""
        return self.network(seed=seed, channels=(3, 1) if self.translates else (1,))

    def example(self, seed: int = 0) -> Tensor:
        """Return two square images of the second smallest size, or of the only one that the network was built for."""
        side = self.sides(1)[0] if self.settles_size else self.sides()[1]
        return images(2, 3 if self.translates else 1, (side, side), seed)

    def output(self, part: nn.Module, example: Tensor) -> Tensor:
        """Return images or logits."""
        y: Tensor = part(example)
        return y

    def step(self, part: nn.Module, example: Tensor) -> list[Tensor]:
        """Return the loss, and the gradients by parameters and by the images."""
        return network_step(part, example)


@dataclass(frozen=True)
class DiscriminatorHarness:
    """A normalizer, around a small discriminator."""

    choice: Choice
    side: int = 16

    def normalizer(self) -> Normalizer:
        """Return the normalizer itself."""
        built: Normalizer = build(self.choice)
        return built

    def network(self, *, seed: int | None = 0, channels: Sequence[int] = (1,), side: int | None = None) -> nn.Module:
        """Return the discriminator as the normalizer wraps it."""
        normalizer = self.normalizer()
        _seed(seed)
        return normalizer.wrap(SmallDiscriminator(channels[0]))

    def build(self, seed: int | None = 0) -> nn.Module:
        """Return the wrapped discriminator of thermal images."""
        return self.network(seed=seed)

    def example(self, seed: int = 0) -> Tensor:
        """Return two images."""
        return images(2, 1, (self.side, self.side), seed)

    def output(self, part: nn.Module, example: Tensor) -> Tensor:
        """Return logits."""
        y: Tensor = part(example)
        return y

    def step(self, part: nn.Module, example: Tensor) -> list[Tensor]:
        """Return the loss, and the gradients by parameters and by the images."""
        return network_step(part, example)


@dataclass(frozen=True)
class MethodHarness:
    """A method, on small networks and a few rendered street scenes."""

    choice: Choice

    @property
    def size(self) -> int:
        """The smallest side in pixels that the method takes, at least 32."""
        contract = self.choice.contract
        least = max(32, contract.min_size)
        return -(-least // contract.size_multiple) * contract.size_multiple

    def method(
        self,
        *,
        seed: int | None = 0,
        thermal_channels: int = 1,
        training: bool = True,
        rng: torch.Generator | None = None,
    ) -> Method:
        """Return the method, ready for training or only for translation; one without players is fitted to two pairs.

        `rng` is the stream that it gets as `parts.rng`; by default one of its own.
        """
        parts = small_parts(self.size, thermal_channels)
        parts = parts if rng is None else replace(parts, rng=rng)
        _seed(seed)
        method: Method = build(self.choice.for_size(self.size), parts)
        if training:
            method.prepare_training(parts)
            if not method.order:
                method.fit([scenes_batch(self.size, thermal_channels=thermal_channels)])
        return method

    def build(self, seed: int | None = 0) -> Method:
        """Return the method, ready for training."""
        return self.method(seed=seed)

    def example(self, seed: int = 0) -> Batch:
        """Return two pairs of `scenes` with labels and degrees."""
        return scenes_batch(self.size)

    def output(self, part: nn.Module, example: Batch) -> Tensor:
        """Return translations of what the contract reads."""
        assert isinstance(part, Method)
        return part.translate({name: example[name] for name in self.choice.contract.reads})

    def step(self, part: nn.Module, example: Batch) -> list[Tensor]:
        """Return the losses and gradients of one turn of each player."""
        assert isinstance(part, Method)
        found: list[Tensor] = []
        for player in dict.fromkeys(part.order):
            loss, parameters = turn(part, player, example)
            found += [loss.detach(), *(p.grad.clone() for p in parameters.values() if p.grad is not None)]
        return found


def turn(method: Method, player: str, batch: Batch) -> tuple[Tensor, dict[str, nn.Parameter]]:
    """Run one player's turn up to its gradients; return the sum of its losses and its parameters by name.

    As in the engine, only its parameters get gradients, and the translations are shared.
    """
    modules = method.networks()
    if player not in modules:
        raise CheckError(
            f"networks() to name every optimizer of `order`, {', '.join(method.order)}",
            f"networks() names {', '.join(modules) or 'none'}",
            "Give both the same names",
        )
    own = {id(parameter) for module in modules[player] for parameter in module.parameters()}
    names = {name: parameter for name, parameter in method.named_parameters() if id(parameter) in own}
    frozen = {name for name, parameter in method.named_parameters() if not parameter.requires_grad}
    for parameter in method.parameters():
        parameter.grad = None
    state = method(batch)
    for name, parameter in method.named_parameters():
        parameter.requires_grad_(name in names and name not in frozen)
    loss = torch.stack(list(method.losses(player, state).values())).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in method.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return loss, {name: parameter for name, parameter in names.items() if name not in frozen}


def network_step(part: nn.Module, images: Tensor) -> list[Tensor]:
    """Return a loss that every output takes part in, and the gradients by parameters and by the images."""
    x = images.clone().requires_grad_(True)
    y = part(x)
    loss = (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum()
    part.zero_grad()
    loss.backward()
    gradients = [parameter.grad for parameter in part.parameters() if parameter.grad is not None]
    return [loss.detach(), *gradients, *([x.grad] if x.grad is not None else [])]


def _seed(seed: int | None) -> None:
    if seed is not None:
        torch.manual_seed(seed)


def images(n: int, channels: int, size: Size, seed: int = 0) -> Tensor:
    """Return random images [n, channels, *size] in [-1, 1], some of them bright and some dark."""
    stream = torch.Generator().manual_seed(seed)
    noise = torch.rand(n, channels, *size, generator=stream) * 2 - 1
    return (noise + torch.linspace(-0.5, 0.5, n).view(-1, 1, 1, 1)).clamp(-1, 1)
