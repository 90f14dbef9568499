"""Components by kind and name, and the name grammar `[plugin/]name[:key=value,...]`. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from zoo.errors import RefusedError, UsageError, did_you_mean
from zoo.hookspec import KINDS, AtLeast, Component, Contract, Kind
from zoo.plugins import Plugin, installed
from zoo.sizes import Size, height_width, read_size, size_text

GRAMMAR = re.compile(r"(?:(?P<plugin>[\w.-]+)/)?(?P<name>[\w.-]+)(?::(?P<options>.*))?")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An installed component with the options under which it is built: its defaults until some are set."""

    plugin: Plugin
    component: Component
    config: Any
    """The component's config dataclass."""
    named: frozenset[str] = frozenset()
    """Options that the user set; defaults from other parts do not replace them."""

    @property
    def kind(self) -> Kind:
        """The component's kind."""
        return self.component.kind

    @property
    def name(self) -> str:
        """The component's bare name."""
        return self.component.name

    @property
    def full_name(self) -> str:
        """`plugin/name`, which means the same whatever else is installed."""
        return f"{self.plugin.name}/{self.name}"

    @property
    def contract(self) -> Contract:
        """What the part needs and offers with this config."""
        of_options = getattr(self.config, "contract", None)
        contract = of_options() if callable(of_options) else self.component.contract
        assert isinstance(contract, Contract)
        return contract

    def has(self, option: str) -> bool:
        """Whether the config has this option."""
        return option in option_names(self.config)

    def with_options(self, values: Mapping[str, Any], *, named: bool) -> Choice:
        """Return the choice with these options set; `named` marks them as set by the user.

        Raises:
            UsageError: an unknown option or a value of the wrong type.
        """
        config = _with_values(self, values) if values else self.config
        return replace(self, config=config, named=self.named | set(values) if named else self.named)

    def with_defaults(self, values: Mapping[str, Any]) -> Choice:
        """Return the choice with a partner's defaults, for options that exist and that the user did not set."""
        applied = {key: value for key, value in values.items() if self.has(key) and key not in self.named}
        return self.with_options(applied, named=False)

    @property
    def fixed_size(self) -> bool:
        """Whether options follow from the image size."""
        return hasattr(self.config, "for_sides") or hasattr(self.config, "for_size")

    @property
    def square_only(self) -> bool:
        """Whether options follow from the side of square images, so that no others are possible."""
        return hasattr(self.config, "for_size") and not hasattr(self.config, "for_sides")

    def for_size(self, size: Size) -> Choice:
        """Return the choice with the options that depend on the image size set for this size.

        Raises:
            RefusedError: the part requires square images, and the size is not a square's.
        """
        height, width = height_width(size)
        if hasattr(self.config, "for_sides"):
            return replace(self, config=self.config.for_sides(height, width))
        if not self.square_only:
            return self
        if height != width:
            reason = f"{self.kind} {self.name} requires square images, and {size_text(size)} is no square"
            raise RefusedError(reason, f"Use `size`={min(height, width)}")
        return replace(self, config=self.config.for_size(height))

    def takes(self, size: Size) -> bool:
        """Whether the part allows images of this size.

        Raises:
            UsageError: an option of the part does not allow it.
        """
        if self.square_only and not isinstance(size, int):
            return False
        contract = self.for_size(size).contract
        return all(side % contract.size_multiple == 0 and side >= contract.min_size for side in height_width(size))


class Registry:
    """The components of every plugin that loaded."""

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.plugins = tuple(plugins)
        self.choices = tuple(
            Choice(plugin=plugin, component=component, config=component.config)
            for plugin in self.plugins
            for component in plugin.components
        )
        """Every component with its default options."""

    def list(self, kind: str | None = None, pattern: str = "*") -> list[Choice]:
        """Return the components of a kind whose bare or full name matches a wildcard, by kind, then in natural order.

        Raises:
            UsageError: there is no such kind.
        """
        if kind is not None and kind not in KINDS:
            reason = f"{kind!r} is not a kind of component; the kinds are {', '.join(KINDS)}"
            raise UsageError(reason, did_you_mean(kind, KINDS))
        found = [
            choice
            for choice in self.choices
            if kind in (None, choice.kind)
            and (fnmatchcase(choice.name, pattern) or fnmatchcase(choice.full_name, pattern))
        ]
        return sorted(found, key=lambda choice: (KINDS.index(choice.kind), natural(choice.name), choice.full_name))

    def null_baselines(self) -> frozenset[str]:
        """Return the full names of the null baselines: methods without a network, which a trained one has to beat."""
        methods = (choice for choice in self.choices if choice.kind == "method")
        return frozenset(choice.full_name for choice in methods if "baseline" in choice.component.contract.offers)

    def find(self, kind: Kind, spec: str) -> Choice:
        """Return the component that a spec names, with its options applied.

        Raises:
            UsageError: the name is unknown or ambiguous, or an option is wrong; the message names close matches and the
                plugins that failed to load.
        """
        plugin, name, options = parse(spec)
        found = self._named(kind, plugin, name)
        if found is None:
            raise self._unknown(kind, spec, f"{plugin}/{name}" if plugin else name)
        return found.with_options(options, named=True)

    def find_discriminator(self, spec: str, norm: str | None = None) -> tuple[Choice, Choice]:
        """Return the discriminator and normalizer that a spec such as `patchgan`, `patchgan_gn` or `patchgan_gn:layers=4` names.

        A discriminator of exactly this name has priority; else the name is split at its last `_`. Each option is set on the
        part that has it, on the discriminator if both do.

        Raises:
            UsageError: as `find`, or two normalizers were named.
        """
        plugin, name, options = parse(spec)
        stem, _, suffix = name.rpartition("_")
        if self._named("discriminator", plugin, name) or not (stem and self._named("normalizer", None, suffix)):
            return self.find("discriminator", spec), self.find("normalizer", norm or "none")
        if norm and norm != suffix:
            raise UsageError(f"{spec!r} names the normalizer {suffix} and `norm` names {norm}", "Name one of them")
        discriminator = self.find("discriminator", f"{plugin}/{stem}" if plugin else stem)
        normalizer = self.find("normalizer", suffix)
        rest = {key: value for key, value in options.items() if normalizer.has(key) and not discriminator.has(key)}
        own = {key: value for key, value in options.items() if key not in rest}
        return discriminator.with_options(own, named=True), normalizer.with_options(rest, named=True)

    def short_name(self, kind: str, full_name: str) -> str:
        """Return a component's bare name if that names this component, else the full name."""
        bare = full_name.partition("/")[2]
        return bare if [one.full_name for one in self._candidates(kind, None, bare)] == [full_name] else full_name

    def _candidates(self, kind: str, plugin: str | None, name: str) -> Sequence[Choice]:
        """Return the components that a name may mean; more than one where it is ambiguous."""
        found = [
            one for one in self.choices if (one.kind, one.name) == (kind, name) and plugin in (None, one.plugin.name)
        ]
        # Installing a package never changes what a bare name means: the plugins of zoo's own wheel have priority.
        return [one for one in found if one.plugin.builtin] or found

    def _named(self, kind: Kind, plugin: str | None, name: str) -> Choice | None:
        candidates = self._candidates(kind, plugin, name)
        if len(candidates) > 1:
            names = ", ".join(one.full_name for one in candidates)
            raise UsageError(f"{kind} {name!r} is ambiguous: {names}", "Use one of the full names")
        return candidates[0] if candidates else None

    def _unknown(self, kind: Kind, spec: str, name: str) -> UsageError:
        known = [one.name for one in self.choices if one.kind == kind]
        if kind == "discriminator":
            norms = [one.name for one in self.choices if one.kind == "normalizer" and one.name != "none"]
            known += [f"{discriminator}_{norm}" for discriminator in known for norm in norms]
        fix = f"{did_you_mean(name.rpartition('/')[2], known)} Run: zoo list {kind}".strip()
        if other := next((one for one in self.choices if name in (one.name, one.full_name)), None):
            article = "an" if other.kind[0] in "aeiou" else "a"
            return UsageError(f"no {kind} is named {name!r} (there is {article} {other.kind} of that name)", fix)
        failed = [plugin.name for plugin in self.plugins if plugin.status != "ok"]
        reason = f" (not loaded: {', '.join(failed)}; run zoo plugins --why NAME for the reason)" if failed else ""
        return UsageError(f"no {kind} is named {spec!r}{reason}", fix)


@cache
def get_registry() -> Registry:
    """Return the registry of the installed plugins; one per process."""
    return Registry(installed())


def list_components(kind: str | None = None, pattern: str = "*") -> list[str]:
    """Return the names of the installed components of a kind that match a wildcard, in natural order.

    The name is `plugin/name` if the bare name means another component.

    Raises:
        UsageError: there is no such kind.
    """
    registry = get_registry()
    return [registry.short_name(choice.kind, choice.full_name) for choice in registry.list(kind, pattern)]


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


def _with_values(choice: Choice, values: Mapping[str, Any]) -> Any:
    """Return a choice's config with these options set, from values or their text."""
    import msgspec

    config, names = choice.config, option_names(choice.config)
    label = f"{choice.kind} {choice.name}"
    for key in values:
        if key not in names:
            has = ", ".join(names) or "none"
            raise UsageError(f"{label} has no option {key!r}; it has {has}", did_you_mean(key, names))
    hints = get_type_hints(type(config), include_extras=True)
    parsed = {key: _parse_value(key, value, hints[key]) for key, value in values.items()}
    try:
        changed = msgspec.convert(msgspec.to_builtins(config) | parsed, type(config), strict=False)
    except msgspec.ValidationError as error:
        reason = str(error).replace(" - at `$.", " for option `")
        raise UsageError(f"{label}: {reason}", f"Run: zoo info {choice.name}") from None
    for key in values:
        for limit in getattr(hints[key], "__metadata__", ()):
            value = getattr(changed, key)
            if isinstance(limit, AtLeast) and value is not None and value < limit.value:
                raise UsageError(f"{label}: option `{key}` is {value}; it must be {limit.value} or more")
    return changed


def _parse_value(key: str, value: Any, hint: Any) -> Any:
    """Return an option's value from its text: None for `none` if the type allows None, a list for `0+4+8`.

    Values that are not text, and text for options of type `str`, stay as they are.
    """
    choices = _choices(hint)
    if not isinstance(value, str) or value in choices:
        return value
    if value.lower() in ("none", "null") and type(None) in choices:
        return None
    if set(get_args(Size)) <= set(choices):
        return read_size(value, what=f"option `{key}`")
    is_list = any(get_origin(choice) in (tuple, list) for choice in choices) and str not in choices
    return value.split("+") if is_list else value


def _choices(hint: Any) -> tuple[Any, ...]:
    """Return the types of a union and the values of a literal; for any other type the type itself."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Annotated, Union, UnionType):
        return tuple(choice for part in get_args(hint) for choice in _choices(part))
    return (hint,)
