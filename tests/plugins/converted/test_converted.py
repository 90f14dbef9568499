"""The method of converted generators: it translates, and no bench can be made of it."""

from __future__ import annotations

import pytest

import zoo
from zoo.errors import RefusedError


@pytest.mark.parametrize("method", ["converted", "thermalgan_contrast"])
def test_there_is_nothing_to_train(pairs, method):
    with pytest.raises(RefusedError, match=f"method {method} only translates, with weights that zoo convert writes"):
        zoo.compose(method=method, generator="resnet6", data=str(pairs), size=32)
