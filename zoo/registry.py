"""Rows by kind and name, and the name grammar `[plugin/]name[:key=value,...]`. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from zoo.errors import UsageError, did_you_mean
from zoo.hookspec import KINDS, AtLeast, Component, Contract, Kind
from zoo.plugins import Plugin, installed

GRAMMAR = re.compile(r"(?:(?P<plugin>[\w.-]+)/)?(?P<name>[\w.-]+)(?::(?P<options>.*))?")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A component and the plugin that brought it."""

    plugin: Plugin
    component: Component

    @property
    def kind(self) -> Kind:
        """The component's kind."""
        return self.component.kind

    @property
    def full_name(self) -> str:
        """`plugin/name`, which means the same whatever else is installed."""
        return f"{self.plugin.name}/{self.component.name}"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An entry with the user's options applied."""

    entry: Entry
    config: Any
    """The component's config dataclass."""
    named: frozenset[str] = frozenset()
    """Options that the user set; defaults from other parts leave these alone."""

    @property
    def contract(self) -> Contract:
        """What the part needs and offers with this config."""
        own = getattr(self.config, "contract", None)
        contract = own() if callable(own) else self.entry.component.contract
        assert isinstance(contract, Contract)
        return contract

    @property
    def name(self) -> str:
        """The component's bare name."""
        return self.entry.component.name

    def has(self, option: str) -> bool:
        """Whether the config has this option."""
        return option in option_names(self.config)

    def with_options(self, values: Mapping[str, Any], *, named: bool) -> Choice:
        """Return the choice with these options set; `named` marks them as the user's own words.

        Raises:
            UsageError: an unknown option or a value of the wrong type.
        """
        config = _configured(self.entry, self.config, values)
        return Choice(entry=self.entry, config=config, named=self.named | set(values) if named else self.named)

    def with_defaults(self, values: Mapping[str, Any]) -> Choice:
        """Return the choice with a partner's defaults, for options that exist and that the user did not set."""
        wanted = {key: value for key, value in values.items() if self.has(key) and key not in self.named}
        return self.with_options(wanted, named=False)

    def for_size(self, size: int) -> Choice:
        """Return the choice with the options that follow from the image size settled."""
        fit = getattr(self.config, "for_size", None)
        return replace(self, config=fit(size)) if callable(fit) else self


class Registry:
    """The rows of every plugin that loaded."""

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.plugins = tuple(plugins)
        self.entries = tuple(
            Entry(plugin=plugin, component=component) for plugin in self.plugins for component in plugin.components
        )

    def list(self, kind: str | None = None, pattern: str = "*") -> list[Entry]:
        """Return entries of a kind whose bare or full name matches a wildcard, by kind, then in natural order.

        Raises:
            UsageError: there is no such kind.
        """
        if kind is not None and kind not in KINDS:
            raise UsageError(
                f"{kind!r} is not a kind of component; the kinds are {', '.join(KINDS)}", did_you_mean(kind, KINDS)
            )
        chosen = [
            entry
            for entry in self.entries
            if kind in (None, entry.kind)
            and (fnmatchcase(entry.component.name, pattern) or fnmatchcase(entry.full_name, pattern))
        ]
        return sorted(
            chosen, key=lambda entry: (KINDS.index(entry.kind), natural(entry.component.name), entry.full_name)
        )

    def find(self, kind: Kind, spec: str) -> Choice:
        """Return the component that a spec names, with its options applied.

        Raises:
            UsageError: the name is unknown or ambiguous, or an option is wrong; the message names close matches and the
                plugins that failed to load.
        """
        plugin, name, options = parse(spec)
        found = self._named(kind, plugin, name)
        if found is None:
            raise UsageError(
                self._unknown(kind, spec, f"{plugin}/{name}" if plugin else name), self._how_to_fix(kind, name)
            )
        return Choice(entry=found, config=found.component.config).with_options(options, named=True)

    def find_discriminator(self, spec: str, norm: str | None = None) -> tuple[Choice, Choice]:
        """Return the discriminator and normalizer that a spec such as `patchgan`, `patchgan_gn` or `patchgan_gn:layers=4` names.

        A discriminator of that very name comes first; else the name is split at its last `_`. Options go to the part that has
        them, the discriminator first.

        Raises:
            UsageError: as `find`, or two normalizers were named.
        """
        plugin, name, options = parse(spec)
        stem, _, suffix = name.rpartition("_")
        prefix = f"{plugin}/" if plugin else ""
        if self._named("discriminator", plugin, name) or not (stem and self._named("normalizer", None, suffix)):
            return self.find("discriminator", spec), self.find("normalizer", norm or "none")
        if norm and norm != suffix:
            raise UsageError(f"{spec!r} names the normalizer {suffix} and --norm names {norm}", "Name one of them")
        discriminator, normalizer = self.find("discriminator", prefix + stem), self.find("normalizer", suffix)
        mine = {key: value for key, value in options.items() if discriminator.has(key) or not normalizer.has(key)}
        rest = {key: value for key, value in options.items() if key not in mine}
        return discriminator.with_options(mine, named=True), normalizer.with_options(rest, named=True)

    def short_name(self, kind: str, full_name: str) -> str:
        """Return a component's bare name where that means this very component, else the full name."""
        bare = full_name.partition("/")[2]
        meant = [entry.full_name for entry in self._candidates(kind, None, bare)]
        return bare if meant == [full_name] else full_name

    def _candidates(self, kind: str, plugin: str | None, name: str) -> Sequence[Entry]:
        """Return the components that a name may mean; more than one where it is ambiguous."""
        found = [
            entry
            for entry in self.entries
            if entry.kind == kind and entry.component.name == name and plugin in (None, entry.plugin.name)
        ]
        # Installing a package never changes what a bare name means: zoo's own wheel comes first.
        return [entry for entry in found if entry.plugin.builtin] or found

    def _named(self, kind: Kind, plugin: str | None, name: str) -> Entry | None:
        candidates = self._candidates(kind, plugin, name)
        if len(candidates) > 1:
            names = ", ".join(entry.full_name for entry in candidates)
            raise UsageError(f"{kind} {name!r} is ambiguous: {names}", "Type one of the full names")
        return candidates[0] if candidates else None

    def _unknown(self, kind: Kind, spec: str, name: str) -> str:
        other = next((entry for entry in self.entries if name in (entry.component.name, entry.full_name)), None)
        if other:
            article = "an" if other.kind[0] in "aeiou" else "a"
            return f"no {kind} is named {name!r} (there is {article} {other.kind} of that name)"
        failed = [plugin.name for plugin in self.plugins if plugin.status != "ok"]
        broken = f" (not loaded: {', '.join(failed)}; zoo plugins --why NAME tells)" if failed else ""
        return f"no {kind} is named {spec!r}{broken}"

    def _how_to_fix(self, kind: Kind, name: str) -> str:
        known = [entry.component.name for entry in self.entries if entry.kind == kind]
        if kind == "discriminator":
            norms = [entry.component.name for entry in self.entries if entry.kind == "normalizer"]
            known += [f"{discriminator}_{norm}" for discriminator in known for norm in norms if norm != "none"]
        hint = did_you_mean(name, known)
        return f"{hint} " * bool(hint) + f"Type: zoo list {kind}"


@cache
def get_registry() -> Registry:
    """Return the registry of the installed plugins, made once a process."""
    return Registry(installed())


def list_components(kind: str | None = None, pattern: str = "*") -> list[str]:
    """Return the names of the installed components of a kind that match a wildcard, in natural order.

    A name that is not unique is given in full, as `plugin/name`.

    Raises:
        UsageError: there is no such kind.
    """
    entries = get_registry().list(kind, pattern)
    bare = [(entry.kind, entry.component.name) for entry in entries]
    return [entry.full_name if bare.count(name) > 1 else name[1] for entry, name in zip(entries, bare, strict=True)]


def parse(spec: str) -> tuple[str | None, str, dict[str, str]]:
    """Split `[plugin/]name[:key=value,...]` into plugin, name and options.

    >>> parse("patchgan/patchgan_gn:layers=4,width=32")
    ('patchgan', 'patchgan_gn', {'layers': '4', 'width': '32'})

    Raises:
        UsageError: the text is not of that form.
    """
    match = GRAMMAR.fullmatch(spec.strip())
    if match is None:
        raise UsageError(f"{spec!r} is not a component's name", "Write [plugin/]name[:key=value,...]")
    options: dict[str, str] = {}
    for item in filter(None, (match["options"] or "").split(",")):
        key, equals, value = (word.strip() for word in item.partition("="))
        if not equals or not key:
            raise UsageError(f"option {item!r} in {spec!r} has no value", "Write [plugin/]name[:key=value,...]")
        options[key] = value
    return match["plugin"], match["name"], options


def split_specs(text: str) -> list[str]:
    """Split `a,b:x=1,y=2,c` at the commas between names, not at those between options: a, b:x=1,y=2 and c.

    >>> split_specs("resnet9,unet:width=32,depth=5,resnet6")
    ['resnet9', 'unet:width=32,depth=5', 'resnet6']
    """
    specs: list[str] = []
    for item in filter(None, (item.strip() for item in text.split(","))):
        if specs and ":" in specs[-1] and re.match(r"\w+=", item):
            specs[-1] += f",{item}"
        else:
            specs.append(item)
    return specs


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that puts `unet_128` before `unet_1024`."""
    return [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in re.findall(r"\d+|\D+", name)]


def option_names(config: Any) -> list[str]:
    """Return the names of a config dataclass's options."""
    return [field.name for field in fields(config)]


def _read_text(value: Any, hint: Any) -> Any:
    """Return what a user's text says for an option of a type: `none` where it may be left open, a list of `0+4+8`.

    Values that are no text, and text for options that are text themselves, stay as they are.
    """
    if not isinstance(value, str):
        return value
    choices = _choices(hint)
    if value.lower() in ("none", "null") and type(None) in choices and value not in choices:
        return None
    lists = any(get_origin(choice) in (tuple, list) for choice in choices)
    return value.split("+") if lists and str not in choices else value


def _choices(hint: Any) -> tuple[Any, ...]:
    """Return the types that a union allows and the values that a literal allows, the type itself where it is neither."""
    if get_origin(hint) is Annotated:
        return _choices(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        return tuple(choice for part in get_args(hint) for choice in _choices(part))
    return (hint,)


def _configured(entry: Entry, config: Any, values: Mapping[str, Any]) -> Any:
    names = option_names(config)
    label = f"{entry.kind} {entry.component.name}"
    for key in values:
        if key not in names:
            raise UsageError(
                f"{label} has no option {key!r}; it has {', '.join(names) or 'none'}", did_you_mean(key, names)
            )
    if not values:
        return config
    import msgspec

    hints = get_type_hints(type(config), include_extras=True)
    read = {key: _read_text(value, hints[key]) for key, value in values.items()}
    try:
        changed = msgspec.convert(msgspec.to_builtins(config) | read, type(config), strict=False)
    except msgspec.ValidationError as error:
        reason = str(error).replace(" - at `$.", " for option `")
        raise UsageError(f"{label}: {reason}", f"Type: zoo info {entry.component.name}") from None
    for key in values:
        for limit in getattr(hints[key], "__metadata__", ()):
            value = getattr(changed, key)
            if isinstance(limit, AtLeast) and value is not None and value < limit.value:
                raise UsageError(f"{label}: option `{key}` is {value}; it must be {limit.value} or more")
    return changed
