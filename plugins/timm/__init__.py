"""Generators whose encoder is any network of timm."""

from __future__ import annotations

from zoo.hookspec import Component, hookimpl

from .config import TimmUNetConfig


@hookimpl
def zoo_components() -> list[Component]:
    """Return the U-Net."""
    return [
        Component(
            kind="generator",
            name="unet",
            target="zoo_plugins.timm.network:TimmUNet",
            config=TimmUNetConfig(),
            summary="U-Net with a timm network as `encoder`; zoo list generator --timm '*' names them",
            paper="Wightman, PyTorch Image Models; Ronneberger et al., U-Net, MICCAI 2015",
            small={"encoder": "test_resnet", "width": 4},
        )
    ]
