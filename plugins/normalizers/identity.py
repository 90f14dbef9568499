"""The empty normalizer."""

from __future__ import annotations

from zoo.contracts import Normalizer

from .config import NoneConfig


class NoNormalizer(Normalizer):
    """Leaves the discriminator as it is."""

    def __init__(self, config: NoneConfig) -> None:
        self.config = config
