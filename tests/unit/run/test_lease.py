"""One holder at a time, whatever becomes of the others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zoo.run import lease as claim
from zoo.run.lease import Holder, folder_time, held, holder, take

HOLD = """
import sys, time
from pathlib import Path
from zoo.run.lease import take
print(take(Path(sys.argv[1])) is not None, flush=True)
time.sleep(60)
"""

HAMMER = """
import os, sys, time
from pathlib import Path
from zoo.run.lease import held
folder, inside = Path(sys.argv[1]), Path(sys.argv[1]) / "inside"
done, deadline = 0, time.monotonic() + 60
while done < 15 and time.monotonic() < deadline:
    with held(folder) as claim:
        if claim is None:
            continue
        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # fails where another is inside
        time.sleep(0.001)
        inside.unlink()
        done += 1
print(done)
"""


def other(path: Path, *, seconds_ago: float = 0.0, **changes: object) -> Holder:
    """Write the claim of a process on another machine, last touched some time ago."""
    facts = {"token": "t1", "host": "far", "machine": "another", "pid": 1, "born": "1", **changes}
    path.write_text(json.dumps(facts))
    then = folder_time(path.parent) - int(seconds_ago * 1e9)
    os.utime(path, ns=(then, then))
    return Holder(**facts)


def test_one_process_holds_a_folder_and_gives_it_back(tmp_path):
    first = take(tmp_path)
    assert first and take(tmp_path) is None
    assert holder(tmp_path).pid == os.getpid()
    first.release()
    assert holder(tmp_path) is None and list(tmp_path.iterdir()) == []
    with held(tmp_path) as second:
        assert second and not second.lost


def test_the_claim_of_a_killed_process_is_taken_over_at_once(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "True\n"
    assert take(tmp_path) is None
    process.send_signal(signal.SIGKILL)
    assert process.stdout.read() == ""  # it is dead, though nobody has asked for its exit code yet
    deadline = time.monotonic() + 10
    while (mine := take(tmp_path)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert mine and holder(tmp_path).pid == os.getpid()
    process.wait()
    mine.release()
    assert list(tmp_path.iterdir()) == []


def test_a_process_with_the_number_of_a_dead_one_does_not_hold_its_claim(tmp_path):
    mine = take(tmp_path)
    facts = json.loads((tmp_path / claim.CLAIM).read_text())
    mine.release()
    other(tmp_path / claim.CLAIM, **{**facts, "born": "0"})
    assert holder(tmp_path) is None


@pytest.mark.parametrize(("age", "lives"), [(claim.DEAD_AFTER - 30, True), (claim.DEAD_AFTER + 30, False)])
def test_another_machines_claim_lasts_as_long_as_it_is_touched(tmp_path, age, lives):
    far = other(tmp_path / claim.CLAIM, seconds_ago=age)
    assert holder(tmp_path) == (far if lives else None)
    mine = take(tmp_path)
    assert (mine is None) == lives
    if mine:
        assert str(holder(tmp_path)).startswith(f"process {os.getpid()} on")
        mine.release()


def test_heirs_inherit_from_heirs_and_leave_nothing_behind(tmp_path):
    other(tmp_path / claim.CLAIM, seconds_ago=1000)
    other(tmp_path / f"{claim.CLAIM}-t1", seconds_ago=500, token="t2")
    mine = take(tmp_path)
    assert mine and (tmp_path / f"{claim.CLAIM}-t2").exists()
    mine.release()
    assert list(tmp_path.iterdir()) == []


def test_a_file_whose_maker_has_not_written_yet_is_a_claim_until_it_is_old(tmp_path):
    path = tmp_path / claim.CLAIM
    path.touch()
    assert holder(tmp_path) and take(tmp_path) is None
    os.utime(path, (1, 1))
    mine = take(tmp_path)
    assert mine
    mine.release()


def test_a_holder_touches_its_claim_and_hears_when_it_has_lost_it(tmp_path):
    mine = take(tmp_path, beat=0.02)
    path = tmp_path / claim.CLAIM
    os.utime(path, (1, 1))
    deadline = time.monotonic() + 10
    while path.stat().st_mtime < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.stat().st_mtime > 2
    token = json.loads(path.read_text())["token"]
    heir = tmp_path / f"{claim.CLAIM}-{token}"
    other(heir)
    while not mine.lost and time.monotonic() < deadline:
        time.sleep(0.01)
    assert mine.lost
    mine.release()
    assert heir.exists(), "it gave back what was no longer its own"


def test_an_heir_of_a_chain_that_was_given_back_meanwhile_backs_off(tmp_path, monkeypatch):
    other(tmp_path / claim.CLAIM, seconds_ago=1000)
    real, looks = claim._chain, []

    def chain(folder: Path):
        looks.append(folder)
        found = real(folder)
        if len(looks) == 1:  # between this look and the next the run is done by another and given back
            (tmp_path / claim.CLAIM).unlink()
        return found

    monkeypatch.setattr(claim, "_chain", chain)
    assert take(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_no_two_of_many_processes_are_inside_at_once(tmp_path):
    words = [sys.executable, "-c", HAMMER, str(tmp_path)]
    started = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    told = [process.communicate(timeout=120) for process in started]
    assert [out for out, _ in told] == ["15\n"] * 4, told


def test_a_claim_of_the_future_ends_when_it_is_not_touched_and_others_are_told_by_a_mark(tmp_path, monkeypatch):
    path = tmp_path / claim.CLAIM
    other(path, seconds_ago=-30 * 24 * 3600)
    now = time.monotonic()
    monkeypatch.setattr(claim.time, "monotonic", lambda: now)
    assert holder(tmp_path) and claim.expired(tmp_path) == "" and claim.is_ahead(tmp_path)
    now += claim.DEAD_AFTER - 1
    assert holder(tmp_path), "it may still be touched"
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 10**10))
    now += claim.DEAD_AFTER - 1
    assert holder(tmp_path), "it was touched meanwhile"
    now += claim.DEAD_AFTER  # since that touch was seen
    assert holder(tmp_path) is None
    mark = claim.expired(tmp_path)
    monkeypatch.setattr(claim, "_seen", {})  # as in a process that has just started
    assert take(tmp_path) is None
    mine = take(tmp_path, mark)
    assert mine
    mine.release()
    assert list(tmp_path.iterdir()) == []


def test_a_touch_after_the_mark_was_made_keeps_a_claim(tmp_path):
    path = tmp_path / claim.CLAIM
    other(path, seconds_ago=1000)
    mark = claim.expired(tmp_path)
    assert mark
    os.utime(path)
    assert take(tmp_path, mark) is None


@pytest.mark.parametrize("token", ["../../elsewhere", "", "a/b", "x" * 300, "\0"])
def test_a_damaged_claim_leads_to_no_other_place_and_ends(tmp_path, token):
    folder = tmp_path / "run"
    folder.mkdir()
    other(folder / claim.CLAIM, seconds_ago=1000, token=token)
    with held(folder) as mine:
        assert mine and [path.parent for path in tmp_path.rglob(f"{claim.CLAIM}*")] == [folder, folder]
    assert list(folder.iterdir()) == []


def test_claims_that_lead_in_a_circle_and_folders_in_their_place_block_nothing(tmp_path):
    other(tmp_path / claim.CLAIM, seconds_ago=1000, token="a")
    other(tmp_path / f"{claim.CLAIM}-a", seconds_ago=1000, token="a")
    assert holder(tmp_path) is None
    run = tmp_path / "run"
    (run / claim.CLAIM).mkdir(parents=True)
    (run / claim.CLAIM / "mine.txt").write_text("mine")
    os.utime(run / claim.CLAIM, (1, 1))
    with held(run) as mine:
        assert mine
    assert [path.read_text() for path in run.rglob("mine.txt")] == ["mine"] and holder(run) is None
