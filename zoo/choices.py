"""A component with the options under which it is built, and options set from values or their text. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from zoo.errors import RefusedError, UsageError, did_you_mean
from zoo.hookspec import Component, Contract, Kind
from zoo.option_types import allowed_values, limits_of
from zoo.plugins import Plugin
from zoo.sizes import Size, height_width, read_size, size_text


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


def option_names(config: Any) -> list[str]:
    """Return the names of a config dataclass's options."""
    return [field.name for field in fields(config)]


def _with_values(choice: Choice, values: Mapping[str, Any]) -> Any:
    """Return a choice's config with these options set, from values or their text."""
    config, names = choice.config, option_names(choice.config)
    label = f"{choice.kind} {choice.name}"
    for key in values:
        if key not in names:
            has = ", ".join(names) or "none"
            raise UsageError(f"{label} has no option {key!r}; it has {has}", did_you_mean(key, names))
    hints = get_type_hints(type(config), include_extras=True)
    return replace(config, **{key: _convert(label, key, value, hints[key]) for key, value in values.items()})


def _convert(label: str, key: str, value: Any, hint: Any) -> Any:
    """Return an option's value in its type and within its limits.

    Raises:
        UsageError: it has another type, or is outside of the limits.
    """
    import msgspec

    try:
        found = msgspec.convert(_parse_value(key, value, hint), hint, strict=False)
    except msgspec.ValidationError:
        near = did_you_mean(str(value), [one for one in _choices(hint) if isinstance(one, str)])
        raise UsageError(f"{label}: option `{key}` is {value!r}; it must be {allowed_values(hint)}", near) from None
    if isinstance(found, float) and not math.isfinite(found):
        raise UsageError(f"{label}: option `{key}` is {found}; it must be a finite number")
    limits = limits_of(hint)
    if isinstance(found, int | float) and not all(limit.allows(found) for limit in limits):
        raise UsageError(f"{label}: option `{key}` is {found}; it must be {' and '.join(map(str, limits))}")
    return found


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
