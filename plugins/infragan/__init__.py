"""InfraGAN: a U-Net generator and a U-Net discriminator on aligned pairs, with L1 and structural similarity."""

from __future__ import annotations

from zoo.hookspec import Component, RecipeConfig, hookimpl

from .config import InfraGANConfig, UNetGANConfig

PAPER = "Ozkanoglu and Ozer, InfraGAN, Pattern Recognition Letters 155, 2022"


@hookimpl
def zoo_components() -> list[Component]:
    """Return the discriminator, the method and its recipe."""
    return [
        Component(
            kind="discriminator",
            name="unet_gan",
            target="zoo_plugins.infragan.discriminator:UNetGAN",
            config=UNetGANConfig(),
            summary="a U-Net with one logit for each pixel and one for the image, self-attention and spectral norm",
            paper="Schönfeld et al., A U-Net Based Discriminator for Generative Adversarial Networks, CVPR 2020",
            small={"width": 4},
            quick={"width": 16},
        ),
        Component(
            kind="method",
            name="infragan",
            target="zoo_plugins.infragan.method:InfraGAN",
            config=InfraGANConfig(),
            summary="a conditional GAN on aligned pairs with L1 and SSIM",
            paper=PAPER,
        ),
        Component(
            kind="recipe",
            name="infragan",
            target="zoo.recipe:Recipe",
            config=RecipeConfig(
                method="infragan", generator="unet_auto:most=9", discriminator="unet_gan", size=512, batch=4
            ),
            summary="InfraGAN as its authors train it at 512 px",
            paper=PAPER,
        ),
    ]
