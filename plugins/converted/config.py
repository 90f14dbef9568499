"""Options of converted generators. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ConvertedConfig:
    """How the generator is run."""

    evaluation: Literal["train", "eval"] = "eval"
    """Mode of the generator when it translates: `train` keeps dropout and batch statistics on, as the test scripts of pix2pix and
    CycleGAN do."""
