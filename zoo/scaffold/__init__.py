"""A package for a new plugin, from the templates in this folder. Imports no torch."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import NamedTuple

from zoo.errors import UsageError
from zoo.files import cannot_write
from zoo.plugins import installed
from zoo.rows import NAME
from zoo.version import DISTRIBUTION, __version__

_SUFFIX = ".txt"
"""Ending of every template, so that no tool reads one as code."""


class _Text(NamedTuple):
    """Words of a kind for the README: the module with the part, what that has, and a command with `$name` that uses it."""

    module: str
    part_of: str
    use: str


class _Variant(NamedTuple):
    """A component of the same kind that is built in another way, with its own command if that differs."""

    summary: str
    use: str = ""


_TEXTS: dict[str, _Text] = {
    "generator": _Text("network", "the network", "zoo bench --gen $name --disc patchgan_gn --data scenes"),
    "discriminator": _Text("network", "the network", "zoo bench --gen resnet6 --disc $name --data scenes"),
    "normalizer": _Text("normalizer", "the normalizer", "zoo bench --gen resnet6 --disc patchgan_$name --data scenes"),
    "method": _Text(
        "method",
        "networks, losses, and update order",
        "zoo bench --gen resnet6 --disc patchgan --method $name --data scenes",
    ),
    "metric": _Text(
        "metric", "the score", "zoo bench --gen resnet6 --disc patchgan --data scenes --metrics psnr,$name"
    ),
    "dataset": _Text("dataset", "the images", "zoo bench --gen resnet6 --disc patchgan --data $name"),
}
KINDS = tuple(_TEXTS)
"""Kinds of components with templates."""
_VARIANTS: dict[str, dict[str, _Variant]] = {
    "method": {
        "regression": _Variant(
            "one generator under a pixel loss", "zoo bench --gen resnet6 --method $name --data scenes"
        ),
        "gan": _Variant("a generator and a discriminator"),
        "diffusion": _Variant(
            "a generator with a time, and a sampler",
            "zoo bench --gen adm_unet_tiny --method $name --data scenes",
        ),
    },
    "dataset": {
        "synthetic": _Variant("images that the package draws"),
        "importer": _Variant(
            "images that the user has, in a layout of their own: the component needs `source`",
            "zoo data import $name SOURCE $name-data",
        ),
    },
}
"""Variants of the kinds that have some, by name; the first is the default."""
VARIANTS: dict[str, tuple[str, ...]] = {kind: tuple(named) for kind, named in _VARIANTS.items()}
"""Names of variants by kind, the default first; other kinds have none."""


def new_plugin(name: str, kind: str, folder: Path, *, variant: str = "") -> list[Path]:
    """Write an installable package with one small working component and return its files.

    Args:
        name: of the distribution, the package, the plugin and the component.
        kind: of the component.
        folder: a new one.
        variant: one of `VARIANTS` of the kind; empty: the first.

    Raises:
        UsageError: the name cannot be used or is taken, there is no such kind or variant, or the folder exists.
        ZooError: the folder cannot be written.
    """
    _require_usable(name, kind)
    variant = _variant(kind, variant)
    if folder.exists():
        raise UsageError(f"`{folder}` exists already", "Use another `out`")
    _require_free(name, kind)
    values = {
        "name": name,
        "cls": "".join(word.capitalize() for word in name.split("_")),
        "kind": kind,
        "title": f"{'An' if kind[0] in 'aeiou' else 'A'} {kind}",
        **_TEXTS[kind]._asdict(),
        "use": use_of(kind, name, variant),
        "distribution": DISTRIBUTION,
        "version": __version__,
    }
    made = []
    try:
        for path, template in sorted(_templates(kind, variant).items()):
            place = folder / path.replace("NAME", name).replace("DOT", ".").removesuffix(_SUFFIX)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(Template(template).substitute(values), encoding="utf-8")
            made.append(place)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise cannot_write(folder, error) from error
    return made


def use_of(kind: str, name: str, variant: str = "") -> str:
    """Return a command that uses a component of this kind."""
    variant = _variant(kind, variant)
    own = _VARIANTS[kind][variant].use if variant else ""
    return Template(own or _TEXTS[kind].use).substitute(name=name)


def _variant(kind: str, variant: str) -> str:
    """Return a kind's variant, by default its first; empty where it has none."""
    known = _VARIANTS.get(kind, {})
    if variant and not known:
        raise UsageError(f"zoo new has no variants of kind {kind}, got {variant!r}", "Leave out `variant`")
    if variant and variant not in known:
        named = "; ".join(f"{name}, {one.summary}" for name, one in known.items())
        raise UsageError(f"zoo new has no variant {variant!r} of kind {kind}", f"Use one of: {named}")
    return variant or next(iter(known), "")


def _require_usable(name: str, kind: str) -> None:
    """Refuse a kind without templates and a name that is no identifier."""
    if kind not in KINDS:
        raise UsageError(f"zoo new has no template for kind {kind!r}", f"Use one of: {', '.join(KINDS)}")
    if not NAME.fullmatch(name) or not name.isidentifier() or keyword.iskeyword(name):
        words = "_".join(re.findall(r"[a-z0-9]+", name.lower())).lstrip("0123456789_")
        usable = words if words and not keyword.iskeyword(words) else "mynet"
        fix = f"Use lower-case letters, digits and `_`, a letter first, e.g. {usable}"
        raise UsageError(f"{name!r} cannot name a package and its component", fix)
    if kind == "normalizer" and "_" in name:
        reason = f"a normalizer named {name!r} could not be a suffix: `patchgan_{name}` is split at its last `_`"
        raise UsageError(reason, f"Use a name without `_`, e.g. {name.replace('_', '')}")


def _require_free(name: str, kind: str) -> None:
    """Refuse the name of an existing plugin, component of the kind, or package."""
    for plugin in installed():
        names = [plugin.name, *(row.name for row in plugin.components if row.kind == kind)]
        if name in names:
            what = f"plugin {name}" if plugin.name == name else f"{kind} {name}"
            raise UsageError(f"there is a {what} already, of {plugin.distribution}", "Choose another name")
    if name in sys.stdlib_module_names or find_spec(name) is not None:
        raise UsageError(f"there is a package {name!r} already, and Python would import that", "Choose another name")


def _templates(kind: str, variant: str) -> dict[str, str]:
    """Return the templates of a kind by their path in the new package."""
    folder = Path(__file__).with_name("templates")
    roots = [folder / "common", folder / kind / variant]
    files = [(root, path) for root in roots for path in root.rglob(f"*{_SUFFIX}")]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for root, path in files}
