"""The name grammar, looked up in the installed plugins."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

import zoo
from zoo.errors import UsageError
from zoo.limits import Above, AtLeast, AtMost, Below
from zoo.option_types import limits_of
from zoo.registry import get_registry, natural, parse, split_specs


def test_grammar():
    assert parse("resnet9") == (None, "resnet9", {})
    assert parse("timm/unet:encoder=convnext_tiny.fb_in22k,pretrained=false") == (
        "timm",
        "unet",
        {"encoder": "convnext_tiny.fb_in22k", "pretrained": "false"},
    )
    for wrong in ("", "a b", "resnet9:blocks", "resnet9:=3"):
        with pytest.raises(UsageError):
            parse(wrong)


def test_commas_between_names_and_between_options():
    assert split_specs("a,b:x=1,y=2, c ,timm/u:e=r") == ["a", "b:x=1,y=2", "c", "timm/u:e=r"]


def test_natural_order():
    names = ["unet_512", "unet_1024", "unet_128", "resnet9_cbam", "resnet9", "resnet10"]
    assert sorted(names, key=natural) == ["resnet9", "resnet9_cbam", "resnet10", "unet_128", "unet_512", "unet_1024"]


def test_options_are_converted_to_the_configs_types():
    config = get_registry().find("generator", "resnet9:blocks=3,dropout=true,norm=batch,init_gain=0.1").config
    assert (config.blocks, config.dropout, config.norm, config.init_gain) == (3, True, "batch", 0.1)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("resnet9_cbm", "Did you mean resnet9_cbam"),
        ("resnet9:bloks=3", "Did you mean blocks?"),
        ("resnet9:blocks=three", "option `blocks`"),
        ("resnet9:norm=layer", "option `norm`"),
        ("resnet9:blocks=-3", "it must be 1 or more"),
        ("resnet9:width=0", "option `width` is 0"),
        ("resnet9:init_gain=-1", "option `init_gain` is -1.0; it must be 0 or more"),
        ("resnet9:init_gain=nan", "option `init_gain` is nan; it must be a finite number"),
        ("resnet9:init_gain=inf", "it must be a finite number"),
        ("patchgan", "there is a discriminator of that name"),
    ],
)
def test_wrong_names_and_options_are_refused_with_a_fix(spec, reason):
    with pytest.raises(UsageError, match=None) as caught:
        get_registry().find("generator", spec)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def _open_options() -> list[tuple[str, str, str]]:
    """Return kind, component and option of everything that may be left open."""
    found = []
    for entry in get_registry().list():
        hints = get_type_hints(type(entry.component.config))
        found += [(entry.kind, entry.full_name, name) for name, hint in hints.items() if type(None) in get_args(hint)]
    return found


@pytest.mark.parametrize(("kind", "name", "option"), _open_options())
@pytest.mark.parametrize("word", ["none", "None", "null"])
def test_every_option_that_may_be_left_open_is_left_open_by_none(kind, name, option, word):
    assert getattr(get_registry().find(kind, f"{name}:{option}={word}").config, option) is None


def test_none_stays_a_word_where_it_is_one_of_the_choices():
    assert get_registry().find("generator", "resnet9:norm=none").config.norm == "none"
    assert zoo.compose(method="thermalgan:label_mode=none").method.config["label_mode"] == "none"
    with pytest.raises(UsageError, match="option `blocks`"):
        get_registry().find("generator", "resnet9:blocks=none")


def test_a_list_may_have_one_entry():
    config = get_registry().find("method", "cut:layers=4").config
    assert config.layers == (4,) and get_registry().find("method", "cut:layers=0+4").config.layers == (0, 4)
    assert get_registry().find("method", "layergan:classes=car").config.classes == ("car",)


def test_cyclegan_without_a_weight_of_identity_follows_the_channels():
    both = [zoo.compose(method="cyclegan:identity=none", thermal_channels=channels) for channels in (1, 3)]
    assert [recipe.method.config["identity"] for recipe in both] == [None, None]
    assert both[0].method == zoo.compose(method="cyclegan").method


def test_a_suffix_names_the_normalizer():
    discriminator, norm = get_registry().find_discriminator("patchgan_gn:reading=sum,layers=4")
    assert (discriminator.name, discriminator.config.layers, norm.name, norm.config.reading) == (
        "patchgan",
        4,
        "gn",
        "sum",
    )
    discriminator, norm = get_registry().find_discriminator("pixel")
    assert (discriminator.name, norm.name) == ("pixel", "none")
    assert get_registry().find_discriminator("pixel", norm="gn")[1].name == "gn"
    with pytest.raises(UsageError, match="names the normalizer gn and `norm` names none"):
        get_registry().find_discriminator("patchgan_gn", norm="none")


def test_misspelt_suffix():
    with pytest.raises(UsageError, match=r"Did you mean .*patchgan_gn"):
        get_registry().find_discriminator("patchgan_gm")


def test_list_components_takes_wildcards():
    assert zoo.list_components("generator", "resnet?") == ["resnet6", "resnet9"]
    assert {"resnet9", "patchgan", "cyclegan", "scenes"} <= set(zoo.list_components())
    with pytest.raises(UsageError, match="kinds are"):
        zoo.list_components("generators")


def _numbers() -> list[tuple[str, str, str]]:
    """Return kind, component and option of every float option."""
    found = []
    for entry in get_registry().list():
        hints = get_type_hints(type(entry.component.config))
        found += [
            (entry.kind, entry.full_name, name) for name, hint in hints.items() if float in (hint, *get_args(hint))
        ]
    return found


@pytest.mark.parametrize(("kind", "name", "option"), _numbers())
def test_no_number_of_an_option_is_infinite_or_undefined(kind, name, option):
    for word in ("nan", "inf", "-inf"):
        with pytest.raises(UsageError, match=rf"option `{option}` is {word}; it must be a finite number"):
            get_registry().find(kind, f"{name}:{option}={word}")


def _limits() -> list[tuple[str, str, str, AtLeast | AtMost]]:
    """Return kind, component and option of every number with a limit, and the limit."""
    found = []
    for entry in get_registry().list():
        hints = get_type_hints(type(entry.component.config), include_extras=True)
        found += [(entry.kind, entry.full_name, name, one) for name, hint in hints.items() for one in limits_of(hint)]
    return found


@pytest.mark.parametrize(("kind", "name", "option", "limit"), _limits())
def test_no_number_of_an_option_is_outside_of_its_limits(kind, name, option, limit):
    step = 0 if type(limit) in (Above, Below) else 1
    outside = limit.value - step if isinstance(limit, AtLeast) else limit.value + step
    with pytest.raises(UsageError, match=rf"option `{option}` is {outside}(\.0)?; it must be .*{limit}"):
        get_registry().find(kind, f"{name}:{option}={outside}")


@pytest.mark.parametrize(
    "spec",
    [
        *(
            f"{method}:lr=-1"
            for method in ("cyclegan", "cut", "pix2pix", "regression", "layergan", "thermalgan", "flow", "bbdm")
        ),
        *(
            "cyclegan:beta1=1",
            "cyclegan:identity=-1",
            "cyclegan:pool=-1",
            "cut:nce=-1",
            "cut:temperature=0",
            "cut:patches=1",
        ),
        *("flow:ema=1", "bbdm:eta=1.5", "bbdm:steps=1001", "layergan:channel_multiplier=0", "regression:ms_ssim=2"),
    ],
)
def test_numbers_that_no_training_can_have_are_refused(spec):
    with pytest.raises(UsageError, match="it must be"):
        get_registry().find("method", spec)
