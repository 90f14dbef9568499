"""The partners with which a method is checked: small stubs, or parts of its plugin that offer what no stub does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from zoo.choices import Choice
from zoo.compatibility import FEATURES
from zoo.hookspec import Kind
from zoo.registry import get_registry
from zoo.testing.running import small_config
from zoo.testing.stubs import DECLARED

STUBS: Mapping[Kind, frozenset[str]] = {
    "generator": frozenset({"taps", "time"}),
    "discriminator": frozenset({"features", "double_backward", "independent_samples"}),
}
"""What the small stubs offer, by kind."""


def partners_of(method: Choice) -> dict[Kind, Choice]:
    """Return, by kind, the parts that a method needs in place of a stub: of its own plugin first, else any installed one.

    A need that no installed part offers has no partner: it is an entry of datasets, or the method's own code reports it.
    """
    found: dict[Kind, Choice] = {}
    for kind, stub in STUBS.items():
        wanted = {need for need in method.contract.needs if FEATURES.get(need, (kind,))[0] == kind} - set(DECLARED)
        if kind not in method.contract.uses or wanted <= stub:
            continue
        known = {need for need in wanted if need in FEATURES}
        offering = [each for each in _candidates(method, kind) if known <= each.contract.offers]
        best = max(offering, key=lambda each: len(wanted & each.contract.offers), default=None)
        if best and wanted & best.contract.offers > wanted & stub:
            found[kind] = best
    return found


def _candidates(method: Choice, kind: Kind) -> Iterator[Choice]:
    """Yield the small parts of a kind, those of the method's plugin first."""
    own = [Choice(plugin=method.plugin, component=row, config=row.config) for row in method.plugin.components]
    others = [each for each in get_registry().choices if each.plugin.name != method.plugin.name]
    for choice in (*own, *others):
        if choice.kind == kind:
            yield Choice(plugin=choice.plugin, component=choice.component, config=small_config(choice.component))
