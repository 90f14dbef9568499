"""What a training sees while its learning rate falls, with and without random crops."""

from __future__ import annotations

from typing import Any

import pytest

from zoo.recipe import Budget

BUDGET = Budget(steps=6, constant=4)


def noting(store_class: type, name: str, seen: list[Any]) -> Any:
    """Return a store that notes its name and whether images may be mirrored at each step."""

    class Noting(store_class):
        def sample(self, *indices: Any, flip: bool, **options: Any) -> Any:
            seen.append((name, flip))
            return super().sample(*indices, flip=flip, **options)

    return Noting()


@pytest.fixture
def seen_of(new_run, tiny_store):
    """Train in a folder and return what each step saw."""
    run = new_run()

    def train(**options: Any) -> list[Any]:
        seen: list[Any] = []
        whole = None if options.get("decay_crop", True) else lambda: noting(tiny_store, "whole", seen)
        run.go(6, budget=BUDGET, store=noting(tiny_store, "cropped", seen), decay_store=whole, **options)
        return seen

    return train


def test_images_are_cropped_until_the_rate_falls_and_whole_from_then_on(seen_of):
    assert seen_of(decay_crop=False) == [("cropped", True)] * 4 + [("whole", True)] * 2


def test_the_recipe_decides_about_mirroring(seen_of):
    assert seen_of(flip=False) == [("cropped", False)] * 6


@pytest.mark.parametrize("stop_after", [2, 4, 5])
def test_a_training_that_goes_on_sees_the_same_images(seen_of, stop_after):
    first = seen_of(decay_crop=False, stop_after=stop_after)
    assert len(first) == stop_after
    assert first + seen_of(decay_crop=False) == [("cropped", True)] * 4 + [("whole", True)] * 2
