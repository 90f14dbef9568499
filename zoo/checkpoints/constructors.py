"""The names that a pickle may mention, and what each stands for here. Nothing of torch is imported or called."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from zoo.checkpoints.entries import LARGEST, MOST_DIMENSIONS, SAMPLES, DamagedError, Entry, Place, UnsafeError, shown

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
    view: bool = False
    """Whether it is a part of another storage, as in files of before 2018."""

    @property
    def bytes(self) -> int:
        """Size of the values."""
        return self.count * SAMPLES[self.dtype]


class Foreign:
    """Stands for an object of another class; its arguments and attributes are left out."""

    __slots__ = ()

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Return one, whatever it is called with."""
        return super().__new__(cls)


def check_name(name: str) -> str:
    """Return the name of a global as Python 3 has it.

    Raises:
        UnsafeError: only an attack has a use for it.
        DamagedError: no global has such a name.
    """
    if not _A_NAME.fullmatch(name):
        raise DamagedError("its pickle names a global as none is named")
    if name.startswith("__builtin__."):  # as Python 2 called it
        name = name.replace("__builtin__", "builtins", 1)
    # Of a nested name each beginning may be the module: `os.path` and `system`, or `os` and `path.system`.
    words = name.split(".")
    beginnings = {".".join(words[:count]) for count in range(1, len(words))}
    if beginnings & _ATTACKS and name not in _HARMLESS and name not in CONSTRUCTORS:
        raise UnsafeError(f"loading it would call {shown(name)}, as an attack would")
    return name


def storage(identity: Any) -> Storage:
    """Return what the persistent id of a storage says: `("storage", type, key, device, count)`, in old files also a view."""
    if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
        kind = identity[0] if isinstance(identity, tuple) and identity and isinstance(identity[0], str) else "something"
        raise DamagedError(f"it refers to {shown(kind)} outside the pickle, and weights refer to storages only")
    kind, key, count = identity[1], identity[2], identity[4]
    if not isinstance(kind, Name) or kind.text not in _STORAGE_TYPES or not isinstance(key, str):
        raise DamagedError("a storage has no known type")
    view = len(identity) == 6 and identity[5] is not None
    return Storage(key=key, dtype=_STORAGE_TYPES[kind.text], count=_size(count), view=view)


def check_key(key: Any) -> Any:
    """Return the key of a dict; tuples are refused, as a few bytes of them can take for ever to hash."""
    if isinstance(key, str | float | bytes) or key is None or (isinstance(key, int) and abs(key) < LARGEST_KEY):
        return key
    raise DamagedError("a dict has a key that is neither text nor a number")


def _tensor(
    values: Any, offset: Any, shape: Any, stride: Any, _grad: Any = None, _hooks: Any = None, changes: Any = None
) -> Entry | Foreign:
    if isinstance(values, Foreign):
        return values
    if not isinstance(values, Storage):
        raise DamagedError("a tensor has no storage")
    entry = _view(values, values.dtype, offset, shape, stride)
    # A conjugate or negative that is computed when it is needed: its values are not those of the file.
    return replace(entry, place=None) if changes else entry


def _typed_tensor(
    values: Any, offset: Any, shape: Any, stride: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any
) -> Entry | Foreign:
    if isinstance(values, Foreign):
        return values
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
    place = None if values.view else Place(key=values.key, offset=_size(offset), stride=tuple(steps))
    entry = Entry(shape=tuple(sizes), dtype=dtype, place=place)
    last = _size(offset) + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if entry.count and ((last + 1) * SAMPLES[dtype] > values.bytes or entry.bytes > values.bytes):
        raise DamagedError(
            f"a tensor of {SAMPLES[dtype]}-byte values reaches beyond its storage of {values.bytes} bytes"
        )
    return entry


def _parameter(tensor: Any, *_: Any) -> Entry | Foreign:
    if not isinstance(tensor, Entry | Foreign):
        raise DamagedError("a parameter is no tensor")
    return tensor


def _subclassed(function: Any, _type: Any, arguments: Any, _state: Any) -> Any:
    if function is _subclassed or not callable(function) or not isinstance(arguments, tuple):
        raise DamagedError("a tensor of a subclass is made by something that is no constructor")
    return function(*arguments)


def _sequence(items: Any = ()) -> Any:
    if not isinstance(items, list | tuple):
        raise DamagedError("a torch.Size or set is made of something else than a list")
    return items


def _by_default(_factory: Any = None, pairs: Any = ()) -> Any:
    if pairs:
        raise DamagedError("a defaultdict is made of more than torch writes")
    return {}


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
TYPES: Mapping[str, Name] = {name: Name(name) for name in (*_DTYPES, *_STORAGE_TYPES, "torch.Tensor")}
ORDERED = ("collections.OrderedDict", "collections.Counter")
CONSTRUCTORS: Mapping[str, Callable[..., Any]] = {
    "collections.defaultdict": _by_default,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _typed_tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _subclassed,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.Size": _sequence,
    "builtins.set": _sequence,
    "builtins.frozenset": _sequence,
}
PLAIN = frozenset({"torch.device", "builtins.complex", "builtins.bytearray", "_codecs.encode"})
"""Objects that stand for plain values, and are not worth a word."""
_BUILTINS = (
    "object", "dict", "list", "tuple", "int", "float", "str", "bool", "bytes", "slice", "range", "NoneType",
    "long", "unicode", "basestring", "xrange",  # of Python 2
)  # fmt: skip
_PATHS = ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
_HARMLESS = PLAIN | {
    *(f"builtins.{name}" for name in _BUILTINS),
    *(f"{module}.{name}" for module in ("pathlib", "pathlib._local") for name in _PATHS),
    "types.SimpleNamespace",
}
"""Of modules that attacks use, what the options and paths beside weights use."""
