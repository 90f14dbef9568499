"""The names that a pickle of weights may mention, and what each stands for here. Nothing of torch is imported or called."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from zoo.checkpoints.entries import LARGEST, MOST_DIMENSIONS, SAMPLES, DamagedError, Entry, UnsafeError, shown

LARGEST_KEY = 2**60
"""Larger whole numbers can be chosen to fall into one place of a hash table."""
_A_NAME = re.compile(r"[\w.<>]+")
_STORAGES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool", "ComplexDouble": "complex128",
    "ComplexFloat": "complex64", "Untyped": "uint8",
}  # fmt: skip
"""Type of the values in each of torch's storage classes; those of an untyped one are bytes."""

_ATTACKS = frozenset({
    "os", "posix", "nt", "subprocess", "sys", "shutil", "socket", "pty", "runpy", "importlib", "ctypes", "builtins", "commands",
    "webbrowser", "pickle", "_pickle", "cPickle", "marshal", "code", "codeop", "types", "functools", "operator", "signal",
    "multiprocessing", "asyncio", "threading", "platform", "pip", "urllib", "http", "ftplib", "smtplib", "requests", "pathlib",
    "tempfile", "io", "_io", "bdb", "pdb", "pydoc", "timeit", "profile", "cProfile", "torch.hub", "torch.jit",
})  # fmt: skip
"""Modules that run commands, read files or call others; nobody writes them into weights by accident."""


@dataclass(frozen=True, slots=True)
class Name:
    """A global that the pickle mentions: `module.name`. It is text; nothing is imported."""

    text: str


@dataclass(frozen=True, slots=True)
class Storage:
    """The values of one or more tensors, somewhere else in the file."""

    key: str
    dtype: str
    count: int

    @property
    def bytes(self) -> int:
        """Size of the values."""
        return self.count * SAMPLES[self.dtype]


class Thing:
    """Something harmless that is no tensor, dict, list, number or text, such as a device."""


THING = Thing()


def name_of(module_and_name: str) -> Name:
    """Return a global that weights may mention.

    Raises:
        UnsafeError: they have no use for it.
        DamagedError: no global has such a name.
    """
    if not _A_NAME.fullmatch(module_and_name):
        raise DamagedError("its pickle names a global as none is named")
    if module_and_name.startswith("__builtin__."):  # as Python 2 called it
        module_and_name = module_and_name.replace("__builtin__", "builtins", 1)
    if module_and_name in CONSTRUCTORS or module_and_name in _TYPES:
        return Name(module_and_name)
    module = module_and_name.rpartition(".")[0]
    attack = {module, module.partition(".")[0]} & _ATTACKS or module_and_name == "torch.storage._load_from_bytes"
    text = f"loading it would call {shown(module_and_name)}"
    raise UnsafeError(f"{text}, as an attack would" if attack else f"{text}, which weights do not need")


def storage(identity: Any) -> Storage:
    """Return what the persistent id of a storage says: `("storage", type, key, device, count)`, in old files also a view."""
    if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
        kind = identity[0] if isinstance(identity, tuple) and identity and isinstance(identity[0], str) else "something"
        raise DamagedError(f"it refers to {shown(kind)} outside the pickle, and weights refer to storages only")
    kind, key, count = identity[1], identity[2], identity[4]
    if not isinstance(kind, Name) or kind.text not in _STORAGE_TYPES or not isinstance(key, str):
        raise DamagedError("a storage has no known type")
    return Storage(key=key, dtype=_STORAGE_TYPES[kind.text], count=_size(count))


def call(function: Any, arguments: Any) -> Any:
    """Return what a known constructor stands for."""
    if not isinstance(function, Name) or function.text not in CONSTRUCTORS or not isinstance(arguments, tuple):
        raise DamagedError("it calls something that is no constructor")
    if len(arguments) > MOST_DIMENSIONS:
        raise DamagedError(f"{function.text} has {len(arguments)} arguments")
    try:
        return CONSTRUCTORS[function.text](*arguments)
    except TypeError as error:
        raise DamagedError(f"{function.text} has other arguments than torch writes") from error


def check_key(key: Any) -> Any:
    """Return the key of a dict; tuples are refused, as a few bytes of them can take for ever to hash."""
    if isinstance(key, str | float | bytes) or key is None or (isinstance(key, int) and abs(key) < LARGEST_KEY):
        return key
    raise DamagedError("a dict has a key that is neither text nor a number")


def _ordered_dict(pairs: Any = ()) -> dict[Any, Any]:
    if isinstance(pairs, dict):
        return pairs
    if not isinstance(pairs, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs
    ):
        raise DamagedError("an OrderedDict is not made of pairs")
    return {check_key(pair[0]): pair[1] for pair in pairs}


def _tensor(values: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Entry:
    if not isinstance(values, Storage):
        raise DamagedError("a tensor has no storage")
    return _view(values, values.dtype, offset, shape, stride)


def _typed_tensor(
    values: Any, offset: Any, shape: Any, stride: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any
) -> Entry:
    if not isinstance(values, Storage) or not isinstance(dtype, Name) or dtype.text not in _DTYPES:
        raise DamagedError("a tensor has no storage or no known type")
    return _view(values, _DTYPES[dtype.text], offset, shape, stride)


def _view(values: Storage, dtype: str, offset: Any, shape: Any, stride: Any) -> Entry:
    """Return a tensor after checking that its values lie in its storage."""
    if not isinstance(shape, tuple) or not isinstance(stride, tuple) or len(shape) != len(stride):
        raise DamagedError("a tensor's shape and strides are no tuples of one length")
    if len(shape) > MOST_DIMENSIONS:
        raise DamagedError(f"a tensor has {len(shape)} dimensions")
    sizes, steps = [_size(size) for size in shape], [_size(step) for step in stride]
    entry = Entry(shape=tuple(sizes), dtype=dtype)
    last = _size(offset) + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if entry.count and ((last + 1) * SAMPLES[dtype] > values.bytes or entry.bytes > values.bytes):
        raise DamagedError(
            f"a tensor of {SAMPLES[dtype]}-byte values reaches beyond its storage of {values.bytes} bytes"
        )
    return entry


def _parameter(tensor: Any, *_: Any) -> Entry:
    if not isinstance(tensor, Entry):
        raise DamagedError("a parameter is no tensor")
    return tensor


def _subclassed(function: Any, _type: Any, arguments: Any, _state: Any) -> Any:
    if isinstance(function, Name) and CONSTRUCTORS.get(function.text) is _subclassed:
        raise DamagedError("a tensor is a subclass of a subclass")
    return call(function, arguments)


def _sequence(items: Any = ()) -> Any:
    if not isinstance(items, list | tuple):
        raise DamagedError("a torch.Size or set is made of something else than a list")
    return items


def _thing(*_: Any) -> Thing:
    return THING


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value < LARGEST:
        raise DamagedError("a size, stride or offset is no whole number from 0")
    return value


_DTYPES = {f"torch.{name}": name for name in SAMPLES}
_STORAGE_TYPES = {
    f"{module}.{name}Storage": dtype
    for module in ("torch", "torch.cuda", "torch.storage")
    for name, dtype in _STORAGES.items()
}
_TYPES = {*_DTYPES, *_STORAGE_TYPES, "torch.Tensor"}
CONSTRUCTORS: Mapping[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "collections.Counter": _ordered_dict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _typed_tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _subclassed,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.Size": _sequence,
    "torch.device": _thing,
    "builtins.set": _sequence,
    "builtins.complex": _thing,
    "builtins.bytearray": _thing,
    "_codecs.encode": _thing,
}
