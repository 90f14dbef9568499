"""The interface of plugins: dataclasses of text and numbers that hooks return. Imports neither torch nor typer.

A plugin is a module named by an entry point of group `zoo.plugins`. It returns rows from `zoo_components`:

    from zoo.hookspec import Component, hookimpl

    @hookimpl
    def zoo_components():
        return [Component(kind="generator", name="mynet", target="mypkg.network:MyNet", config=MyNetConfig())]

A component's `target` is imported only when it is built, so that listing components stays fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args

import pluggy

from zoo.limits import AtLeast, Positive  # noqa: F401 - plugins written for 0.1 import them from here

PROJECT = "zoo"
ENTRY_POINT_GROUP = "zoo.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Kind = Literal["generator", "discriminator", "normalizer", "method", "recipe", "dataset", "metric"]
KINDS: tuple[Kind, ...] = get_args(Kind)


_Default = TypeVar("_Default")
INFERENCE = "inference"
"""Key in the metadata of a config field that only `translate` reads; see `inference_only`."""


def inference_only(default: _Default) -> _Default:
    """Return a config field that only `translate` reads, e.g. a sampler's `steps: int = inference_only(50)`.

    Its value is part of the key of scores and not of the key of the training: runs that differ only in such options are trained
    once, and `zoo.load(..., options={"steps": 10})` changes it for trained weights. It must not change any weight.
    """
    marked: _Default = field(default=default, metadata={INFERENCE: True})
    return marked


NO_DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a method's original code trains it: epochs and augmentation. The defaults are those of CycleGAN and pix2pix."""

    epochs: int = 200
    """Epochs of preset `paper`, unless the recipe states its own."""
    decay_epochs: int = 100
    """Number of last epochs in which the learning rate falls; before them it is constant. Budgets of other lengths keep the
    proportion."""
    load_scale: float = 286 / 256
    """Training images are resized to this times the image size before the random crop."""
    flip: bool = True
    """Whether training images are mirrored with probability 1/2."""
    decay_crop: bool = True
    """Whether random crops continue while the learning rate falls; if not, whole images are resized to the image size, as in
    CUT."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or not 0 <= self.decay_epochs <= self.epochs or self.load_scale < 1:
            raise ValueError(f"epochs are 1 or more, decay_epochs 0 to epochs, load_scale 1 or more; found {self}")


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What a part needs from the other parts of a recipe and what it offers; `compose()` checks it before a weight exists."""

    size_multiple: int = 1
    """Image height and width must be multiples of this."""
    min_size: int = 1
    """Smallest image height and width in pixels."""
    reads: tuple[str, ...] = ("visible",)
    """Entries of the batch that a generator or method uses at inference, or a metric in scoring (see `zoo.contracts.Batch`); also
    those that a dataset declares, such as `boxes`."""
    inputs: tuple[str, ...] = ()
    """For a generator: further inputs of its forward by keyword, each [N] in [0, 1], e.g. `time`. It offers them; a method that
    passes one has it in its `needs`, and a generator with such inputs works with no other method. Its output need not be an
    image in [-1, 1]: the method ends the translation."""
    offers: frozenset[str] = frozenset()
    """Features of this part. A network: `taps`, `double_backward`, `independent_samples`, `exports` (works with torch.export)
    and `compiles` (works with torch.compile as one graph). A dataset: `pairs`, `labels`, `celsius`, `temperatures`,
    `thermal_segmentation`, and every entry that it declares. A metric: `symmetric`. `zoo check` tests each of them. A method:
    `baseline`, a null baseline without a network, which `zoo bench` runs beside networks, and with it `unfitted`, which says that
    it needs no training images: its `fit` is not called, and `zoo score` runs those that read the visible image alone beside
    images of other programs.
    `several_updates`, of a method that updates one optimizer several times in a step: no batch is computed in parts."""
    promises: Mapping[str, float] = field(default_factory=lambda: NO_OPTIONS)
    """Bounds of this part, which `zoo check` measures. A normalizer: the largest `gradient` of the mean logit with respect to
    the image, `logits`, `weights` and `spectral_norm` of a discriminator, and `penalty_free`, the gradient norm without a
    penalty. A metric: its `lowest` and `highest` score, and `best`, the score of an image compared with itself."""
    needs: frozenset[str] = frozenset()
    """Features that another part of the recipe must offer; of a method also declared entries that only its training reads. Also
    `equal_channels` (visible and thermal images have the same
    number of channels), and `source` (a dataset that is imported from the user's files)."""
    uses: tuple[str, ...] = ()
    """For a method: the kinds of parts that it builds (`generator`, `discriminator`)."""
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: NO_DEFAULTS)
    """Default options of the other parts in a recipe with this one, by kind: `{"discriminator": {"norm": "none"}}`. An option
    that the user sets has priority; one that the other part's config lacks is ignored."""
    training: Training = field(default_factory=Training)
    """For a method: how its original code trains it."""

    def __post_init__(self) -> None:
        if self.inputs:
            object.__setattr__(self, "offers", self.offers | frozenset(self.inputs))


@dataclass(frozen=True, kw_only=True)
class Component:
    """The torch-free description of one named part: a row of `zoo list`."""

    kind: Kind
    name: str
    """Lower-case letters, digits and `_`, unique within the plugin and kind."""
    target: str
    """`package.module:Class`, imported when the part is built as `Class(config)`, a method as `Class(config, parts)`."""
    config: Any
    """An instance of a frozen, keyword-only dataclass: every option with its default. Recipes set `in_channels` and
    `out_channels` of a generator, and `in_channels` of a discriminator. The dataclass may have methods:
    `contract(self) -> Contract` if the contract depends on the options (it replaces the field `contract`),
    `for_sides(self, height: int, width: int) -> Self` if options depend on the image size (`compose()` calls it), or
    `for_size(self, size: int) -> Self` if the part requires square images, and for a metric `label(self) -> str`, the text in
    brackets after the score's name. A network's may have
    `weights_files(self, *, fetch: bool) -> Mapping[str, Path]`: files, other than those that options name, from which its initial
    weights come, by the option that requires each. With `fetch` it downloads those that are not on this machine, else it leaves
    them out. Their SHA-256 is part of the key of the training. An option `pretrained` is False where trained weights follow."""
    summary: str
    """One line for `zoo list`."""
    contract: Contract = field(default_factory=Contract)
    paper: str = ""
    """Source: paper and year, or repository and commit."""
    license: str = "Apache-2.0"
    small: Mapping[str, Any] = field(default_factory=lambda: NO_OPTIONS)
    """Options that make the part fast to build and run, `{"width": 4, "blocks": 1}`; `zoo check` uses them."""
    quick: Mapping[str, Any] = field(default_factory=lambda: NO_OPTIONS)
    """Options in preset `quick` where the user gives no size, steps or epochs, e.g. `{"width": 16}`."""
    example: str = ""
    """`package.module:function` of an importer: writes a tiny source into the folder that is its argument, for `zoo check`."""


@dataclass(frozen=True, kw_only=True)
class RecipeConfig:
    """A complete system of a paper: the config of a component of kind `recipe` with target `zoo.recipe:Recipe`."""

    method: str
    """Name of the method, with options."""
    generator: str | None = None
    """Name of the generator, with options; None if the method uses none."""
    discriminator: str | None = None
    """Name of the discriminator with its normalizer's suffix and options; None if the method uses none."""
    quick_method: str | None = None
    """Name of the method in preset `quick`, if the paper's networks are too wide for a CPU; None: the same."""
    quick_generator: str | None = None
    """Name of the generator in preset `quick`; None: the same."""
    size: int | tuple[int, int] = 256
    """Image size of preset `paper` in pixels: a square's side, or height and width."""
    epochs: int | None = None
    """Epochs of preset `paper`; None: those of the method's original code."""
    decay_epochs: int | None = None
    """Number of last epochs in which the learning rate falls; before them it is constant. None: the proportion of the method's
    original code."""
    batch: int = 1
    """Batch size."""
    quick_batch: int | None = None
    """Batch size in preset `quick`; None: the same."""

    def quick(self) -> RecipeConfig:
        """Return the system as preset `quick` trains it."""
        return replace(
            self,
            method=self.quick_method or self.method,
            generator=self.quick_generator or self.generator,
            batch=self.quick_batch or self.batch,
        )


@dataclass(frozen=True, kw_only=True)
class Weights:
    """An entry of the catalogue of trained weights; without a repository or a folder it is not published yet."""

    name: str
    """`<method>-<dataset>`, e.g. `layergan-thermalworld`; unique."""
    summary: str
    """One line for `zoo list weights`."""
    train: str
    """The command that trains these weights, from data that the user has."""
    dataset: str
    """Name of the dataset that they were trained on."""
    recipe: str = ""
    """Name of a recipe with options, if one describes the training."""
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
    """`package:folder` of weights in the distribution itself, relative to the package; else empty."""
    license: str = ""
    """License of the weights, which the data's license permits."""
    scores: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Measured values by score name with its unit and protocol, e.g. `psnr [dB] (128 px, n 20)`."""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))
    """The 95 % intervals of `scores`, by the same names; those of one image have none."""


@dataclass(frozen=True, kw_only=True)
class CheckpointFormat:
    """The keys and shapes of tensors in which another program saves a network that zoo has.

    Sizes that differ between files have names, which shapes and the summary use: `{"model.1.weight": "w i 7 7"}` is a kernel
    of 7x7 from `i` to `w` channels, and `2w` is twice `w`. `zoo.checkpoints.templates` has the shapes of common layers.
    """

    name: str
    """E.g. `cyclegan-resnet9`; unique."""
    summary: str
    """What a file of this format contains, e.g. `CycleGAN ResNet-9 generator, instance norm, {i} -> {o}`; sizes in braces."""
    origin: str
    """The program that writes it, e.g. `pytorch-CycleGAN-and-pix2pix`."""
    tensors: Mapping[str, str]
    """Shape of each tensor by key, sizes separated by spaces, empty for a scalar. Braces in a key expand as in a shell, to one
    key for each value: `model.{10..18}.conv_block.{1,5}.weight`."""
    component: str = ""
    """Kind and name of the network with the options that the format determines, e.g. `generator resnet9:norm=instance`; empty
    for a network that is no component."""
    options: Mapping[str, str] = field(default_factory=lambda: NO_OPTIONS)
    """Options of the network that are sizes: `{"in_channels": "i", "width": "w"}`."""
    undetermined: tuple[str, ...] = ()
    """Options of the network that keys and shapes do not determine; `zoo convert` sets them on request."""
    untold: tuple[str, ...] = ()
    """The old name of `undetermined`; it works for one release."""
    optional: tuple[str, ...] = ()
    """Wildcards of keys that a file may lack; these tensors keep their initial values."""
    dropped: tuple[str, ...] = ()
    """Wildcards of keys that a file may have and the network does not use."""
    renames: tuple[tuple[str, str], ...] = ()
    """Regular expressions with their replacements, applied in this order, from keys of the file to keys of the network."""
    method: str = "converted"
    """Name of the method, with options, that translates with a generator of this format."""
    dataset: Mapping[str, Any] = field(default_factory=lambda: NO_OPTIONS)
    """Known facts of the training data: fields of `zoo.data.layout.DatasetInfo`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "undetermined", self.undetermined or self.untold)


class Hooks:
    """The hooks; each is optional and returns data."""

    @hookspec
    def zoo_components(self) -> Iterable[Component]:  # type: ignore[empty-body]
        """Return this plugin's components."""

    @hookspec
    def zoo_weights(self) -> Iterable[Weights]:  # type: ignore[empty-body]
        """Return this plugin's entries of the catalogue of weights."""

    @hookspec
    def zoo_checkpoints(self) -> Iterable[CheckpointFormat]:  # type: ignore[empty-body]
        """Return the checkpoint formats of other programs that this plugin's networks can be converted from."""
