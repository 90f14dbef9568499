"""InfraGAN (Ozkanoglu and Ozer 2022) with the losses, weights and update order of the authors' code."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from zoo.contracts import Batch, Method, OptimizerSpec, Parts, State
from zoo.layers.conditions import input_channels, stack
from zoo.layers.gan import discriminator_loss, gan_loss

from .config import WINDOW, InfraGANConfig


class InfraGAN(Method):
    """A generator G from what it reads, x, to thermal images y, and a discriminator D of both, concatenated.

    D has S outputs, of `unet_gan` one for each pixel and one for the image. It is updated first and minimises half of
    sum_s ce(D_s(x, y), 1) + ce(D_s(x, G(x)), 0), plus its normalizer's penalty in full; G minimises sum_s ce(D_s(x, G(x)), 1)
    + `l1` |y - G(x)| + `ssim` (1 - SSIM(y, G(x))) with the same G(x). ce is the mean cross entropy of the sigmoid.
    """

    order = ("discriminator", "generator")
    inference = ("G",)

    def __init__(self, config: InfraGANConfig, parts: Parts) -> None:
        super().__init__()
        self.config = config
        self.test_mode = config.evaluation
        self.normalizer = parts.normalizer
        self.reads, self.classes, self.thermal_range = parts.reads, len(parts.classes), parts.thermal_range
        self.G = parts.generator(in_channels=input_channels(parts), out_channels=parts.thermal_channels)

    def prepare_training(self, parts: Parts) -> None:
        """Build the discriminator."""
        self.D = parts.discriminator(in_channels=input_channels(parts) + parts.thermal_channels)

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return both networks, each with an optimizer."""
        return {"discriminator": [self.D], "generator": [self.G]}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return an Adam for each, by default the discriminator's with a hundredth of the generator's rate."""
        config, lr = self.config, self.config.lr
        if name == "discriminator":
            lr = lr / 100 if config.discriminator_lr is None else config.discriminator_lr
        return OptimizerSpec(lr=lr, betas=(config.beta1, config.beta2))

    def forward(self, batch: Batch) -> State:
        """Translate the batch."""
        x = self._input(batch)
        return {"x": x, "y": batch["thermal"], "fake": self.G(x)}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of one optimizer."""
        x, y, fake, config = state["x"], state["y"], state["fake"], self.config
        if name == "generator":
            logits = self.D(torch.cat((x, fake), dim=1))
            return {
                "gan": logits.shape[1] * gan_loss(logits, True, "log"),
                "l1": config.l1 * F.l1_loss(fake, y),
                "ssim": config.ssim * (1 - ssim(fake, y, literal=config.literal_ssim)),
            }
        real, fake = torch.cat((x, y), dim=1), torch.cat((x, fake.detach()), dim=1)
        # Both in one pass: the power iteration of the spectral norm advances once in an update.
        logits, translated = self.D(torch.cat((real, fake))).chunk(2)
        terms = {"D": 0.5 * logits.shape[1] * discriminator_loss(logits, translated, "log")}
        penalty = self.normalizer.penalty(self.D, real, fake)
        return terms if penalty is None else {**terms, "penalty": penalty}

    def after_step(self, name: str) -> None:
        """Let the normalizer change the discriminator's weights."""
        if name == "discriminator":
            self.normalizer.after_step(self.D)

    def translate(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] for all that the generator reads."""
        thermal: Tensor = self.G(self._input(batch))
        return thermal

    def _input(self, batch: Batch) -> Tensor:
        return stack(batch, self.reads, self.classes, self.thermal_range)


def ssim(fake: Tensor, real: Tensor, *, literal: bool = False) -> Tensor:
    """Return the mean SSIM (Wang et al. 2004) of images [N, C, H, W] in [-1, 1] over whole windows of 11 pixels, a scalar.

    It is computed on [0, 1]; a `literal` one on [0, 2] with the constants of [0, 1].
    """
    scale = 1.0 if literal else 0.5
    _, places = structural_similarity_index_measure(
        scale * (fake + 1), scale * (real + 1), sigma=1.5, kernel_size=WINDOW, data_range=1.0, return_full_image=True
    )
    border = WINDOW // 2  # there torchmetrics reflects the images
    return places[..., border:-border, border:-border].mean()
