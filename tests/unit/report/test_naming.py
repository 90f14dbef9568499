"""Short names of recipes that stand side by side."""

from dataclasses import replace

from zoo.composition import compose
from zoo.hub.model_names import model_name
from zoo.keys import readable_name
from zoo.recipe import DataRef, Part
from zoo.report.naming import add_training_data, name_systems, shared_options, shared_parts
from zoo.sources import open_source
from zoo.training_options import TrainingOptions


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


def test_trainings_that_were_selected_in_other_ways_have_other_names(pairs):
    source = open_source(str(pairs), size=32)

    def system(seed=0, **changes):
        training = TrainingOptions(**{"validate": 0.3} | changes)
        return compose(generator="resnet6", data=source, size=32, steps=40, seed=seed, training=training)

    kinds = [{"keep": "best"}, {"keep": "best:ssim"}, {}, {"rescues": 1}, {"validate_every": 5}, {"patience": 2}]
    names = name_systems([system(seed, **kind) for seed, order in enumerate((kinds, kinds[::-1])) for kind in order])
    assert len(set(names)) == len(kinds)
    assert names[: len(kinds)] == names[len(kinds) :][::-1]


def test_a_component_that_shares_its_name_is_shown_with_its_plugin(pairs):
    own = compose(generator="resnet6", data=open_source(str(pairs), size=32), size=32, steps=2)
    other = replace(own, generator=Part(name="other/resnet6", config=own.generator.config))
    assert name_systems([own, other]) == ["cyclegan resnet6 patchgan", "cyclegan other/resnet6 patchgan"]
    assert shared_parts([own, other]) == []
    assert name_systems([other, replace(other, seed=1)]) == ["cyclegan other/resnet6 patchgan"] * 2
    pixel = replace(other, discriminator=Part(name="patchgan/pixel"))
    assert name_systems([own, pixel]) == ["resnet6 patchgan", "other/resnet6 pixel"]
    assert readable_name(own).startswith("cyclegan-resnet6-patchgan-") and readable_name(other).startswith(
        "cyclegan-other_resnet6-patchgan-"
    )
    assert "cyclegan-other-resnet6-" in model_name(other, "0" * 64)


def test_a_system_that_was_tested_on_other_data_is_named_with_its_training_data_everywhere():
    a, b = DataRef(name="a", fingerprint="a"), DataRef(name="b", fingerprint="b")
    names = add_training_data(["cut", "cut", "cut", "pix2pix"], [a, a, b, b], [a, b, b, b])
    assert names == ["cut, trained on a", "cut, trained on a", "cut, trained on b", "pix2pix"]


def test_options_that_no_name_has_are_stated_once(pairs):
    source = open_source(str(pairs), size=32)

    def system(generator, discriminator="patchgan:width=8"):
        return compose(generator=generator, discriminator=discriminator, data=source, size=32, steps=2)

    assert shared_options([system("resnet6", "patchgan")]) == ""
    assert shared_options([system("resnet6:width=8"), system("resnet9")]) == "resnet6:width=8, patchgan:width=8"
    varied = [system("resnet6:width=8"), system("resnet6:width=4")]
    assert name_systems(varied) == ["resnet6:width=8", "resnet6:width=4"]
    assert shared_options(varied) == "patchgan:width=8"
    gone = replace(system("resnet6"), generator=Part(name="gone/resnet6", config={"width": 8}))
    assert shared_options([gone]) == ""
