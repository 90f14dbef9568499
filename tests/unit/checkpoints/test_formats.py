"""Recognising networks: prefixes, containers, several in one file, and what is nearest to an unknown one."""

from __future__ import annotations

import time
from pathlib import Path

from zoo.checkpoints.entries import TensorEntry, WeightsFile
from zoo.checkpoints.formats import networks
from zoo.checkpoints.templates import conv, norm
from zoo.hookspec import CheckpointFormat
from zoo.plugins import installed

SMALL = CheckpointFormat(
    name="small",
    summary="a small net, {i} -> {o}",
    origin="somebody",
    tensors=conv("in", "w i 3 3") | norm("bn", "w", "batch") | conv("out", "o w 1 1"),
    component="generator resnet6",
    options={"in_channels": "i", "out_channels": "o"},
    optional=("*.num_batches_tracked",),
    dropped=("*.unused",),
)
OTHER = CheckpointFormat(name="other", summary="another", origin="somebody", tensors=conv("in", "w i 5 5"))


def entries(**shapes: tuple[int, ...]) -> dict[str, TensorEntry]:
    return {name.replace("__", "."): TensorEntry(shape=shape, dtype="float32") for name, shape in shapes.items()}


GOOD = entries(
    in__weight=(8, 3, 3, 3), in__bias=(8,), bn__weight=(8,), bn__bias=(8,), bn__running_mean=(8,), bn__running_var=(8,),
    out__weight=(2, 8, 1, 1), out__bias=(2,),
)  # fmt: skip


def file(**groups: dict[str, TensorEntry]) -> WeightsFile:
    named = {name.replace("__", ".") if name != "root" else "": group for name, group in groups.items()}
    return WeightsFile(path=Path("a.pth"), container="", size=0, groups=named)


def prefixed(prefix: str, group: dict[str, TensorEntry] = GOOD) -> dict[str, TensorEntry]:
    return {prefix + name: entry for name, entry in group.items()}


def test_sizes_become_options_and_words():
    (found,) = networks(file(root=GOOD), [OTHER, SMALL])
    assert found.match.title == "a small net, 3 -> 2, from somebody"
    assert found.match.component == "generator resnet6:in_channels=3,out_channels=2"
    assert (found.part, found.prefix) == ("", "")


def test_wrappers_and_names_before_the_keys_are_looked_through():
    for prefix in ("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "netG.", "model.G_A.module."):
        (found,) = networks(file(state_dict=prefixed(prefix)), [SMALL])
        assert found.match and found.prefix == f"state_dict.{prefix}"
        assert found.tensors == GOOD


def test_several_networks_are_found_with_their_places():
    both = prefixed("netG.") | prefixed("netF.") | entries(queue=(3,))
    found = networks(file(models__0=both, ema=GOOD, optimizer__state__0=entries(exp_avg=(3,))), [SMALL])
    assert [network.part for network in found] == ["models.0.netG", "models.0.netF", "ema"]


def test_optional_and_dropped_keys_are_no_difference():
    more = entries(bn__num_batches_tracked=(), in__unused=(1, 2))
    (found,) = networks(file(root=GOOD | more), [SMALL])
    assert found.match.dropped == ("in.unused",)


def test_what_differs_is_reported_key_by_key():
    odd = GOOD | entries(extra=(1,), out__weight=(2, 9, 1, 1))
    del odd["in.bias"], odd["out.bias"]
    (found,) = networks(file(root=odd), [OTHER, SMALL])
    assert found.match is None
    nearest = found.nearest[0]
    assert (nearest.format, nearest.missing, nearest.extra) == (SMALL, ("in.bias", "out.bias"), ("extra",))
    assert nearest.misshapen == {"out.weight": "[2, 9, 1, 1] instead of [2, 8, 1, 1]"}


def test_a_file_with_nothing_in_common_has_no_nearest_format():
    (found,) = networks(file(root=entries(a=(1,), b=(2,))), [SMALL])
    assert found.nearest == []


def test_a_file_of_very_many_tensors_is_identified_at_once():
    many = {f"block{index}.model.1.weight": TensorEntry(shape=(1,), dtype="float32") for index in range(50_000)}
    rows = [row for plugin in installed() for row in plugin.rows.checkpoints]
    start = time.thread_time()
    networks(file(root=many), rows)
    assert time.thread_time() - start < 5


def test_every_format_of_zoo_differs_from_every_other():
    from zoo.checkpoints.templates import shapes

    rows = [row for plugin in installed() for row in plugin.rows.checkpoints]
    lengths = {"w": 16, "i": 3, "o": 3}
    for row in rows:
        group = {
            key: TensorEntry(shape=tuple(size.factor * lengths.get(size.name, 1) for size in shape), dtype="float32")
            for key, shape in shapes(row).items()
        }
        (found,) = networks(file(root=group), rows)
        assert found.match and found.match.format is row
