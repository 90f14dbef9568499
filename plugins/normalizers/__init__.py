"""How a discriminator is kept Lipschitz: by its gradient, its weights, or not at all."""

from __future__ import annotations

from zoo.hookspec import Component, Contract, hookimpl

from .config import ClippingConfig, GradientNormConfig, GradientPenaltyConfig, NoneConfig, SpectralNormConfig

PLAIN = {"norm": "none", "init": "normal"}
"""What these normalizers ask of a discriminator. The init goes with the norm: without one, CUT's Xavier weights of gain 0.02 let
no gradient through."""
PER_SAMPLE = PLAIN | {"minibatch_std": False}
"""The same, and no statistics over a batch."""


@hookimpl
def zoo_components() -> list[Component]:
    """Return the empty normalizer, gradient normalization and penalty, spectral norm and weight clipping."""
    return [
        Component(
            kind="normalizer",
            name="none",
            target="zoo_plugins.normalizers.identity:NoNormalizer",
            config=NoneConfig(),
            summary="the discriminator as it is",
        ),
        Component(
            kind="normalizer",
            name="gn",
            target="zoo_plugins.normalizers.gradient:GradientNormalizer",
            config=GradientNormConfig(),
            summary="gradient normalization: logits divided by their gradient's norm",
            contract=Contract(
                needs=frozenset({"double_backward", "independent_samples"}),
                # Instance norm breaks the bound on low-contrast images, see README.md.
                defaults={"discriminator": PER_SAMPLE},
            ),
            paper="Wu et al., Gradient Normalization for GANs, ICCV 2021; GN-CycleGAN equations 2 and 3",
        ),
        Component(
            kind="normalizer",
            name="gp",
            target="zoo_plugins.normalizers.penalty:GradientPenalty",
            config=GradientPenaltyConfig(),
            summary="gradient penalty of WGAN-GP: the gradient's norm is drawn to 1 between real and fake images",
            contract=Contract(
                needs=frozenset({"double_backward", "independent_samples"}),
                defaults={"discriminator": PER_SAMPLE},
            ),
            paper="Gulrajani et al., Improved Training of Wasserstein GANs, NeurIPS 2017",
        ),
        Component(
            kind="normalizer",
            name="sn",
            target="zoo_plugins.normalizers.spectral:SpectralNormalizer",
            config=SpectralNormConfig(),
            summary="spectral norm: every weight divided by its largest singular value",
            contract=Contract(defaults={"discriminator": PLAIN}),
            paper="Miyato et al., Spectral Normalization for GANs, ICLR 2018",
        ),
        Component(
            kind="normalizer",
            name="clip",
            target="zoo_plugins.normalizers.clipping:WeightClipping",
            config=ClippingConfig(),
            summary="weight clipping of WGAN: every parameter kept in [-c, c]",
            contract=Contract(defaults={"discriminator": PLAIN}),
            paper="Arjovsky et al., Wasserstein GAN, ICML 2017",
        ),
    ]
