from dataclasses import replace

from zoo.records.job import score_name, scorings, unscored
from zoo.registry import get_registry


def choose(*specs):
    return [get_registry().find("metric", spec) for spec in specs]


def test_a_score_is_named_by_what_sets_its_values_apart(tmp_path):
    specs = ("psnr", "ssim:border=valid", "ssim:volume=true", "ssim:sigma=1.5", "fid", "kid:extractor=resnet18")
    names = [score_name(choice) for choice in choose(*specs)]
    assert names == ["psnr", "ssim[border=valid]", "ssim[volume=true]", "ssim", "fid[inception]", "kid[resnet18]"]
    assert score_name(choose("fid:weights=random")[0]) == "fid[inception@random]"
    (tmp_path / "weights.pth").write_bytes(b"other weights")
    label = score_name(choose(f"lpips:weights={tmp_path / 'weights.pth'}")[0])
    assert label.startswith("lpips[alex@") and str(tmp_path) not in label


def test_what_is_not_in_a_record_or_of_other_weights_is_to_be_scored(make_record):
    known = {name: one.key for name, one in scorings(choose("psnr", "ssim"), "weights").items()}
    record = replace(make_record([]), scored=known)
    requested = scorings(choose("psnr", "mae"), "weights")
    assert list(unscored(requested, record)) == ["mae"]
    assert list(unscored(requested, None)) == ["psnr", "mae"]
    assert list(unscored(scorings(choose("psnr"), "other weights"), record)) == ["psnr"]
    changed = scorings(choose("ssim:border=valid"), "weights")
    assert list(unscored(changed, record)) == ["ssim[border=valid]"]


def test_a_changed_file_of_weights_is_scored_again(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"one")
    (first,) = scorings(choose(f"fid:weights={path}"), "weights").values()
    path.write_bytes(b"another")
    (second,) = scorings(choose(f"fid:weights={path}"), "weights").values()
    assert first.key != second.key
