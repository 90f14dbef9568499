"""`zoo.create` with options as keywords, and `zoo.list_weights`."""

import pytest
import torch

import zoo
from zoo.errors import UsageError


def shapes(network):
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("resnet6", "resnet6:width=4,blocks=2,norm=batch", {"width": 4, "blocks": 2, "norm": "batch"}),
        ("resnet/resnet6", "resnet6:width=4,dropout=true", {"width": 4, "dropout": True}),
        ("patchgan", "patchgan:width=2,layers=2", {"width": 2, "layers": 2}),
        ("patchgan_gn", "patchgan_gn:width=2,reading=sum", {"width": 2, "reading": "sum"}),
        ("resnet6:blocks=1", "resnet6:width=4,blocks=1", {"width": 4}),
    ],
)
def test_keywords_set_the_options_that_text_sets(name, text, options):
    torch.manual_seed(0)
    by_keyword = zoo.create(name, **options)
    torch.manual_seed(0)
    by_text = zoo.create(text)
    assert repr(by_keyword) == repr(by_text) and shapes(by_keyword) == shapes(by_text)
    image = torch.rand(1, 1 if "patchgan" in name else 3, 32, 32)
    torch.testing.assert_close(by_keyword.eval()(image), by_text.eval()(image))


def test_channels_stand_beside_options():
    network = zoo.create("resnet6", in_channels=4, out_channels=2, width=3, blocks=1)
    assert network(torch.zeros(1, 4, 16, 16)).shape == (1, 2, 16, 16)
    assert shapes(network)["model.1.weight"] == (3, 4, 7, 7)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet9", {"widht": 3}, r"no option 'widht'.* Did you mean width\?"),
        ("patchgan_gn", {"widht": 3}, r"no option 'widht'.* Did you mean width\?"),
        ("patchgan:widht=3", {}, r"discriminator patchgan has no option 'widht'"),
        ("resnet9", {"width": 0}, "option `width` is 0; it must be 1 or more"),
        ("resnet9", {"norm": "bach"}, "option `norm` is 'bach'; it must be instance, batch or none"),
        ("resnet9:width=3", {"width": 3}, "option `width` was given twice"),
        (None, {}, "the name of a component is text; this is NoneType"),
        (3, {}, "the name of a component is text; this is int"),
        ("pix2pix", {"lr": 1.0}, "no generator is named 'pix2pix'"),
    ],
)
def test_a_wrong_option_is_refused_by_name(name, options, message):
    with pytest.raises(UsageError, match=message):
        zoo.create(name, **options)


@pytest.mark.parametrize("source", [3, None, b"pix2pix-scenes"])
def test_weights_are_loaded_by_text_or_path_alone(source):
    with pytest.raises(UsageError, match=f"by a name or a folder; this is {type(source).__name__}"):
        zoo.load(source)


def test_list_weights_names_what_load_takes():
    assert zoo.list_weights() == ["pix2pix-scenes"] == zoo.list_weights("pix2pix-*")
    assert zoo.list_weights("nothing*", include_unpublished=True) == []
    assert "cut-osu" in zoo.list_weights(include_unpublished=True)
    assert "pix2pix" in repr(zoo.load(zoo.list_weights()[0], device="cpu").config.recipe.method)


@pytest.mark.parametrize("channels", [0, -1, 1.5, True])
@pytest.mark.parametrize("name", ["in_channels", "out_channels"])
def test_channels_that_are_no_whole_number_from_one_are_refused(name, channels):
    with pytest.raises(UsageError, match=f"`{name}` is {channels}"):
        zoo.create("resnet6", **{name: channels})
