"""Metrics of translated thermal images: per pixel, structural, learned, in degrees, and of sets. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from zoo.hookspec import Component, Contract, hookimpl

from . import config
from .config import DISTANCE, SYMMETRIC

INFRAGAN = "Ozkanoglu and Ozer, InfraGAN: a GAN architecture to transfer visible images to infrared domain, PRL 2022"
SMALL_EXTRACTOR = {"extractor": "test_resnet", "weights": "random"}


@hookimpl
def zoo_components() -> Iterable[Component]:
    """Return the metrics."""
    metric = partial(Component, kind="metric")
    return [
        metric(
            name="psnr",
            target="zoo_plugins.metrics.pairs:PSNR",
            config=config.PSNRConfig(),
            summary="Peak signal-to-noise ratio in dB, data range 1; identical images score the cap",
        ),
        metric(
            name="ssim",
            target="zoo_plugins.metrics.ssim:SSIM",
            config=config.SSIMConfig(),
            summary="Structural similarity, Gaussian 11x11 window, borders as MATLAB's ssim",
            paper="Wang et al., Image quality assessment: from error visibility to structural similarity, TIP 2004",
        ),
        metric(
            name="ms_ssim",
            target="zoo_plugins.metrics.ssim:MSSSIM",
            config=config.MSSSIMConfig(),
            summary="Structural similarity over five scales; images of 161 px or more",
            paper="Wang et al., Multiscale structural similarity for image quality assessment, Asilomar 2003",
            small={"scales": 2},
        ),
        metric(
            name="mae",
            target="zoo_plugins.metrics.pairs:MAE",
            config=config.NoOptions(),
            summary="Mean absolute error in 8-bit grey levels",
            contract=Contract(offers=SYMMETRIC, promises=DISTANCE | {"highest": 255.0}),
        ),
        metric(
            name="mae_celsius",
            target="zoo_plugins.metrics.pairs:MAECelsius",
            config=config.NoOptions(),
            summary="Mean absolute error in degrees Celsius; calibrated data only",
            contract=Contract(needs=frozenset({"celsius"}), offers=SYMMETRIC, promises=DISTANCE),
        ),
        metric(
            name="class_psnr",
            target="zoo_plugins.metrics.regions:ClassPSNR",
            config=config.ClassPSNRConfig(),
            summary="PSNR over the pixels of each class; mean over the classes that an image shows",
        ),
        metric(
            name="class_ssim",
            target="zoo_plugins.metrics.regions:ClassSSIM",
            config=config.ClassSSIMConfig(),
            summary="SSIM over the pixels of each class; mean over the classes that an image shows",
        ),
        metric(
            name="object_psnr",
            target="zoo_plugins.metrics.regions:ObjectPSNR",
            config=config.ObjectPSNRConfig(),
            summary="PSNR of each annotated object; mean over the objects of an image",
            paper=INFRAGAN,
        ),
        metric(
            name="object_ssim",
            target="zoo_plugins.metrics.regions:ObjectSSIM",
            config=config.ObjectSSIMConfig(),
            summary="SSIM of each annotated object; mean over the objects of an image",
            paper=INFRAGAN,
        ),
        metric(
            name="edge_fidelity",
            target="zoo_plugins.metrics.edges:EdgeFidelity",
            config=config.NoOptions(),
            summary="Correlation of the edge strengths of translation and visible image",
            paper="Penney et al., A comparison of similarity measures for 2-D-3-D medical image registration, TMI 1998",
            contract=Contract(promises={"lowest": -1.0, "highest": 1.0}),
        ),
        metric(
            name="detection_map",
            target="zoo_plugins.metrics.detection:DetectionMAP",
            config=config.DetectionConfig(),
            summary="Mean average precision of a detector of COCO's classes on the translated images",
            paper="Lin et al., Microsoft COCO: common objects in context, ECCV 2014",
            small={"detector": "ssdlite320_mobilenet_v3_large", "weights": "random"},
        ),
        metric(
            name="lpips",
            target="zoo_plugins.metrics.lpips:LPIPS",
            config=config.LPIPSConfig(),
            summary="Perceptual distance of an ImageNet network's features",
            paper="Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018",
            small={"network": "squeeze", "weights": "random"},
        ),
        metric(
            name="fid",
            target="zoo_plugins.metrics.sets:FID",
            config=config.ExtractorConfig(),
            summary="Frechet distance of features: pytorch-fid's Inception, or any network of timm",
            paper="Heusel et al., GANs trained by a two time-scale update rule converge to a local Nash equilibrium, NIPS 2017",
            contract=Contract(offers=SYMMETRIC, promises=DISTANCE),
            small=SMALL_EXTRACTOR,
        ),
        metric(
            name="kid",
            target="zoo_plugins.metrics.sets:KID",
            config=config.ExtractorConfig(),
            summary="Kernel distance of features, unbiased at any number of images",
            paper="Binkowski et al., Demystifying MMD GANs, ICLR 2018",
            contract=Contract(offers=SYMMETRIC),
            small=SMALL_EXTRACTOR,
        ),
    ]
