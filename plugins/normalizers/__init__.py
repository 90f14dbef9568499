"""How a discriminator is kept Lipschitz: by its gradient, its weights, or not at all."""

from __future__ import annotations

from zoo.hookspec import Component, Contract, hookimpl

from .config import (
    DIFFERENTIATED,
    PER_SAMPLE,
    PLAIN,
    ClippingConfig,
    GradientNormConfig,
    GradientPenaltyConfig,
    NoneConfig,
    SpectralNormConfig,
)


@hookimpl
def zoo_components() -> list[Component]:
    """Return the empty normalizer, gradient normalization and penalty, spectral norm and weight clipping."""
    return [
        Component(
            kind="normalizer",
            name="none",
            target="zoo_plugins.normalizers.simple:NoNormalizer",
            config=NoneConfig(),
            summary="no normalization",
        ),
        Component(
            kind="normalizer",
            name="gn",
            target="zoo_plugins.normalizers.gradient:GradientNormalizer",
            config=GradientNormConfig(),
            summary="gradient normalization: logits divided by their gradient's norm",
            paper="Wu et al., Gradient Normalization for GANs, ICCV 2021; GN-CycleGAN equations 2 and 3",
        ),
        Component(
            kind="normalizer",
            name="gp",
            target="zoo_plugins.normalizers.simple:GradientPenalty",
            config=GradientPenaltyConfig(),
            summary="gradient penalty of WGAN-GP: towards a norm of 1 between real and fake images",
            contract=Contract(
                needs=DIFFERENTIATED, defaults={"discriminator": PER_SAMPLE}, promises={"penalty_free": 1.0}
            ),
            paper="Gulrajani et al., Improved Training of Wasserstein GANs, NeurIPS 2017",
        ),
        Component(
            kind="normalizer",
            name="sn",
            target="zoo_plugins.normalizers.spectral:SpectralNormalizer",
            config=SpectralNormConfig(),
            summary="spectral norm: every weight divided by its largest singular value",
            contract=Contract(defaults={"discriminator": PLAIN}, promises={"spectral_norm": 1.0}),
            paper="Miyato et al., Spectral Normalization for GANs, ICLR 2018",
        ),
        Component(
            kind="normalizer",
            name="clip",
            target="zoo_plugins.normalizers.simple:WeightClipping",
            config=ClippingConfig(),
            summary="weight clipping of WGAN: every parameter kept in [-c, c]",
            paper="Arjovsky et al., Wasserstein GAN, ICML 2017",
        ),
    ]
