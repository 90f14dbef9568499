"""What is planted is reported, and nothing else: on synthetic pairs and, where they are, on real ones."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from zoo.data import layout
from zoo.data.check import check, require_usable
from zoo.data.images import read_thermal, read_visible
from zoo.data.layout import DataQuality, DatasetInfo, fingerprint, read_info
from zoo.data.quality import measure_quality, perceptual_hash, write_quality
from zoo.data.registration import aligned_shift_limit, estimate_shift
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

REAL = Path(__file__).parents[3].parent / "shared" / "data" / "roadscene"

Pair = tuple[np.ndarray, np.ndarray]


def _scene(seed: int, shape: tuple[int, int] = (150, 200)) -> Pair:
    """Two pictures of the same boxes and discs whose brightness in one says nothing of that in the other."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    visible = np.full((*shape, 3), rng.integers(60, 180), np.float64)
    thermal = np.full(shape, rng.integers(60, 180), np.float64)
    for _ in range(25):
        y, x, size = rng.integers(0, shape[0]), rng.integers(0, shape[1]), rng.integers(6, 30)
        box = (abs(rows - y) < size) & (abs(columns - x) < 0.7 * size)
        disc = (rows - y) ** 2 + (columns - x) ** 2 < size**2
        where = box if rng.random() < 0.5 else disc
        visible[where], thermal[where] = rng.integers(20, 235, 3), rng.integers(20, 235)
    visible += rng.normal(0, 6, visible.shape)
    thermal = ndimage.gaussian_filter(thermal, 1) + rng.normal(0, 4, shape)
    return visible.clip(0, 255).astype(np.uint8), thermal.clip(0, 255).astype(np.uint8)


def _moved(thermal: np.ndarray, right: int, down: int) -> np.ndarray:
    return ndimage.shift(thermal, (down, right), order=0, mode="nearest")


def _worn(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy as it comes from elsewhere: other brightness, noise, JPEG."""
    noisy = image * rng.uniform(0.9, 1.1) + rng.normal(0, 5, image.shape)
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=70)
    return np.asarray(Image.open(file))


DIRECTIONS = [(12, 0), (0, 12), (-12, 0), (0, -12), (-8, 9)]


def _planted(root: Path, train: dict[str, Pair], test: dict[str, Pair], seed: int) -> tuple[set[str], set[str]]:
    """Write the pairs with five shifted by 12 pixels and five test pairs repeated in training; return both groups."""
    rng = np.random.default_rng(seed)
    shifted = [str(stem) for stem in rng.choice(sorted(train), 5, replace=False)]
    repeated = [str(stem) for stem in rng.choice(sorted(test), 5, replace=False)]
    with DatasetWriter(root) as writer:
        for stem, (visible, thermal) in train.items():
            by = DIRECTIONS[shifted.index(stem)] if stem in shifted else (0, 0)
            writer.add("train", stem, visible=visible, thermal=_moved(thermal, *by))
        for stem, (visible, thermal) in test.items():
            writer.add("test", stem, visible=visible, thermal=thermal)
        for stem in repeated:
            visible, thermal = (_worn(image, rng) for image in test[stem])
            writer.add("train", f"again_{stem}", visible=visible, thermal=thermal)
    return set(shifted), set(repeated)


def _reported(root: Path) -> tuple[DataQuality, dict[str, set[str]]]:
    health, problems = measure_quality(root)
    assert {problem.severity for problem in problems} <= {"warning"}
    words = ("is shifted by", "training sees this test image", "no contrast", "is clipped", "is a copy", "paints class")
    found = {word: {p.path.stem for p in problems if word in p.what} for word in words}
    assert sum(map(len, found.values())) == len(problems)
    return health, {word: stems for word, stems in found.items() if stems}


def test_five_shifted_pairs_and_five_repeated_frames_are_reported_exactly_so(tmp_path: Path) -> None:
    pairs = {f"{i:03}": _scene(i) for i in range(45)}
    train, test = dict(list(pairs.items())[:33]), dict(list(pairs.items())[33:])
    shifted, repeated = _planted(tmp_path / "set", train, test, seed=0)
    health, found = _reported(tmp_path / "set")
    assert found == {"is shifted by": shifted, "training sees this test image": repeated}
    assert (health.images, health.checked, health.misregistered, health.repeated) == (50, 50, 5, 5)
    assert health.summary == "5 of 50 checked pairs misregistered, 5 test images repeated in training"


@pytest.mark.skipif(not REAL.is_dir(), reason="the RoadScene images are not here")
def test_on_real_pairs_only_what_was_planted_is_reported(tmp_path: Path) -> None:
    names = [path.name for path in (REAL / "cropinfrared").iterdir()]
    names = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:60]
    pairs = {
        Path(name).stem: (read_visible(REAL / "crop_LR_visible" / name), read_thermal(REAL / "cropinfrared" / name))
        for name in names
    }
    test = {stem: pairs[stem] for stem in list(pairs)[:20]}
    train = {stem: pair for stem, pair in pairs.items() if stem not in test}
    shifted, repeated = _planted(tmp_path / "set", train, test, seed=0)
    _, found = _reported(tmp_path / "set")
    assert found == {"is shifted by": shifted, "training sees this test image": repeated}


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the RoadScene images are not here")
def test_real_pairs_as_published_have_no_problem(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        for place, path in enumerate(sorted((REAL / "cropinfrared").iterdir())):
            split = "test" if place % 8 == 0 else "train"
            writer.add(
                split, path.stem, visible=read_visible(REAL / "crop_LR_visible" / path.name), thermal=read_thermal(path)
            )
    health, found = _reported(tmp_path / "set")
    assert found == {}
    assert health.checked > 150


@pytest.mark.parametrize("by", DIRECTIONS)
def test_a_shift_is_measured_to_a_pixel_and_in_its_direction(by: tuple[int, int]) -> None:
    visible, thermal = _scene(3)
    shift = estimate_shift(visible, _moved(255 - thermal, *by))
    assert shift is not None
    assert shift.sure
    np.testing.assert_allclose((shift.x, shift.y), by, atol=1)


def test_a_large_image_is_measured_in_its_own_pixels() -> None:
    visible, thermal = (np.kron(image, np.ones((5, 5, 1)[: image.ndim])) for image in _scene(4))
    shift = estimate_shift(visible, _moved(thermal, 60, 0))
    assert shift is not None
    assert (shift.x, shift.y) == pytest.approx((60, 0), abs=5)
    assert aligned_shift_limit(thermal.shape) == pytest.approx(0.0125 * 1000)


def test_noise_has_no_registration_and_a_flat_or_tiny_image_none_either() -> None:
    rng = np.random.default_rng(0)
    sure = [
        shift.sure
        for _ in range(20)
        if (shift := estimate_shift(rng.normal(size=(120, 160, 3)), rng.normal(size=(120, 160))))
    ]
    assert len(sure) == 20
    assert sum(sure) <= 3
    assert estimate_shift(np.zeros((100, 100, 3)), np.zeros((100, 100))) is None
    assert estimate_shift(*(image[:40, :40] for image in _scene(0))) is None


def test_hashes_match_a_worn_copy_and_no_other_picture() -> None:
    rng = np.random.default_rng(0)
    images = [_scene(i)[1] for i in range(30)]
    hashes = [perceptual_hash(image) for image in images]
    copies = [perceptual_hash(_worn(image, rng)) for image in images]
    bits = np.array([[(a ^ b).bit_count() for b in copies] for a in hashes])
    assert bits.diagonal().max() <= 8
    assert (bits + 64 * np.eye(30)).min() > 8
    assert perceptual_hash(np.full((40, 40), 7)) is None


@pytest.fixture
def sick(tmp_path: Path) -> Path:
    """A set with one fault of every other kind."""
    with DatasetWriter(tmp_path / "sick") as writer:
        for i in range(6):
            visible, thermal = _scene(i)
            writer.add("train" if i < 4 else "test", f"s{i}", visible=visible, thermal=thermal, labels=thermal // 128)
        writer.describe(name="sick", classes=("cold", "warm"))
    thermal = read_thermal(tmp_path / "sick/train/thermal/s0.png")
    Image.fromarray(np.where(thermal > 120, 255, thermal)).save(tmp_path / "sick/train/thermal/s0.png")
    Image.fromarray(np.full_like(thermal, 90)).save(tmp_path / "sick/train/thermal/s1.png")
    copied = read_thermal(tmp_path / "sick/train/thermal/s2.png")
    Image.fromarray(copied).convert("RGB").save(tmp_path / "sick/train/visible/s2.png")
    broken = tmp_path / "sick/train/visible/s3.png"
    broken.write_bytes(broken.read_bytes()[:-90])
    for split, i in [*(("train", i) for i in range(4)), ("test", 4), ("test", 5)]:
        path = tmp_path / f"sick/{split}/labels/s{i}.png"
        painted = Image.fromarray(np.asarray(Image.open(path)), "P")
        painted.putpalette([0, 0, 0, 255, 0, 0] if i != 5 else [255, 0, 0, 0, 0, 0])
        painted.save(path)
    return tmp_path / "sick"


def test_every_other_fault_is_named_once(sick: Path) -> None:
    health, found = _reported(sick)
    assert found == {"is clipped": {"s0"}, "no contrast": {"s1"}, "is a copy": {"s2"}, "paints class": {"s5"}}
    assert (health.clipped, health.constant, health.mismatched, health.unreadable) == (1, 1, 2, 1)
    assert "2 files mismatched, 1 files unreadable" in health.summary


def test_an_unpaired_set_is_searched_for_repeated_images_on_either_side(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        for i in range(4):
            visible, thermal = _scene(i)
            writer.add_visible("train", f"v{i}", visible)
            writer.add_thermal("train", f"t{i}", thermal)
        writer.add_visible("test", "v9", _scene(2)[0])
        writer.add_visible("test", "v8", _scene(8)[0])
        writer.add_thermal("test", "t9", _scene(1)[1])
    health, found = _reported(tmp_path / "set")
    assert found == {"training sees this test image": {"v9", "t9"}}
    assert health.checked == 0


def test_the_results_are_written_without_changing_the_fingerprint(make_pairs) -> None:
    root = make_pairs()
    before, mark = json.loads((root / "dataset.json").read_text()), fingerprint(root)
    health, _ = measure_quality(root)
    write_quality(root, health)
    after = json.loads((root / "dataset.json").read_text())
    assert fingerprint(root) == mark == health.fingerprint
    assert read_info(root).health == health
    assert {key for key in after if after[key] != before.get(key)} == {"health"}


def test_results_of_release_0_1_are_read_and_written_under_their_names() -> None:
    old = b'{"name": "old", "splits": {}, "health": {"images": 9, "judged": 6, "misregistered": 5}}'
    quality = msgspec.json.decode(old, type=DatasetInfo).health
    assert quality == DataQuality(images=9, checked=6, misregistered=5)
    assert quality.summary == "5 of 6 checked pairs misregistered"
    assert msgspec.to_builtins(quality)["judged"] == 6
    assert layout.Health is DataQuality and quality.judged == 6  # former names
    assert layout.Entry is layout.StemFiles


def test_a_dataset_json_without_results_is_read() -> None:
    assert DatasetInfo(name="old", splits={}).health is None


def test_label_images_beyond_the_limit_are_named_by_the_check_and_end_nothing(
    make_pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_pairs(labels=True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    Image.new("P", (64, 64)).save(root / "train/labels/train0.png")
    health, _ = measure_quality(root)
    assert health.images == 5
    assert any("million" in str(problem) for problem in check(root))
    with pytest.raises(DataError, match=r"train0\.png"):
        require_usable(root)
