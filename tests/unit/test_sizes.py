"""Sizes in numbers and in text, and what recipes make of heights and widths that differ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd

import msgspec
import pytest

import zoo
from zoo.api.arguments import read_axes, spell_command
from zoo.api.runs import bench
from zoo.compatibility import check_sizes
from zoo.composition import choose, choose_parts, parts_text, resolve_parts
from zoo.errors import RefusedError, UsageError
from zoo.hookspec import Component
from zoo.hub.model_names import model_name
from zoo.keys import readable_name, train_key
from zoo.recipe import Recipe
from zoo.registry import get_registry
from zoo.sizes import read_size, size_text


@pytest.mark.parametrize(
    ("given", "size", "text"),
    [
        (64, 64, "64"),
        ("64", 64, "64"),
        ("64x64", 64, "64"),
        ((64, 64), 64, "64"),
        ("512x640", (512, 640), "512x640"),
        (" 512 X 640 ", (512, 640), "512x640"),
        ([512, 640], (512, 640), "512x640"),
    ],
)
def test_a_size_is_one_side_or_height_and_width(given, size, text):
    assert read_size(given) == size and size_text(read_size(given)) == text


@pytest.mark.parametrize("given", ["", "64x", "x64", "64x64x3", "a", "6.5", "64*64", 64.5, True, (1, 2, 3), (64, "64")])
def test_what_is_no_size_is_refused_with_an_example(given):
    with pytest.raises(UsageError, match=r"`size` is .* Give a number of pixels such as 256, or height x width"):
        read_size(given)


@pytest.mark.parametrize("given", [0, -64, "0x64", "64x-1", (64, 0)])
def test_a_size_below_one_pixel_is_refused(given):
    with pytest.raises(UsageError, match=r"`size` is [-\dx]+; it must be 1 or more"):
        read_size(given)


def test_both_sides_are_loaded_larger_by_the_same_factor_and_survive_json(pairs):
    recipe = zoo.compose(data=str(pairs), size="64x96")
    assert (recipe.size, recipe.load_size) == ((64, 96), (round(64 * 286 / 256), round(96 * 286 / 256)))
    text = msgspec.json.encode(recipe)
    assert b'"size":[64,96]' in text and msgspec.json.decode(text, type=Recipe) == recipe
    assert zoo.compose(data=str(pairs), size=(64, 96)) == recipe


def test_a_square_is_the_same_recipe_however_it_is_given(pairs):
    recipe = zoo.compose(data=str(pairs), size=64)
    for given in ("64", "64x64", (64, 64)):
        again = zoo.compose(data=str(pairs), size=given)
        assert msgspec.json.encode(again) == msgspec.json.encode(recipe) and train_key(again) == train_key(recipe)
    assert b'"size":64,"load_size":72' in msgspec.json.encode(recipe)


def test_names_and_commands_state_height_and_width(pairs):
    recipe = zoo.compose(data=str(pairs), size=(64, 96), steps=2)
    assert "-64x96px-" in readable_name(recipe) and "64x96px" in model_name(recipe, "0" * 64)
    turned = replace(recipe, size=(96, 64))
    assert len({train_key(one) for one in (recipe, turned, replace(recipe, size=64))}) == 3
    for size in ((64, 96), "64x96", [64, 96]):
        assert spell_command("bench", {"size": size}, bench) == "zoo bench --size 64x96"
        assert read_axes({"size": size}).size == (64, 96)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (
            {"generator": "resnet9", "size": "66x97"},
            "multiples of 4 px from 8 px, and 66x97 is not one. Use `size`=68x96",
        ),
        ({"generator": "unet_128", "size": "128x200"}, "and 128x200 is not one. Use `size`=128x256"),
        ({"generator": "unet_auto", "size": "64x100"}, "multiples of 32 px, and 64x100 is not one. Use `size`=64x96"),
        ({"generator": "resnet9", "size": "4x64"}, "Use `size`=24x64"),
        ({"recipe": "layergan", "size": "64x96"}, "requires square images, and 64x96 is no square. Use `size`=64"),
        ({"recipe": "layergan", "size": "48x96"}, "48x96 is no square. Use `size`=64"),
        ({"discriminator": "stylegan2", "size": "128x96"}, "discriminator stylegan2 requires square images"),
        ({"generator": "timm/unet", "size": "64x97"}, "multiples of 32 px from 64 px, and 64x97 is not one"),
    ],
)
def test_a_part_refuses_sides_that_it_does_not_take_and_names_the_nearest(pairs, asked, reason):
    data = "scenes:train=2,test=2" if "recipe" in asked else str(pairs)
    with pytest.raises(RefusedError) as caught:
        zoo.compose(data=data, **asked)
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_the_named_size_suits_the_recipe(pairs):
    for asked in ({"generator": "unet_auto", "discriminator": "stylegan2"}, {"generator": "unet_128"}):
        with pytest.raises(RefusedError) as caught:
            zoo.compose(data=str(pairs), size="70x300", **asked)
        assert zoo.compose(
            data=str(pairs), size=caught.value.fix.removeprefix("Use `size`=").partition(":")[0], **asked
        )


@pytest.mark.parametrize("sides", [(64, 96), (64, 128), (256, 512), (32, 64), (1280, 720 + 48)])
def test_the_depth_of_unet_auto_follows_from_the_power_of_two_in_both_sides(sides):
    config = get_registry().find("generator", "unet_auto").for_size(sides).config
    power = max(number for number in range(12) if gcd(*sides) % 2**number == 0)
    assert config.downs == min(power, 8)


@pytest.mark.parametrize("name", [choice.name for choice in get_registry().list("recipe")])
def test_every_recipe_takes_64x96_or_refuses_it_in_one_line(name):
    chosen = choose(recipe=name)
    try:
        check_sizes(chosen.parts, (64, 96))
    except RefusedError as error:
        assert name.startswith("layergan") and "\n" not in str(error) and "Use `size`=64" in str(error)
    else:
        assert not name.startswith("layergan")


def test_a_recipes_option_size_may_be_height_and_width(pairs):
    system = get_registry().find("recipe", "pix2pix:size=256x512").config
    assert system.size == (256, 512) and get_registry().find("recipe", "pix2pix:size=256").config.size == 256
    recipe = zoo.compose(recipe="pix2pix:size=256x512", preset="paper", data=str(pairs))
    for wrong, reason in (("abc", "is 'abc'. Give a number of pixels"), ("0", "is 0; it must be 1 or more")):
        with pytest.raises(UsageError, match=f"option `size` {reason}"):
            get_registry().find("recipe", f"pix2pix:size={wrong}")
    assert recipe.size == (256, 512) and recipe.generator.config["downs"] == 8
    assert parts_text(resolve_parts(choose_parts(get_registry(), system), (256, 512))) == parts_text(recipe.parts)


@dataclass(frozen=True, kw_only=True)
class SquareConfig:
    side: int = 0

    def for_size(self, size: int) -> SquareConfig:
        return replace(self, side=size + 0)


def test_a_third_partys_part_that_follows_from_a_side_is_never_given_two():
    base = get_registry().find("generator", "resnet9")
    row = Component(kind="generator", name="square", target="x:Y", config=SquareConfig(), summary="a square part")
    choice = replace(base, component=row, config=row.config)
    assert choice.for_size(48).config.side == 48 and not choice.takes((48, 64))
    with pytest.raises(RefusedError, match="generator square requires square images, and 48x64 is no square"):
        choice.for_size((48, 64))
    with pytest.raises(RefusedError, match="Use `size`=48"):
        check_sizes({"generator": choice}, (48, 64))
