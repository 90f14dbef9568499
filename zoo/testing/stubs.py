"""The other parts of a recipe, with which a part is checked: small stubs, `Parts` on rendered scenes, or parts of its plugin."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.build import build
from zoo.choices import Choice
from zoo.compatibility import FEATURES
from zoo.contracts import Batch, Discriminator, Generator, Normalizer
from zoo.data.store import PairStore
from zoo.hookspec import Kind
from zoo.registry import get_registry
from zoo.sizes import Size
from zoo.sources import DataSource, open_source
from zoo.testing.running import small_config

WIDTH = 4
PAIRS = 4
"""Training pairs of `scenes`."""
DECLARED = ("boxes", "daytime")
"""Entries that `scenes` declares on request."""
NO_PARTNERS: Mapping[Kind, Choice] = MappingProxyType({})
STUBS: Mapping[Kind, frozenset[str]] = {
    "generator": frozenset({"taps", "time"}),
    "discriminator": frozenset({"features", "double_backward", "independent_samples"}),
}
"""What the small stubs offer, by kind."""


class SmallGenerator(Generator):
    """forward(x [N, in, H, W]) -> [N, out, H, W] in [-1, 1], of any size; with `timed` also a time [N], and not bounded."""

    tap_layers = (0, 1, 2)

    def __init__(self, in_channels: int, out_channels: int, *, timed: bool = False) -> None:
        super().__init__()
        self.enter = nn.Conv2d(in_channels, WIDTH, 3, padding=1)
        self.leave = nn.Conv2d(WIDTH, out_channels, 3, padding=1)
        self.shift = nn.Linear(1, WIDTH) if timed else None

    def forward(self, x: Tensor, *, time: Tensor | None = None) -> Tensor:
        """Return images, or with a time what the method trains the network for."""
        entered = self.enter(x)
        if self.shift is None:
            return torch.tanh(self.leave(F.leaky_relu(entered, 0.2)))
        assert time is not None, "a method that needs `time` passes it"
        y: Tensor = self.leave(F.leaky_relu(entered + self.shift(time[:, None])[..., None, None], 0.2))
        return y

    def taps(self, x: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Return the image, its features, and their means over 2x2 pixels, in the order of `layers`."""
        entered = F.leaky_relu(self.enter(x), 0.2)
        features = [x, entered, F.avg_pool2d(entered, 2)]
        return [features[layer] for layer in layers]


class SmallDiscriminator(Discriminator):
    """forward(x [N, C, H, W]) -> logits [N, 1, h, w]; linear between the kinks of its leaky ReLUs."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, WIDTH, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(WIDTH, 2 * WIDTH, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * WIDTH, 1, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return one logit for each patch."""
        logits: Tensor = self.layers(x)
        return logits

    def features(self, x: Tensor) -> list[list[Tensor]]:
        """Return the features of the first two convolutions and the logits, for one scale."""
        first = self.layers[:2](x)
        second = self.layers[2:4](first)
        return [[first, second, self.layers[4](second)]]


class LinearDiscriminator(Discriminator):
    """forward(x [N, C, H, W]) -> logits [N, 1] = w.x, whose gradient by the image has the norm `slope` everywhere."""

    def __init__(self, pixels: int, slope: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((pixels,), slope / pixels**0.5))

    def forward(self, x: Tensor) -> Tensor:
        """Return one logit for each image."""
        return (x.flatten(1) @ self.weight)[:, None]


class SmallParts:
    """What a method is built from, on `scenes`, with a newly seeded random stream; implements `zoo.contracts.Parts`."""

    batch, visible_channels = 2, 3

    def __init__(self, size: Size, thermal_channels: int, *, timed: bool, partners: Mapping[Kind, Choice]) -> None:
        self.size, self.thermal_channels, self.source = size, thermal_channels, _source(size)
        self.class_temperatures = scenes(size, thermal_channels).class_temperatures
        self.rng = torch.Generator().manual_seed(0)
        self.normalizer = Normalizer()
        self.timed, self.partners = timed, {kind: choice.for_size(size) for kind, choice in partners.items()}
        generator = self.partners.get("generator")
        self.reads = generator.contract.reads if generator else ("visible",)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of `scenes`."""
        return self.source.info.classes

    @property
    def thermal_range(self) -> tuple[float, float] | None:
        """Degrees Celsius at thermal -1 and 1."""
        return self.source.info.thermal_range

    def generator(self, *, in_channels: int, out_channels: int) -> Generator:
        """Build a small generator."""
        if partner := self.partners.get("generator"):
            options = {"in_channels": in_channels, "out_channels": out_channels}
            network: Generator = build(partner.with_options(options, named=True))
            return network
        return SmallGenerator(in_channels, out_channels, timed=self.timed)

    def discriminator(self, *, in_channels: int) -> nn.Module:
        """Build a small discriminator."""
        partner = self.partners.get("discriminator")
        if partner is None:
            return self.normalizer.wrap(SmallDiscriminator(in_channels))
        return self.normalizer.wrap(build(partner.with_options({"in_channels": in_channels}, named=True)))


def small_parts(
    size: Size, thermal_channels: int = 1, *, timed: bool = False, partners: Mapping[Kind, Choice] = NO_PARTNERS
) -> SmallParts:
    """Return the parts of a recipe with a newly seeded random stream.

    Args:
        size, thermal_channels: of the images.
        timed: whether the small generator takes a time.
        partners: parts to build in place of the small ones, by kind.
    """
    return SmallParts(size, thermal_channels, timed=timed, partners=partners)


def scenes_batch(size: Size, *, thermal_channels: int = 1, n: int = 2, reads: Collection[str] = ()) -> Batch:
    """Return the first `n` training pairs of `scenes`, uncropped, with all entries of the set and another program's image.

    Where they are in `reads`, they have the entries `boxes` and `daytime` that the set can declare.
    """
    declared = tuple(name for name in DECLARED if name in reads)
    batch = scenes(size, thermal_channels, declared).whole(torch.arange(n))
    return batch | {"prediction": batch["thermal"].mean(dim=1, keepdim=True)}


@cache
def scenes(size: Size, thermal_channels: int, reads: tuple[str, ...] = ()) -> PairStore:
    """Return a few rendered street scenes, with the declared entries that are read."""
    root = _source(size, entries=bool(reads)).root
    return PairStore.open(root, "train", size=size, device="cpu", thermal_channels=thermal_channels, reads=reads)


@cache
def _source(size: Size, *, entries: bool = False) -> DataSource:
    return open_source(f"scenes:train={PAIRS},test=2{',entries=true' * entries}", size=size)


def partners_of(method: Choice) -> dict[Kind, Choice]:
    """Return, by kind, the parts that a method needs in place of a stub: of its own plugin first, else any installed one.

    A need that no installed part offers has no partner: it is an entry of datasets, or the method's own code reports it.
    """
    found: dict[Kind, Choice] = {}
    for kind, stub in STUBS.items():
        wanted = {need for need in method.contract.needs if FEATURES.get(need, (kind,))[0] == kind} - set(DECLARED)
        if kind not in method.contract.uses or wanted <= stub:
            continue
        known = {need for need in wanted if need in FEATURES}
        offering = [each for each in _candidates(method, kind) if known <= each.contract.offers]
        best = max(offering, key=lambda each: len(wanted & each.contract.offers), default=None)
        if best and wanted & best.contract.offers > wanted & stub:
            found[kind] = best
    return found


def _candidates(method: Choice, kind: Kind) -> Iterator[Choice]:
    """Yield the small parts of a kind, those of the method's plugin first."""
    own = [Choice(plugin=method.plugin, component=row, config=row.config) for row in method.plugin.components]
    others = [each for each in get_registry().choices if each.plugin.name != method.plugin.name]
    for choice in (*own, *others):
        if choice.kind == kind:
            yield Choice(plugin=choice.plugin, component=choice.component, config=small_config(choice.component))
