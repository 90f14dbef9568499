"""Keys and shapes as rows write them, and rows that break the rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zoo.checkpoints.templates import Size, conv, expand, norm, parse_shape, shapes
from zoo.hookspec import CheckpointFormat
from zoo.rows import RejectedError, checked_rows

ROW = CheckpointFormat(
    name="mine-net",
    summary="my net of {w}",
    origin="mine",
    tensors=conv("{a,b}.{1..3}", "2w w 3 3"),
    options={"width": "w"},
)


def test_braces_stand_for_lists_and_ranges():
    assert expand("a.{1..3}.{x,yz}") == ["a.1.x", "a.1.yz", "a.2.x", "a.2.yz", "a.3.x", "a.3.yz"]
    assert expand("plain") == ["plain"]


def test_shapes_are_numbers_and_named_sizes():
    assert parse_shape("2w c0 7 i") == (Size(2, "w"), Size(1, "c0"), Size(7), Size(1, "i"))
    assert parse_shape("") == ()


def test_layers_have_their_tensors():
    assert conv("c", "o i 3 3") == {"c.weight": "o i 3 3", "c.bias": "o"}
    assert conv("c", "i o 3 3", transposed=True)["c.bias"] == "o"
    assert conv("c", "o i 3 3", bias=False) == {"c.weight": "o i 3 3"}
    assert list(norm("n", "w", "batch")) == [
        "n.weight", "n.bias", "n.running_mean", "n.running_var", "n.num_batches_tracked",
    ]  # fmt: skip
    assert norm("n", "w", "instance") == {}
    assert len(shapes(ROW)) == 12


@pytest.mark.parametrize("key", ["a.{1..", "a.}", "a.{}", "a.{1,}", "a.{3..1}", "a.{x..y}"])
def test_broken_braces_are_reported(key):
    with pytest.raises(ValueError, match="a"):
        expand(key)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Mine"}, "name must be like"),
        ({"tensors": {"a": "w 3*3"}}, "is not a size"),
        ({"tensors": {}}, "must not be empty"),
        ({"options": {"width": "q"}}, "sizes that no shape has: q"),
        ({"summary": "of {q}"}, "summary names a size that no shape has: 'q'"),
        ({"summary": "of {"}, "bad row checkpoint format 'mine-net'"),
    ],
)
def test_bad_rows_are_named_with_the_rule(change, message):
    checked_rows(checkpoints=[ROW])
    with pytest.raises(RejectedError, match=message):
        checked_rows(checkpoints=[replace(ROW, **change)])
