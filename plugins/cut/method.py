"""CUT and FastCUT (Park et al. 2020) with the losses and weights of the authors' code."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.contracts import Batch, Generator, Method, OptimizerSpec, Parts, State
from zoo.errors import UsageError
from zoo.layers.gan import discriminator_terms, generator_term
from zoo.sizes import Size, height_width

from .config import CUTConfig
from .contrast import PatchHead, draw_places, patch_nce


class CUT(Method):
    """A translator G from visible to thermal, a discriminator D, and a patch-wise contrastive loss on features of G's encoder.

    With visible a, thermal b, and PatchNCE(x, y) the mean over layers of `patch_nce` between the patches of x and of y,
    the generator and the head minimise (equation 5)

        gan(D(G(a)), 1) + `nce` (PatchNCE(a, G(a)) + PatchNCE(b, G(b))) / 2,

    without `identity` gan(D(G(a)), 1) + `nce` PatchNCE(a, G(a)). The discriminator minimises half of
    gan(D(b), 1) + gan(D(G(a)), 0), plus its normalizer's penalty in full; it is updated first. The source's side of the
    contrastive loss gets no gradient. Where G reads more channels than thermal images have, grey is repeated in each of them.
    """

    order = ("discriminator", "generator")
    inference = ("G",)

    G: Generator

    def __init__(self, config: CUTConfig, parts: Parts) -> None:
        super().__init__()
        self.config, self.normalizer, self.rng = config, parts.normalizer, parts.rng
        self.visible_channels = parts.visible_channels
        self.G = parts.generator(in_channels=parts.visible_channels, out_channels=parts.thermal_channels)
        self.layers = self.G.tap_layers if config.layers is None else config.layers

    def prepare_training(self, parts: Parts) -> None:
        """Build the discriminator, and the head for the channels of the generator's features.

        Raises:
            UsageError: the generator does not have a layer, or names none.
        """
        self.D = parts.discriminator(in_channels=parts.thermal_channels)
        channels = self._feature_channels(parts.size)
        self.head = PatchHead(channels, width=self.config.width, seed=parts.rng.initial_seed())

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return the generator with the head, and the discriminator, each with an optimizer."""
        return {"generator": [self.G, self.head], "discriminator": [self.D]}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return the same settings for both."""
        return OptimizerSpec(
            kind=self.config.optimizer, lr=self.config.lr, betas=(self.config.beta1, self.config.beta2)
        )

    def forward(self, batch: Batch) -> State:
        """Translate the visible images, and the thermal ones with them for the identity contrast."""
        source = batch["visible"]
        if self.config.identity:
            source = torch.cat((source, self._as_visible(batch["thermal"])))
        state = {"source": source, "thermal": batch["thermal"]}
        inputs = source
        if self.config.flip:
            state["flipped"] = torch.rand(1, generator=self.rng, device=source.device) < 0.5
            inputs = torch.where(state["flipped"], source.flip(-1), source)
        made = self.G(inputs)
        return {**state, "made": made, "fake": made[: len(batch["visible"])]}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of one optimizer."""
        if name == "discriminator":
            fake = state["fake"].detach()
            return discriminator_terms(self.D, self.normalizer, state["thermal"], fake, self.config.gan)
        terms = {"gan": generator_term(self.D, state["thermal"], state["fake"], self.config.gan)}
        contrast, count = self._contrast(state), len(state["fake"])
        if self.config.identity:
            terms["nce"] = 0.5 * self.config.nce * contrast[:count].mean()
            terms["nce_identity"] = 0.5 * self.config.nce * contrast[count:].mean()
        else:
            terms["nce"] = self.config.nce * contrast.mean()
        return terms

    def _contrast(self, state: State) -> Tensor:
        """Return PatchNCE of each source image with its translation, [N] or, with identity, [2 N]."""
        made = self.G.taps(self._as_visible(state["made"]), self.layers)
        if self.config.flip:
            made = [torch.where(state["flipped"], feature.flip(-1), feature) for feature in made]
        places = draw_places(made, self.config.patches, self.rng)
        queries = self.head(made, places)
        with torch.no_grad():
            keys = self.head(self.G.taps(state["source"], self.layers), places)
        temperature = self.config.temperature
        return torch.stack([patch_nce(q, k, temperature) for q, k in zip(queries, keys, strict=True)]).mean(0)

    def after_step(self, name: str) -> None:
        """Let the normalizer change the discriminator's weights."""
        if name == "discriminator":
            self.normalizer.after_step(self.D)

    def translate(self, batch: Batch) -> Tensor:
        """Return G's thermal images."""
        thermal: Tensor = self.G(batch["visible"])
        return thermal

    def _as_visible(self, thermal: Tensor) -> Tensor:
        """Return thermal images [N, C, H, W] with as many channels as G reads; grey is repeated."""
        return thermal.expand(-1, self.visible_channels, -1, -1)

    def _feature_channels(self, size: Size) -> list[int]:
        if not self.layers:
            raise UsageError(
                "this generator names no layers for the contrastive loss", "Use the method's option `layers`."
            )
        training = self.G.training
        # A generator may draw noise even in eval mode; this pass must not change the random stream of the other networks.
        with torch.random.fork_rng(devices=()), torch.no_grad():
            try:
                features = self.G.eval().taps(torch.zeros(1, self.visible_channels, *height_width(size)), self.layers)
            except ValueError as error:
                raise UsageError(f"cut cannot use layers {list(self.layers)}: {error}") from error
            finally:
                self.G.train(training)
        return [feature.shape[1] for feature in features]
