"""LayerGAN: a generator layer and a discriminator for each class of objects, and the composition of the layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Batch, Method, OptimizerSpec, Parts, State
from zoo.layers.conditions import one_hot
from zoo.layers.gan import discriminator_loss, generator_loss
from zoo.sizes import height_width

from .config import LayerGANConfig
from .network import LayeredGenerator
from .scene import Scene, layer_indices

HOTTEST = 0.99
"""Temperatures are clamped to this before atanh, which is infinite at 1."""


class LayerGAN(Method):
    """Layers L_k, one for each class, and their composition sum_k M_k L_k with the masks M_k of the label map.

    The generator minimises `lambda_l1` |Y - sum_k M_k L_k| + `lambda_adv` sum_k -E D_k(M_k L_k), each discriminator
    E D_k(M_k L_k) - E D_k(M_k Y) plus its normalizer's penalty, with Y the thermal image and | | the mean absolute
    difference (Eqs. 1 and 2; see the README). A class that an image lacks adds nothing to any loss or gradient.
    """

    inference = ("generator",)
    order = ("generator", "discriminator")
    former_names: ClassVar = {"judges": "discriminators"}  # in 0.1
    layer_of_class: Tensor
    """The layer of each class of the dataset, int64 [classes]."""

    def __init__(self, config: LayerGANConfig, parts: Parts) -> None:
        super().__init__()
        self.config, self.parts, self.normalizer = config, parts, parts.normalizer
        self.side = min(height_width(parts.size))  # `for_size` refuses what is no square
        indices = layer_indices(config, parts.classes)
        self.layers = max(indices) + 1
        self.register_buffer("layer_of_class", torch.tensor(indices), persistent=False)
        self.in_channels = (
            parts.visible_channels + len(parts.classes) + config.layered + (config.temperature != "pixel")
        )
        self.generator = LayeredGenerator(
            config,
            in_channels=self.in_channels,
            out_channels=parts.thermal_channels,
            layers=self.layers,
            size=self.side,
        )

    def prepare_training(self, parts: Parts) -> None:
        """Build a discriminator for each layer."""
        channels = parts.thermal_channels + (self.in_channels if self.config.conditional else 0)
        self.discriminators = nn.ModuleList(parts.discriminator(in_channels=channels) for _ in range(self.layers))

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return encoder and decoders and all discriminators, each with an optimizer."""
        return {"generator": [self.generator], "discriminator": [self.discriminators]}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return the Adam of this name."""
        config = self.config
        lr = config.lr if name == "generator" else config.discriminator_lr
        return OptimizerSpec(lr=lr, betas=(config.beta1, config.beta2))

    def forward(self, batch: Batch) -> State:
        """Draw every layer of a batch."""
        scene = Scene.of(batch, self.parts, self.layer_of_class, self.layers)
        every = range(self.layers)
        inputs = self._inputs(scene, every)
        layers = self._finish(self.generator(inputs, every), scene.temperature)
        target = self._target(batch["thermal"], scene.temperature)
        masks = scene.masks
        state = {
            "image": (masks * layers).sum(1),
            "target": target,
            "fakes": masks * layers,
            "reals": masks * target[:, None],
            "present": masks.flatten(2).any(2),
        }
        return state | {"inputs": inputs} if self.config.conditional else state

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of one optimizer."""
        config = self.config
        if name == "generator":
            adversarial = [
                present * generator_loss(discriminator(fake), config.gan)
                for discriminator, _, fake, present in self._layers_of(state)
            ]
            return {
                "l1": config.lambda_l1 * F.l1_loss(state["image"], state["target"]),
                "adversarial": config.lambda_adv * torch.stack(adversarial).sum(),
            }
        critic, penalties = [], []
        for discriminator, real, fake, present in self._layers_of({**state, "fakes": state["fakes"].detach()}):
            critic.append(present * discriminator_loss(discriminator(real), discriminator(fake), config.gan))
            penalty = self.normalizer.penalty(discriminator, real, fake)
            if penalty is not None:
                penalties.append(present * penalty)
        terms = {"D": torch.stack(critic).sum()}
        return {**terms, "penalty": torch.stack(penalties).sum()} if penalties else terms

    def after_step(self, name: str) -> None:
        """Let the normalizer change the discriminators' weights."""
        if name == "discriminator":
            for discriminator in self.discriminators:
                self.normalizer.after_step(discriminator)

    def translate(self, batch: Batch) -> Tensor:
        """Return the composition of the layers [N, C, H, W], at any size; classes that no image has are not drawn.

        Raises:
            ZooError: the batch has no labels.
        """
        scene = Scene.of(batch, self.parts, self.layer_of_class, self.layers)
        size = scene.visible.shape[-2:]
        seen = list(range(self.layers))
        if not torch.compiler.is_compiling():  # an exported graph has no branch on what an image shows
            seen = scene.masks.flatten(2).any(2).any(0).nonzero().flatten().tolist()
        drawn = self.generator(self._inputs(scene.resized(self.side), seen), seen)
        if torch.compiler.is_compiling() or drawn.shape[-2:] != size:
            enlarged = F.interpolate(drawn.flatten(0, 1), size=size, mode="bilinear")
            drawn = enlarged.view(drawn.shape[0], len(seen), -1, *size)
        image = (scene.masks[:, seen] * self._finish(drawn, scene.temperature)).sum(1)
        if self.config.target == "relative":
            image = (scene.temperature + self._unit() * image).clamp(-1, 1)
        return image

    def _inputs(self, scene: Scene, layers: Sequence[int]) -> Tensor:
        """Return the encoder's input for each layer: visible, labels, and by the options temperatures and mask."""
        masks = scene.masks[:, list(layers)]
        planes = [scene.visible, one_hot(scene.labels, len(self.parts.classes)).to(scene.visible.dtype)]
        inputs = [plane[:, None].expand(-1, len(layers), -1, -1, -1) for plane in planes]
        if self.config.temperature != "pixel":
            reach = masks if self.config.temperature == "layer" else torch.ones_like(masks)
            inputs.append(reach * scene.temperature[:, None])
        if self.config.layered:
            inputs.append(masks)
        return torch.cat(inputs, 2)

    def _finish(self, drawn: Tensor, temperature: Tensor) -> Tensor:
        """Return layers in [-1, 1]; where the encoder did not see the temperatures, an absolute layer starts from them."""
        if self.config.temperature == "pixel" and self.config.target == "absolute":
            drawn = drawn + temperature.clamp(-HOTTEST, HOTTEST).atanh()[:, None]
        return drawn.tanh()

    def _target(self, thermal: Tensor, temperature: Tensor) -> Tensor:
        if self.config.target == "absolute":
            return thermal
        return ((thermal - temperature) / self._unit()).clamp(-1, 1)

    def _unit(self) -> float:
        """Return `contrast` as a share of half the thermal range."""
        assert self.parts.thermal_range is not None, "the method's contract asks for degrees and their range"
        low, high = self.parts.thermal_range
        return 2 * self.config.contrast / (high - low)

    def _layers_of(self, state: State) -> list[tuple[nn.Module, Tensor, Tensor, Tensor]]:
        """Return each discriminator with its real and fake layers, and 1 where any image has its class, else 0.

        An image without the class is replaced by one that has it, so that shapes do not depend on the images.
        """
        present = state["present"]
        places = torch.arange(len(present), device=present.device)
        pairs = []
        for layer, discriminator in enumerate(self.discriminators):
            has = present[:, layer]
            chosen = torch.where(has, places, has.int().argmax())
            real, fake = state["reals"][:, layer], state["fakes"][:, layer]
            if self.config.conditional:
                seen = state["inputs"][:, layer]
                real, fake = torch.cat([seen, real], 1), torch.cat([seen, fake], 1)
            pairs.append((discriminator, real[chosen], fake[chosen], has.any().to(real.dtype)))
        return pairs
