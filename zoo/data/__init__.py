"""Datasets in zoo's one layout: read, write, check, sample. Light: nothing here imports torch, numpy or pillow.

`zoo.data.layout` describes a folder, `writer` makes one, `check` checks one, `images` decodes, `store` keeps a split on
the device, `sampling` says which images a step sees; `importing` is for plugins that bring a public layout.
"""

from zoo.data.layout import SPLITS, DatasetInfo, Entry, LeftOut, list_split, read_info

__all__ = ["SPLITS", "DatasetInfo", "Entry", "LeftOut", "list_split", "read_info"]
