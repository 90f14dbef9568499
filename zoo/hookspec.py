"""All that a plugin may say to zoo: rows of text and numbers. Imports neither torch nor typer.

A plugin is a module named by an entry point of group `zoo.plugins`. It returns rows from `zoo_components`:

    from zoo.hookspec import Component, hookimpl

    @hookimpl
    def zoo_components():
        return [Component(kind="generator", name="mynet", target="mypkg.network:MyNet", config=MyNetConfig())]

A row's `target` is imported only when the part is built, so that listing components stays instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

import pluggy

PROJECT = "zoo"
ENTRY_POINT_GROUP = "zoo.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Kind = Literal["generator", "discriminator", "normalizer", "method", "recipe", "dataset", "metric"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class AtLeast:
    """The smallest value that a user may give a config field, as the annotation of its type."""

    value: int


Positive = Annotated[int, AtLeast(1)]
"""Type of a config field that counts something: channels, layers, pixels."""

NO_DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a method's source trains it: epochs, and how images are augmented. The defaults are those of CycleGAN and pix2pix."""

    epochs: int = 200
    """Epochs of preset `paper`, unless the recipe states its own."""
    decay_epochs: int = 100
    """The last of these epochs, over which the learning rate falls; before them it is constant. Budgets of other lengths keep
    the proportion."""
    load_scale: float = 286 / 256
    """Training images are resized to this times the image size before the random crop."""
    flip: bool = True
    """Whether training images are mirrored at random, half of them on average."""
    decay_crop: bool = True
    """Whether training images are cropped at random also while the learning rate falls; else whole images are resized to the
    image size then, as CUT does."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or not 0 <= self.decay_epochs <= self.epochs or self.load_scale < 1:
            raise ValueError(f"epochs are 1 or more, decay_epochs 0 to epochs, load_scale 1 or more; found {self}")


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What a part needs of the others and offers to them; `compose()` checks it before a weight exists."""

    size_multiple: int = 1
    """Image height and width must be multiples of this."""
    min_size: int = 1
    """Smallest image height and width in pixels."""
    reads: tuple[str, ...] = ("visible",)
    """Batch entries that a generator or method consumes at inference (see `zoo.contracts.Batch`)."""
    offers: frozenset[str] = frozenset()
    """Features that this part has. A network: `taps`, `double_backward`, `independent_samples`, `exports` (torch.export takes
    it) and `compiles` (torch.compile takes it whole). A dataset: `pairs`, `labels`, `celsius`, `temperatures`,
    `thermal_segmentation`. A metric: `symmetric`. `zoo check` tries each of them."""
    promises: Mapping[str, float] = field(default_factory=lambda: NO_OPTIONS)
    """Numbers that this part keeps to, which `zoo check` measures. A normalizer: the largest `gradient` of the mean logit by
    the image, `logits`, `weights` and `spectral_norm` of a discriminator, and `penalty_free`, the gradient's norm that costs
    no penalty. A metric: its `lowest` and `highest` score, and the `best`, that of an image against itself."""
    needs: frozenset[str] = frozenset()
    """Features that some other part of the recipe must offer; also `equal_channels`, `source`."""
    uses: tuple[str, ...] = ()
    """For a method: the kinds of part that it is built from (`generator`, `discriminator`)."""
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: NO_DEFAULTS)
    """Config values, by kind, that this part gives its partners unless the user names them: `{"discriminator": {"norm":
    "none"}}`. A field that the partner's config lacks is passed over."""
    training: Training = field(default_factory=Training)
    """For a method: how its source trains it."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """A row: the torch-free description of one named part."""

    kind: Kind
    name: str
    """Lower-case letters, digits and `_`, unique within the plugin and kind."""
    target: str
    """`package.module:Class`, imported when the part is built; called as `Class(config)` (a method also gets its parts)."""
    config: Any
    """An instance of a frozen, keyword-only dataclass: every option with its default. A generator's has `in_channels` and
    `out_channels`, a discriminator's `in_channels`, which recipes set. Where the contract depends on the
    options, the dataclass has a method `contract(self) -> Contract`, which then stands in for the row's. Where options depend
    on the image size, it has `for_size(self, size: int) -> Self`, which `compose()` calls once. Where a metric's options decide
    what its score is called, it has `label(self) -> str`, which stands in brackets after the name."""
    summary: str
    """One line for `zoo list`."""
    contract: Contract = field(default_factory=Contract)
    paper: str = ""
    """Source: paper and year, or repository and commit."""
    license: str = "Apache-2.0"
    small: Mapping[str, Any] = field(default_factory=lambda: NO_OPTIONS)
    """Options under which the part is quick to build and run, `{"width": 4, "blocks": 1}`: `zoo check` tries it so."""
    example: str = ""
    """`package.module:function` of an importer: called with a folder, it writes a tiny source there for `zoo check` to import."""


@dataclass(frozen=True, kw_only=True)
class RecipeConfig:
    """A complete system of a paper, the config of a component of kind `recipe` (whose target is `zoo.recipe:Recipe`)."""

    method: str
    """Name of the method, with options."""
    generator: str | None = None
    """Name of the generator, with options; None where the method uses none."""
    discriminator: str | None = None
    """Name of the discriminator with its normalizer's suffix and options; None where the method uses none."""
    quick_method: str | None = None
    """Name of the method in preset `quick`, where the paper's widths are too many for a CPU; None: the same."""
    size: int = 256
    """Image size of preset `paper` in pixels."""
    epochs: int | None = None
    """Epochs of preset `paper`; None: those of the method's source."""
    decay_epochs: int | None = None
    """The last of these epochs, over which the learning rate falls; before them it is constant. None: in proportion to those of
    the method's source."""
    batch: int = 1
    """Images a step, in every preset."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A row of the catalogue of trained weights. One without a repository or a folder is not published yet."""

    name: str
    """`<method>-<dataset>`, e.g. `layergan-thermalworld`; unique."""
    summary: str
    """One line for `zoo list weights`."""
    train: str
    """The command that trains these weights, from data that the user has."""
    dataset: str
    """Name of the dataset that they know."""
    recipe: str = ""
    """Name of a recipe with options, where one describes the training."""
    repo: str = ""
    """`ORG/NAME` on the Hugging Face Hub; empty while nothing is published."""
    revision: str = ""
    """The commit in full, 40 hexadecimal digits; a branch would let the weights change."""
    file: str = "model.safetensors"
    sha256: str = ""
    """Hex digest of `file`."""
    size: int = 0
    """Bytes of `file`."""
    folder: str = ""
    """`package:folder` of weights that the distribution itself brings, relative to the package; empty otherwise."""
    license: str = ""
    """License of the weights, as the data allows it."""
    scores: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Measured values by score name with its protocol, as the record has them."""


@dataclass(frozen=True, kw_only=True)
class CheckpointFormat:
    """A layout of keys and shapes in which another program saves a network that zoo knows.

    Sizes that files differ in have names, which shapes and the summary use: `{"model.1.weight": "w i 7 7"}` is a kernel of 7x7
    from `i` to `w` channels, and `2w` twice as many. `zoo.checkpoints.templates` has the shapes of usual layers.
    """

    name: str
    """E.g. `cyclegan-resnet9`; unique."""
    summary: str
    """What a file of this format is, e.g. `CycleGAN ResNet-9 generator, instance norm, {i} -> {o}`; sizes stand in braces."""
    origin: str
    """The program that writes it, e.g. `pytorch-CycleGAN-and-pix2pix`."""
    tensors: Mapping[str, str]
    """Shape of each tensor by key, sizes parted by spaces, none for a single value. `{a,b}` and `{1..5}` in a key stand for as
    many keys: `model.{10..18}.conv_block.{1,5}.weight`."""
    component: str = ""
    """Kind and name of the network with the options that the format fixes, e.g. `generator resnet9:norm=instance`; empty for a
    network that is no component."""
    options: Mapping[str, str] = field(default_factory=lambda: NO_OPTIONS)
    """Options of the network that are sizes: `{"in_channels": "i", "width": "w"}`."""
    untold: tuple[str, ...] = ()
    """Options of the network that no key or shape tells; `zoo convert --set` may change what `component` says of them."""
    optional: tuple[str, ...] = ()
    """Wildcards of keys that a file may lack; the network's initial values stay."""
    dropped: tuple[str, ...] = ()
    """Wildcards of keys that a file may have and the network has no use for."""
    renames: tuple[tuple[str, str], ...] = ()
    """Regular expressions and what replaces their matches, one after the other, from keys of the file to the network's."""
    method: str = "converted"
    """Name of the method, with options, that translates with a generator of this format."""
    dataset: Mapping[str, Any] = field(default_factory=lambda: NO_OPTIONS)
    """What is known of the data it was trained on: fields of `zoo.data.layout.DatasetInfo`."""


class Hooks:
    """The hooks; every one is optional and returns data."""

    @hookspec
    def zoo_components(self) -> Iterable[Component]:  # type: ignore[empty-body]
        """Return this plugin's components, in the order in which they should be listed."""

    @hookspec
    def zoo_weights(self) -> Iterable[Weights]:  # type: ignore[empty-body]
        """Return this plugin's rows of the catalogue of weights."""

    @hookspec
    def zoo_checkpoints(self) -> Iterable[CheckpointFormat]:  # type: ignore[empty-body]
        """Return the foreign checkpoint formats that this plugin can read."""
