"""Whatever file of a run is lost or damaged: no other error than a sentence, no wrong weights, and `--retry` brings it back."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import zoo
from zoo.errors import DamagedError, ZooError
from zoo.hub.publication import prepare
from zoo.recipe import Recipe
from zoo.records.job import LOG_FILE, Job, read_job
from zoo.records.outcome import Outcome, give_up
from zoo.report.finished_runs import find_results
from zoo.report.html.page import write_report
from zoo.report.records_check import check_folder
from zoo.run.display import PlainDisplay
from zoo.run.execute import execute
from zoo.run.grid import Axes, expand
from zoo.run.progress import INTERRUPTED, Event, ProgressWriter
from zoo.run.runner import InterruptedBenchError, run

AXES = {
    "methods": ("pix2pix",),
    "generators": ("resnet6:width=2,blocks=1",),
    "discriminators": ("patchgan:width=2,layers=1",),
    "size": 16,
    "steps": 4,
}
WEIGHTS = "model.safetensors"


class Inline:
    """A launcher that executes each run at once, in this process."""

    device, threads, lasting = "cpu", None, False

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after

    def expect(self, recipes: Sequence[Recipe]) -> None:
        pass

    def start(self, folders: Sequence[Path], workers: int) -> None:
        for folder in folders:
            self._execute(folder, read_job(folder))

    def _execute(self, folder: Path, job: Job) -> None:
        steps, progress = 0, ProgressWriter(folder)

        def stop() -> bool:
            nonlocal steps
            steps += 1
            return self.stop_after is not None and steps > self.stop_after

        try:
            if execute(folder, job, progress, stop).status == "interrupted":
                progress(Event(stage=INTERRUPTED))
        except ZooError as error:  # as the process of a run reports it
            with (folder / LOG_FILE).open("a") as log:
                print(error, file=log)
            give_up(folder, job, 1)

    def alive(self) -> bool:
        return False

    def reason(self) -> str:
        return "no worker executed it"

    def stop(self, times: int) -> None:
        pass


@pytest.fixture(scope="module", autouse=True)
def _quick_plots() -> Iterator[None]:
    """Draw no loss curves: that takes longer than all else, and has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.scoring.runs.loss_curves", lambda log, path: path.write_bytes(b"curves of %d" % len(log)))
        yield


def bench(pairs: Path, out: Path, *, retry: bool = False, stop_after: int | None = None, **options: object) -> Outcome:
    runs, _ = expand(Axes(data=(str(pairs),), **AXES), out)
    command = f"zoo bench --data {pairs} --out elsewhere"
    try:
        (outcome,) = run(runs, PlainDisplay(), Inline(stop_after), command=command, retry=retry, **options)
    except InterruptedBenchError as error:
        (outcome,) = error.outcomes
    return outcome


def only(out: Path) -> Path:
    (folder,) = [path for path in out.iterdir() if path.is_dir()]
    return folder


@pytest.fixture(scope="module")
def whole(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of one finished run."""
    out = tmp_path_factory.mktemp("whole") / "results"
    assert bench(pairs, out).status == "done"
    return out


@pytest.fixture(scope="module")
def half(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of one run that was killed after two of its steps; its machine's lease and a draft are left."""
    out = tmp_path_factory.mktemp("half") / "results"
    for steps in (1, 1):
        assert bench(pairs, out, stop_after=steps).status == "interrupted"
    folder = only(out)
    lease = {"token": "t", "host": "dead", "machine": "another", "pid": 5, "born": "7"}
    (folder / ".claim").write_text(json.dumps(lease))
    (folder / ".record.json.0123abcd").write_bytes(b"half")
    assert len(list((folder / "checkpoints").iterdir())) == 2
    return out


def truncate(path: Path, rng: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: rng.randrange(max(1, path.stat().st_size))])


def flip(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def delete(path: Path, rng: random.Random) -> None:
    path.unlink()


def become_a_folder(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()
    (path / "mine.txt").write_text("mine")


def change_types(path: Path, rng: random.Random) -> None:
    """Give some values of a JSON file other types; other files get JSON of none that fits."""
    others = [None, -1, 1e300, "x" * 300, [], {"a": [1]}, True, "../../x", "\0"]
    try:
        value = json.loads(path.read_bytes())
    except ValueError:
        value = None
    if isinstance(value, dict) and value:
        for name in rng.sample(sorted(value), k=min(2, len(value))):
            value[name] = rng.choice(others)
    else:
        value = rng.choice(others)
    path.write_text(json.dumps(value))


HARMS = (truncate, flip, delete, become_a_folder, change_types)


def damages(
    out: Path, count: int, seed: int
) -> Iterator[tuple[Path, Callable[[Path, random.Random], None], random.Random]]:
    """Yield so many files with what is done to them: every file and every harm comes up before one comes up again."""
    rng = random.Random(seed)
    files = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    files += [path for path in files if path.suffix in (".json", ".safetensors")]
    choices: list[tuple[Path, Callable[[Path, random.Random], None]]] = []
    while len(choices) < count:
        choices += rng.sample([(file, harm) for file in files for harm in HARMS], k=len(files) * len(HARMS))
    yield from ((file, harm, random.Random(rng.random())) for file, harm in choices[:count])


def read_everything(folder: Path, right: dict[str, torch.Tensor]) -> None:
    """Use a run in every way: each gives a sentence or works, and weights that load are the right ones."""
    try:
        state = zoo.load(folder, device="cpu").method.state_dict()
    except ZooError as error:
        assert str(error).count("\n") == 0 and "--retry" in str(error)
    else:
        assert all(torch.equal(state[name], tensor) for name, tensor in right.items())
    for read in (lambda: check_folder(folder.parent), lambda: prepare(folder, "a/b")):
        try:
            read()
        except ZooError as error:
            assert str(error).count("\n") == 0 and ("--retry" in str(error) or "holds no record.json" in str(error))


def try_damages(source: Path, whole: Path, pairs: Path, tmp_path: Path, count: int, seed: int) -> None:
    right = load_file(only(whole) / WEIGHTS)
    for number, (file, harm, rng) in enumerate(damages(source, count, seed)):
        out = tmp_path / str(number)
        shutil.copytree(source, out)
        what = f"{harm.__name__} {file} (seed {seed}, number {number})"
        harm(out / file, rng)
        folder = only(out)
        if (folder / ".claim").exists():
            os.utime(folder / ".claim", (1, 1))  # its machine died long ago
        read_everything(folder, right)
        before = bench(pairs, out)
        assert before.status in ("skipped", "done") or "--retry" in before.reason, f"{what}: {before}"
        after = bench(pairs, out, retry=True)
        assert after.status in ("skipped", "done"), f"{what}: {after.reason}"
        found = load_file(folder / WEIGHTS)
        assert found.keys() == right.keys() and all(torch.equal(found[name], right[name]) for name in right), what
        assert zoo.load(folder, device="cpu"), what
        assert check_folder(out)[1] == [], what
        assert bench(pairs, out).status == "skipped", what
        shutil.rmtree(out)


def test_a_flipped_bit_of_the_weights_is_named_everywhere_with_the_command_that_repairs_it(whole, pairs, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    folder = only(out)
    right = (folder / WEIGHTS).read_bytes()
    flip(folder / WEIGHTS, random.Random(0))
    told = []
    for use in (lambda: zoo.load(folder, device="cpu"), lambda: prepare(folder, "a/b")):
        with pytest.raises(DamagedError) as caught:
            use()
        told.append(str(caught.value))
    told += [f"{fault.path} {fault.what}" for fault in check_folder(out)[1]]
    told += [bench(pairs, out).reason, bench(pairs, out, metrics=["mae"]).reason]
    on_report: list[str] = []
    write_report(out, tmp_path / "report.html", on_warning=on_report.append)
    assert len(told + on_report) == 6
    for line in told + on_report:
        assert str(folder / WEIGHTS) in line and f"Run: zoo bench --data {pairs} --out {out} --retry" in line
    scores = (folder / "record.json").read_bytes()
    assert bench(pairs, out, retry=True).status == "done" and (folder / WEIGHTS).read_bytes() == right
    assert json.loads((folder / "record.json").read_bytes()) == json.loads(scores), (
        "the weights are the same, to the bit"
    )


def test_an_old_record_beside_retrained_weights_of_other_bits_is_scored_anew(whole, pairs, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    record = only(out) / "record.json"
    raw = json.loads(record.read_bytes())
    raw["sha256"][WEIGHTS], raw["scores"][0]["value"] = "0" * 64, 99.0  # as of a device that rounds in another order
    record.write_text(json.dumps(raw))
    assert bench(pairs, out, retry=True).record.scores[0].value < 90
    assert [path.name for path in only(out).glob("record.json.aside-*")], "the old record is kept beside"


def test_one_damaged_record_does_not_stop_the_others(whole, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    broken = out / "broken"
    shutil.copytree(only(out), broken)
    (broken / "record.json").write_text("{")
    found = find_results(out)
    assert len(found.runs) == 1 and len(found.unreadable) == 1 and str(broken) in found.unreadable[0]
    remarks: list[str] = []
    write_report(out, tmp_path / "report.html", on_warning=remarks.append)
    assert len(remarks) == 1 and str(broken) in remarks[0] and "--retry" in remarks[0]
    with pytest.raises(DamagedError):
        find_results(broken)


def test_what_killed_writes_left_is_swept_and_what_others_may_be_writing_is_not(whole, pairs, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    folder = only(out)
    (folder / "samples.png").unlink()  # so that there is something to do
    left = [folder / ".record.json.0123abcd", folder / ".clock-x7_a", out / ".probe-abc", out / ".run-1.0123abcd"]
    fresh = [out / ".probe-new", folder / ".failure.json.0123abcd", out / ".mine"]
    for path in left + fresh:
        path.write_bytes(b"half")
    for path in (*left, out / ".mine"):
        os.utime(path, (1, 1))
    assert bench(pairs, out, retry=True).status == "done"
    assert not any(path.exists() for path in left) and all(path.exists() for path in fresh)


def test_random_damages_of_a_finished_run_are_repaired(whole, pairs, tmp_path):
    try_damages(whole, whole, pairs, tmp_path, 24, seed=1)


def test_random_damages_of_a_half_trained_run_are_repaired(half, whole, pairs, tmp_path):
    try_damages(half, whole, pairs, tmp_path, 16, seed=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_many_random_damages_are_repaired(half, whole, pairs, tmp_path, seed):
    try_damages(whole, whole, pairs, tmp_path / "whole", 200, seed)
    try_damages(half, whole, pairs, tmp_path / "half", 100, seed)
