"""Room for cells, with a stand-in for nvidia-smi: no GPU is needed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zoo.errors import UsageError
from zoo.recipe import Budget, DataRef, Part, Recipe
from zoo.run.launch import slots
from zoo.run.launch.slots import PER_CARD, Card, Cards, Processors, find_cards, make_slots

GIB = 1 << 30
RECIPE = Recipe(
    method=Part(name="a/b"),
    data=DataRef(name="x", fingerprint="f"),
    size=256,
    load_size=286,
    budget=Budget(steps=1, constant=1),
)


def cards_of(*free: int | None) -> list[Card]:
    return [Card(name=str(number), free=None if gib is None else gib * GIB) for number, gib in enumerate(free)]


def needing(gib: int):
    return lambda recipe: gib * GIB


@pytest.fixture
def three_gpus(tmp_path: Path, monkeypatch) -> Path:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0, GPU-aa, 81000\\n1, GPU-bb, 40000\\n2, GPU-cc, [N/A]\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return program


def test_cards_are_those_that_nvidia_smi_tells(three_gpus):
    assert [(card.name, card.free) for card in find_cards("auto")] == [
        ("0", 81000 << 20),
        ("1", 40000 << 20),
        ("2", None),
    ]


@pytest.mark.parametrize(
    ("visible", "names"), [("1,0", ["1", "0"]), ("GPU-bb", ["GPU-bb"]), ("", []), ("MIG-x", ["MIG-x"])]
)
def test_only_visible_cards_are_used_by_the_names_that_the_user_gave(three_gpus, monkeypatch, visible, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    cards = find_cards("auto")
    assert [card.name for card in cards] == names
    assert not names or (cards[0].free is None) == (visible == "MIG-x")


def test_a_device_with_a_number_counts_what_is_visible(three_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,1")
    assert [card.name for card in find_cards("cuda:1")] == ["1"]
    with pytest.raises(UsageError, match="there are 2 GPUs"):
        find_cards("cuda:2")


def test_a_broken_nvidia_smi_is_none(three_gpus):
    three_gpus.write_text("#!/bin/sh\nexit 9\n")
    assert find_cards("auto") == []


def test_cells_go_to_the_emptiest_card_and_share_it_while_memory_lasts(monkeypatch):
    monkeypatch.setattr(slots, "_cores", lambda: 64)
    room = Cards(cards_of(40, 24), needing(10))
    places = [room.take(RECIPE) for _ in range(8)]
    assert [place.cards[0] if place else None for place in places] == ["0", "1", "0", "1", "0", "0", None, None]
    assert places[0].environment == {"CUDA_VISIBLE_DEVICES": "0"} and places[0].shared
    room.give(places[1])
    assert room.take(RECIPE).cards == ("1",)


def test_a_cell_that_needs_more_than_there_is_gets_a_card_of_its_own():
    room = Cards(cards_of(8, None), needing(50))
    assert [place.cards[0] if (place := room.take(RECIPE)) else None for _ in range(3)] == ["0", "1", None]


def test_no_more_than_a_few_small_cells_share_a_card(monkeypatch):
    monkeypatch.setattr(slots, "_cores", lambda: 64)
    room = Cards(cards_of(1000), needing(1))
    assert sum(room.take(RECIPE) is not None for _ in range(20)) == PER_CARD


def test_every_cell_at_once_has_a_core(monkeypatch):
    monkeypatch.setattr(slots, "_cores", lambda: 3)
    room = Cards(cards_of(1000), needing(1))
    assert sum(room.take(RECIPE) is not None for _ in range(20)) == 3


def test_a_number_of_jobs_is_kept_whatever_the_memory():
    room = Cards(cards_of(8, 8), needing(6), limit=5)
    taken = [place.cards[0] for _ in range(9) if (place := room.take(RECIPE))]
    assert sorted(taken) == ["0", "0", "0", "1", "1"]


def test_a_cell_alone_waits_for_an_empty_card_and_keeps_it():
    room = Cards(cards_of(80), needing(1))
    first = room.take(RECIPE)
    assert room.take(RECIPE, alone=True) is None
    room.give(first)
    alone = room.take(RECIPE, alone=True)
    assert alone and not alone.shared and room.take(RECIPE) is None
    room.give(alone)
    assert room.take(RECIPE)


def test_a_cell_of_several_gpus_has_them_for_itself():
    room = Cards(cards_of(80, 80, 80), needing(1), per_cell=2)
    place = room.take(RECIPE)
    assert len(place.cards) == 2 and not place.shared
    assert place.environment == {"CUDA_VISIBLE_DEVICES": ",".join(place.cards)}
    assert room.take(RECIPE) is None


def test_processes_divide_the_cores(monkeypatch):
    monkeypatch.setattr(slots, "_cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    room = Processors(2, 2, "cpu")
    assert room.environment == {"OMP_NUM_THREADS": "2"}
    assert [room.take(RECIPE) is not None for _ in range(3)] == [True, True, False]
    assert Processors(1, 1, "cpu").environment == {}
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert Processors(2, 1, "cpu").environment == {}


def test_fewer_cells_than_slots_divide_all_cores(monkeypatch):
    monkeypatch.setattr(slots, "_cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    room = Processors(4, 1, "cpu")
    room.expect([RECIPE] * 2)
    assert room.environment == {"OMP_NUM_THREADS": "4"}
    assert [room.take(RECIPE) is not None for _ in range(3)] == [True, True, False]
    alone = Processors(4, 1, "cpu")
    alone.expect([RECIPE])
    assert alone.environment == {}


def test_no_more_cells_run_than_memory_holds_and_their_cores_do_not_follow_from_it(monkeypatch):
    monkeypatch.setattr(slots, "_cores", lambda: 4)
    monkeypatch.setattr(slots, "free_memory", lambda: 5)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for need, cells in ((2, 2), (5, 1), (9, 1)):
        room = Processors(4, 1, "cpu", lambda recipe, need=need: need)
        room.expect([RECIPE] * 8)
        assert room.environment == {"OMP_NUM_THREADS": "1"}
        assert sum(room.take(RECIPE) is not None for _ in range(8)) == cells


def test_free_memory_is_the_machines_or_the_containers(tmp_path, monkeypatch):
    monkeypatch.setattr(slots, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(slots, "CONTAINER", tmp_path)
    assert slots.free_memory() is None
    (tmp_path / "meminfo").write_text("MemTotal:  9 kB\nMemAvailable:   4000 kB\n")
    assert slots.free_memory() == 4000 << 10
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert slots.free_memory() == 4000 << 10
    (tmp_path / "memory.max").write_text("5000\n")
    assert slots.free_memory() == 4000


@pytest.mark.parametrize(("cores", "cells"), [(1, 1), (2, 2), (4, 4), (8, 4), (64, 16)])
def test_auto_on_a_cpu_follows_its_cores(monkeypatch, cores, cells):
    monkeypatch.setattr(slots, "_cores", lambda: cores)
    on_cpu = make_slots("cpu", None, 1, lambda device: needing(1))
    assert isinstance(on_cpu, Processors) and on_cpu.device == "cpu"
    assert sum(on_cpu.take(RECIPE) is not None for _ in range(99)) == cells


def test_auto_is_all_cards_where_there_are_some(three_gpus, monkeypatch):
    monkeypatch.setattr(slots, "_cores", lambda: 16)
    on_cards = make_slots("auto", None, 1, lambda device: needing(50))
    assert isinstance(on_cards, Cards) and on_cards.device == "cuda"
    assert sum(on_cards.take(RECIPE) is not None for _ in range(9)) == 3
    with pytest.raises(UsageError, match="has 3 GPUs"):
        make_slots("cuda", None, 4, lambda device: needing(1))
