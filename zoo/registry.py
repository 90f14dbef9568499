"""Components by kind and name, and the name grammar `[plugin/]name[:key=value,...]`. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from zoo.choices import Choice
from zoo.errors import UsageError, did_you_mean
from zoo.hookspec import KINDS, NO_OPTIONS, Kind
from zoo.plugins import Plugin, installed

GRAMMAR = re.compile(r"(?:(?P<plugin>[\w.-]+)/)?(?P<name>[\w.-]+)(?::(?P<options>.*))?")


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
        methods = (choice for choice in self.choices if choice.kind == "method")
        self._null_baselines = frozenset(
            choice.full_name for choice in methods if "baseline" in choice.component.contract.offers
        )

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
        return self._null_baselines

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

    def find_discriminator(
        self, spec: str, norm: str | None = None, options: Mapping[str, Any] = NO_OPTIONS
    ) -> tuple[Choice, Choice]:
        """Return the discriminator and normalizer that a spec such as `patchgan`, `patchgan_gn` or `patchgan_gn:layers=4` names.

        A discriminator of exactly this name has priority; else the name is split at its last `_`. Each option, also of
        `options`, is set on the part that has it, on the discriminator if both do.

        Raises:
            UsageError: as `find`, or two normalizers were named.
        """
        plugin, name, in_spec = parse(spec)
        options = {**in_spec, **options}
        stem, _, suffix = name.rpartition("_")
        if self._named("discriminator", plugin, name) or not (stem and self._named("normalizer", None, suffix)):
            discriminator = self.find("discriminator", spec).with_options(options, named=True)
            return discriminator, self.find("normalizer", norm or "none")
        if norm and norm != suffix:
            raise UsageError(f"{spec!r} names the normalizer {suffix} and `norm` names {norm}", "Name one of them")
        discriminator = self.find("discriminator", f"{plugin}/{stem}" if plugin else stem)
        normalizer = self.find("normalizer", suffix)
        rest = {key: value for key, value in options.items() if normalizer.has(key) and not discriminator.has(key)}
        own = {key: value for key, value in options.items() if key not in rest}
        return discriminator.with_options(own, named=True), normalizer.with_options(rest, named=True)

    def is_discriminator(self, spec: str) -> bool:
        """Return whether a spec without its options names a discriminator, also with the suffix of a normalizer."""
        try:
            self.find_discriminator(spec.partition(":")[0])
        except UsageError:
            return False
        return True

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
        fix = f"{did_you_mean(name.rpartition('/')[2], known)} Run: `zoo.list_components({kind!r})`".strip()
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
    if not isinstance(spec, str):  # a caller's mistake that no type checker saw
        raise UsageError(f"the name of a component is text; this is {type(spec).__name__}", "Use e.g. 'resnet9'")
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
