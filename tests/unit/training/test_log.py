from pathlib import Path

import pytest

from zoo.errors import ZooError
from zoo.training.log import Log, LogEntry, read_log


def entry(step: int) -> LogEntry:
    return LogEntry(step=step, losses={"generator/gan": step / 10}, lr=2e-4, it_s=1.0)


def write(path: Path, *steps: int, after: int = 0) -> None:
    with Log(path, after=after) as log:
        for step in steps:
            log.append(entry(step))
        log.flush()


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    write(tmp_path / "log.jsonl", 1, 2)
    assert read_log(tmp_path / "log.jsonl") == [entry(1), entry(2)]


def test_a_missing_log_is_empty(tmp_path: Path) -> None:
    assert read_log(tmp_path / "log.jsonl") == []


def test_lines_beyond_the_checkpoint_are_removed_before_going_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write(path, 10, 20, 30)
    write(path, 30, 40, after=20)
    assert [line.step for line in read_log(path)] == [10, 20, 30, 40]
    assert path.read_text().count("\n") == 4


@pytest.mark.parametrize("tail", [b'{"step":3', b'{"step":3,"losses":{},"lr":0.1,"it_s":1.0}', b"\x00\x00\n"])
def test_a_line_that_was_cut_off_is_removed(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "log.jsonl"
    write(path, 1, 2)
    path.write_bytes(path.read_bytes() + tail)
    write(path, 3, after=10)
    assert [line.step for line in read_log(path)] == [1, 2, 3]


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(ZooError, match=r"training log .* cannot be written"):
        Log(tmp_path / "log.jsonl", after=0)
