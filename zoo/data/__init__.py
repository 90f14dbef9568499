"""Datasets in zoo's layout: read, write, check, sample. Light: nothing here imports torch, numpy or pillow.

`info` is the content of `dataset.json`, `layout` describes a folder, `writer` makes one, `check` and `quality` check one,
`images` decodes, `store` keeps a split on the device, `sampling` chooses the images of a step; `importing` is for plugins that
import a public layout.
"""
