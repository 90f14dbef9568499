"""Whole sequences are held out, in an order that depends on nothing but their names."""

from __future__ import annotations

import hashlib

import pytest

from zoo.data.importing import block_names, by_digest, hold_out_sequences, hold_out_share
from zoo.errors import DataError


def test_the_order_is_that_of_the_digests() -> None:
    names = [f"{i}" for i in range(20)]
    assert by_digest(reversed(names), "x") == sorted(names, key=lambda n: hashlib.sha256(f"x{n}".encode()).hexdigest())
    assert by_digest(names) != by_digest(names, "x")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_sequences_are_held_out_until_the_share_is_reached(share: float) -> None:
    sizes = {f"v{i}": 5 + i for i in range(10)}
    held = hold_out_sequences(sizes, share)
    assert 1 <= len(held) <= 9
    frames = sum(sizes[name] for name in held)
    assert frames >= share * sum(sizes.values()) or len(held) == 9
    last = max(held, key=by_digest(sizes).index)
    assert len(held) == 1 or frames - sizes[last] < share * sum(sizes.values())


def test_one_sequence_cannot_be_split() -> None:
    with pytest.raises(DataError, match="without leaking frames"):
        hold_out_sequences({"only": 100}, 0.1)


def test_blocks_are_runs_of_neighbours() -> None:
    runs = block_names([f"{i:03}" for i in range(25)], 10)
    assert [sum(run == each for run in runs.values()) for each in sorted(set(runs.values()))] == [10, 10, 5]
    assert runs["000"] == runs["009"] != runs["010"]


@pytest.mark.parametrize(("share", "count"), [(0.0, 1), (0.2, 2), (0.5, 5), (1.0, 9), (7.0, 9), (-1.0, 1)])
def test_a_share_leaves_something_on_both_sides(share: float, count: int) -> None:
    names = [f"{i}" for i in range(10)]
    assert hold_out_share(names, share) == set(by_digest(names)[:count])
    assert hold_out_share(names, share, "1 ") == set(by_digest(names, "1 ")[:count])


@pytest.mark.parametrize("names", [[], ["one"]])
def test_one_name_cannot_be_split(names: list[str]) -> None:
    with pytest.raises(DataError, match=f"{len(names)} usable pair") as caught:
        hold_out_share(names, 0.5)
    assert caught.value.exit_code == 1


def test_names_of_any_bytes_have_a_place_in_the_order() -> None:
    assert set(by_digest(["a", "\udcc4\udce3"])) == {"a", "\udcc4\udce3"}
