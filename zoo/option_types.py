"""Types of options in words: which values an option takes, and how one is written after a component's name; whole numbers.

Imports no torch.
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from zoo.errors import UsageError
from zoo.limits import AtLeast, AtMost
from zoo.sizes import Size, size_text

_WORDS = {int: "a whole number", float: "a number", str: "text", NoneType: "none"}
_PLURALS = {int: "whole numbers", float: "numbers", str: "texts"}


def allowed_values(hint: Any) -> str:
    """Return the values that an option of this type takes, as text.

    >>> allowed_values(Literal["instance", "batch"] | None), allowed_values(Annotated[int, AtLeast(2)])
    ('instance, batch or none', 'a whole number, 2 or more')
    >>> allowed_values(Annotated[float, AtLeast(0), AtMost(1)] | None)
    'a number, 0 or more and 1 or less, or none'
    >>> allowed_values(tuple[int, ...] | None), allowed_values(Size)
    ('whole numbers joined by + (0+4+8) or none', 'pixels (256) or height x width (512x640)')
    """
    words = list(dict.fromkeys(_words(hint)))
    last = ", or " if any("," in word for word in words) else " or "
    return last.join(filter(None, [", ".join(words[:-1]), words[-1]]))


def value_text(value: Any, hint: Any = None) -> str:
    """Return an option's value as it is written after a component's name.

    >>> value_text((0, 4, 8)), value_text(None), value_text(False), value_text((512, 640), Size)
    ('0+4+8', 'none', 'false', '512x640')
    """
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return size_text((value[0], value[1])) if _is_size(hint) else "+".join(map(value_text, value))
    return str(value)


def changed_value(value: Any, hint: Any) -> Any:
    """Return another value that an option of this type takes: another choice, half of a number or the next; None if unknown.

    >>> changed_value("instance", Literal["instance", "batch"] | None), changed_value(False, bool)
    ('batch', True)
    >>> changed_value(64, int), changed_value(1, Annotated[int, AtLeast(1)]), changed_value("resnet34", str)
    (32, 2, None)
    """
    kind, inner = get_origin(hint), get_args(hint)
    if isinstance(value, bool):
        return not value
    if kind is Annotated:
        half = changed_value(value, inner[0])
        return value + 1 if half is not None and not all(limit.allows(half) for limit in limits_of(hint)) else half
    if kind in (Union, UnionType) and not _is_size(hint):
        return next((other for part in inner if (other := changed_value(value, part)) is not None), None)
    if kind is Literal:
        return next((other for other in inner if other != value), None) if value in inner else None
    if hint is int and isinstance(value, int):
        return value // 2 or value + 1
    return value / 2 if hint is float and isinstance(value, float) and value else None


def limits_of(hint: Any) -> list[AtLeast | AtMost]:
    """Return the limits of a number's type, also where it may be none."""
    if get_origin(hint) in (Union, UnionType):
        return [limit for part in get_args(hint) for limit in limits_of(part)]
    return [limit for limit in getattr(hint, "__metadata__", ()) if isinstance(limit, AtLeast | AtMost)]


def require_whole(least: int, **numbers: int | None) -> None:
    """Refuse the first of these parameters that is no whole number from `least`; None stands for a default.

    Raises:
        UsageError: it names the parameter.
    """
    for name, number in numbers.items():
        if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
            raise UsageError(f"`{name}` is {number!r}; it must be a whole number, {least} or more")
        if number is not None and number < least:
            raise UsageError(f"`{name}` is {number}; it must be {least} or more")


def _words(hint: Any) -> list[str]:
    """Return the kinds of values of a type."""
    kind, inner = get_origin(hint), get_args(hint)
    if kind is Annotated:
        limits = " and ".join(map(str, limits_of(hint)))
        return [f"{word}, {limits}" if limits and word != "none" else word for word in _words(inner[0])]
    if kind is Literal or hint is bool:
        return [value_text(value) for value in (inner if kind is Literal else (True, False))]
    if kind in (Union, UnionType):
        rest = inner
        size = ["pixels (256)", "height x width (512x640)"] if _is_size(hint) else []
        if size:
            rest = tuple(part for part in inner if part not in get_args(Size))
        return [*size, *(word for part in rest for word in _words(part))]
    if kind in (tuple, list):
        return [_several(inner)]
    return [_WORDS.get(hint, getattr(hint, "__name__", str(hint)))]


def _several(inner: tuple[Any, ...]) -> str:
    """Return the words for a tuple or list with these parts."""
    items = _PLURALS.get(inner[0], "values") if inner else "values"
    example = {"texts": "a+b"}.get(items, "0+4+8")
    if len(inner) > 1 and inner[1] is not Ellipsis:
        items, example = f"{len(inner)} {items}", "+".join(str(number) for number in range(len(inner)))
    return f"{items} joined by + ({example})"


def _is_size(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType) and set(get_args(Size)) <= set(get_args(hint))
