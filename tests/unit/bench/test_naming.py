"""Short names of recipes that stand side by side."""

from zoo.bench.naming import name_systems
from zoo.composition import compose
from zoo.sources import open_source


def test_systems_are_named_by_what_they_differ_in(pairs):
    source = open_source(str(pairs), size=32)

    def system(**words):
        return compose(**{"generator": "resnet6", "data": source, "size": 32, "steps": 2} | words)

    assert name_systems([system(), system(generator="resnet9")]) == ["resnet6", "resnet9"]
    assert name_systems([system(), system(discriminator="patchgan_gn")]) == ["patchgan", "patchgan_gn"]
    assert name_systems([system(), system(seed=1)]) == ["cyclegan resnet6 patchgan"] * 2
    assert name_systems([system(), system(steps=4)])[1].endswith(", 4 steps")
    assert name_systems([system(), system(batch=2)])[1].endswith(", batch 2")
    assert name_systems([system(), system()])[1].endswith(" (2)")
