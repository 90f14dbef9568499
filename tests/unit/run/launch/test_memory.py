"""Estimates of memory: measured where a like cell left a record, else by rule."""

from __future__ import annotations

from dataclasses import replace

from zoo.recipe import Budget
from zoo.run.launch.memory import BASE, CONTEXT, FRAGMENTS, HOST_BASE, HOST_PER_IMAGE, PER_IMAGE, MemoryOf
from zoo.run.record import write_json

GIB = 1 << 30


def test_the_rule_grows_with_batch_and_area(tmp_path, make_record, make_score):
    recipe = make_record([]).recipe
    need = MemoryOf(tmp_path)
    assert need(recipe) == BASE + PER_IMAGE
    assert need(replace(recipe, batch=4, size=128)) == BASE + PER_IMAGE


def test_a_record_of_other_data_seed_and_length_tells_what_is_needed(tmp_path, make_record):
    record = make_record([], seed=3)
    write_json(tmp_path / "a" / "record.json", replace(record, peak_memory={"host": 1, "device": 5 * GIB}))
    write_json(tmp_path / "b" / "record.json", replace(record, peak_memory={"host": 1, "device": None}))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "record.json").write_text("{")
    need = MemoryOf(tmp_path)
    like = replace(record.recipe, seed=9, budget=Budget(steps=1, constant=1))
    assert need(like) == round(5 * GIB * FRAGMENTS) + CONTEXT
    assert need(replace(like, batch=2)) == BASE + 2 * PER_IMAGE


def test_the_machines_memory_is_learned_from_trainings_on_processors_alone(tmp_path, make_record):
    record = make_record([])
    write_json(tmp_path / "a" / "record.json", replace(record, peak_memory={"host": 7 * GIB, "device": 5 * GIB}))
    assert MemoryOf(tmp_path, device=False)(record.recipe) == HOST_BASE + HOST_PER_IMAGE
    write_json(tmp_path / "b" / "record.json", replace(record, peak_memory={"host": 2 * GIB, "device": None}))
    assert MemoryOf(tmp_path, device=False)(record.recipe) == 2 * GIB


def test_a_part_of_a_batch_tells_nothing_of_the_whole_and_the_largest_of_several_counts(tmp_path, make_record):
    record = make_record([])
    for name, device, processes in (("a", 3, 1), ("b", 4, 1), ("c", 2, 1), ("d", 9, 8)):
        peaks = {"host": 1, "device": device * GIB}
        write_json(tmp_path / name / "record.json", replace(record, peak_memory=peaks, processes=processes))
    assert MemoryOf(tmp_path)(record.recipe) == round(4 * GIB * FRAGMENTS) + CONTEXT
