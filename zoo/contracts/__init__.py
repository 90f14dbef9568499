"""The interfaces of the parts that plugins bring. Images in networks are float NCHW in [-1, 1].

A class named by a row's `target` is built as `Class(config)`, a method as `Class(config, parts)`; `config` is the row's
frozen dataclass with the user's options applied.
"""

from zoo.contracts.metrics import ClassMetric, Metric, ReadingMetric, SetMetric, SplitMetric
from zoo.contracts.metrics import Compared as Compared
from zoo.contracts.training import Batch as Batch
from zoo.contracts.training import (
    Dataset,
    Discriminator,
    EmaSpec,
    Generator,
    Method,
    Normalizer,
    OptimizerSpec,
    Parts,
    Schedule,
)
from zoo.contracts.training import State as State

__all__ = [
    "ClassMetric",
    "Dataset",
    "Discriminator",
    "EmaSpec",
    "Generator",
    "Method",
    "Metric",
    "Normalizer",
    "OptimizerSpec",
    "Parts",
    "ReadingMetric",
    "Schedule",
    "SetMetric",
    "SplitMetric",
]
