"""Datasets in zoo's layout: read, write, check, sample. Light: nothing here imports torch, numpy or pillow.

`info` is the content of `dataset.json`, `layout` describes a folder, `writer` makes one, `check` and `quality` check one,
`images` decodes, `store` keeps a split on the device, `sampling` chooses the images of a step; `importing` is for plugins that
import a public layout.
"""

from zoo.data.layout import SPLITS, DatasetInfo, LeftOut, StemFiles, list_split, read_info

__all__ = ["SPLITS", "DatasetInfo", "LeftOut", "StemFiles", "list_split", "read_info"]
