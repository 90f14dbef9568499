"""One holder at a time, whatever happens to the others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zoo.records import lease as module
from zoo.records.lease import DEAD_AFTER, LEASE_FILE, Holder, acquire, folder_time, holder, is_ahead, lease

HOLD = """
import sys, time
from pathlib import Path
from zoo.records.lease import acquire
print(acquire(Path(sys.argv[1])) is not None, flush=True)
time.sleep(60)
"""

HAMMER = """
import os, sys, time
from pathlib import Path
from zoo.records.lease import lease
folder, inside = Path(sys.argv[1]), Path(sys.argv[1]) / "inside"
done, deadline = 0, time.monotonic() + 60
while done < 15 and time.monotonic() < deadline:
    with lease(folder) as held:
        if held is None:
            continue
        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # fails where another is inside
        time.sleep(0.001)
        inside.unlink()
        done += 1
print(done)
"""


def other(path: Path, *, seconds_ago: float = 0.0, **changes: object) -> Holder:
    """Write the lease of a process on another machine, last touched some time ago."""
    facts = {"token": "t1", "host": "far", "machine": "another", "pid": 1, "born": "1", **changes}
    path.write_text(json.dumps(facts))
    then = folder_time(path.parent) - int(seconds_ago * 1e9)
    os.utime(path, ns=(then, then))
    return Holder(**facts)


def test_one_process_holds_a_lease_and_releases_it(tmp_path):
    first = acquire(tmp_path)
    assert first and acquire(tmp_path) is None
    assert holder(tmp_path).pid == os.getpid()
    first.release()
    assert holder(tmp_path) is None and list(tmp_path.iterdir()) == []
    with lease(tmp_path) as second:
        assert second and not second.lost


def test_the_lease_of_a_killed_process_is_taken_over_at_once(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "True\n"
    assert acquire(tmp_path) is None
    process.send_signal(signal.SIGKILL)
    assert process.stdout.read() == ""  # it is dead, though nobody has waited for it yet
    deadline = time.monotonic() + 10
    while (mine := acquire(tmp_path)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert mine and holder(tmp_path).pid == os.getpid()
    process.wait()
    mine.release()
    assert list(tmp_path.iterdir()) == []


def test_a_process_with_the_number_of_a_dead_one_does_not_hold_its_lease(tmp_path):
    mine = acquire(tmp_path)
    facts = json.loads((tmp_path / LEASE_FILE).read_text())
    mine.release()
    other(tmp_path / LEASE_FILE, **{**facts, "born": "0"})
    assert holder(tmp_path) is None


@pytest.mark.parametrize(("age", "lives"), [(DEAD_AFTER - 30, True), (DEAD_AFTER + 30, False)])
def test_another_machines_lease_lasts_as_long_as_it_is_touched(tmp_path, age, lives):
    far = other(tmp_path / LEASE_FILE, seconds_ago=age)
    assert holder(tmp_path) == (far if lives else None)
    mine = acquire(tmp_path)
    assert (mine is None) == lives
    if mine:
        assert str(holder(tmp_path)).startswith(f"process {os.getpid()} on")
        mine.release()


def test_successors_follow_successors_and_leave_nothing_behind(tmp_path):
    other(tmp_path / LEASE_FILE, seconds_ago=1000)
    other(tmp_path / f"{LEASE_FILE}-t1", seconds_ago=500, token="t2")
    mine = acquire(tmp_path)
    assert mine and (tmp_path / f"{LEASE_FILE}-t2").exists()
    mine.release()
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_content_is_a_lease_until_it_is_old(tmp_path):
    path = tmp_path / LEASE_FILE
    path.touch()
    assert holder(tmp_path) and acquire(tmp_path) is None
    os.utime(path, (1, 1))
    mine = acquire(tmp_path)
    assert mine
    mine.release()


def test_a_holder_touches_its_lease_and_notices_a_successor(tmp_path):
    mine = acquire(tmp_path, heartbeat=0.02)
    path = tmp_path / LEASE_FILE
    os.utime(path, (1, 1))
    deadline = time.monotonic() + 10
    while path.stat().st_mtime < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.stat().st_mtime > 2
    token = json.loads(path.read_text())["token"]
    successor = tmp_path / f"{LEASE_FILE}-{token}"
    other(successor)
    while not mine.lost and time.monotonic() < deadline:
        time.sleep(0.01)
    assert mine.lost
    mine.release()
    assert successor.exists(), "it removed the lease of its successor"


def test_a_successor_of_a_chain_that_was_released_meanwhile_backs_off(tmp_path, monkeypatch):
    other(tmp_path / LEASE_FILE, seconds_ago=1000)
    real, looks = module._chain, []

    def chain(folder: Path):
        looks.append(folder)
        found = real(folder)
        if len(looks) == 1:  # between this look and the next another process finishes the run and releases the lease
            (tmp_path / LEASE_FILE).unlink()
        return found

    monkeypatch.setattr(module, "_chain", chain)
    assert acquire(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_no_two_of_many_processes_are_inside_at_once(tmp_path):
    words = [sys.executable, "-c", HAMMER, str(tmp_path)]
    started = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    written = [process.communicate(timeout=120) for process in started]
    assert [out for out, _ in written] == ["15\n"] * 4, written


def test_a_lease_of_the_future_expires_when_it_is_not_touched(tmp_path, monkeypatch):
    path = tmp_path / LEASE_FILE
    other(path, seconds_ago=-30 * 24 * 3600)
    now = time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    assert holder(tmp_path) and acquire(tmp_path) is None and is_ahead(tmp_path)
    now += DEAD_AFTER - 1
    assert holder(tmp_path), "it may still be touched"
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 10**10))
    now += DEAD_AFTER - 1
    assert holder(tmp_path), "it was touched meanwhile"
    now += DEAD_AFTER  # since that touch was seen
    assert holder(tmp_path) is None


def test_a_forked_process_acquires_a_lease_of_the_future_that_its_parent_saw_expire(tmp_path, monkeypatch):
    path = tmp_path / LEASE_FILE
    other(path, seconds_ago=-30 * 24 * 3600)
    assert holder(tmp_path)
    touch, first_seen = module._seen[path]
    monkeypatch.setitem(module._seen, path, (touch, first_seen - DEAD_AFTER))
    child = os.fork()
    if not child:
        held = acquire(tmp_path)
        if held:
            held.release()
        os._exit(0 if held else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert list(tmp_path.iterdir()) == []
    other(path, seconds_ago=-30 * 24 * 3600 - 10)
    assert acquire(tmp_path) is None, "it was touched since"


@pytest.mark.parametrize("token", ["../../elsewhere", "", "a/b", "x" * 300, "\0"])
def test_a_damaged_lease_leads_to_no_other_folder_and_expires(tmp_path, token):
    folder = tmp_path / "run"
    folder.mkdir()
    other(folder / LEASE_FILE, seconds_ago=1000, token=token)
    with lease(folder) as mine:
        assert mine and [path.parent for path in tmp_path.rglob(f"{LEASE_FILE}*")] == [folder, folder]
    assert list(folder.iterdir()) == []


def test_leases_that_lead_in_a_circle_and_folders_in_their_place_block_nothing(tmp_path):
    other(tmp_path / LEASE_FILE, seconds_ago=1000, token="a")
    other(tmp_path / f"{LEASE_FILE}-a", seconds_ago=1000, token="a")
    assert holder(tmp_path) is None
    run = tmp_path / "run"
    (run / LEASE_FILE).mkdir(parents=True)
    (run / LEASE_FILE / "mine.txt").write_text("mine")
    os.utime(run / LEASE_FILE, (1, 1))
    with lease(run) as mine:
        assert mine
    assert [path.read_text() for path in run.rglob("mine.txt")] == ["mine"] and holder(run) is None
