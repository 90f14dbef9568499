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

from zoo.bench import claim
from zoo.bench.claim import Holder, folder_time, held, holder, take

HOLD = """
import sys, time
from pathlib import Path
from zoo.bench.claim import take
print(take(Path(sys.argv[1])) is not None, flush=True)
time.sleep(60)
"""

HAMMER = """
import os, sys, time
from pathlib import Path
from zoo.bench.claim import held
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
        if len(looks) == 1:  # between this look and the next the cell is done by another and given back
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
