"""The globals that a pickle may name, and their stand-ins. Nothing of torch is imported or called."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from zoo.checkpoints import entries
from zoo.checkpoints.entries import SAMPLES, MalformedError, StorageView, TensorEntry, UnsafeError, shown

LARGEST_KEY = 2**60
"""Larger whole numbers can be chosen to have the same hash."""
_GLOBAL = re.compile(r"[\w.<>]+")
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
"""Modules that run commands, read files or call functions; weights never name them by accident."""


@dataclass(frozen=True, slots=True)
class GlobalName:
    """A global of the pickle as text, `module.name`; nothing is imported."""

    text: str


@dataclass(frozen=True, slots=True)
class Storage:
    """The values of one or more tensors, elsewhere in the file."""

    key: str
    dtype: str
    count: int
    is_view: bool = False
    """Whether it is a part of another storage, as in files from before 2018."""

    @property
    def bytes(self) -> int:
        """Size of the values."""
        return self.count * SAMPLES[self.dtype]


class StandIn:
    """Replaces an object of any other class; its arguments and attributes are left out."""

    __slots__ = ()

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Return one, whatever the arguments."""
        return super().__new__(cls)


def check_name(name: str) -> str:
    """Return the name of a global as Python 3 writes it.

    Raises:
        UnsafeError: only an attack needs it.
        MalformedError: no global has such a name.
    """
    if not _GLOBAL.fullmatch(name):
        raise MalformedError("its pickle names a global that cannot exist")
    if name.startswith("__builtin__."):  # as in Python 2
        name = name.replace("__builtin__", "builtins", 1)
    # Each beginning of a nested name may be the module: `os.path` and `system`, or `os` and `path.system`.
    words = name.split(".")
    modules = {".".join(words[:count]) for count in range(1, len(words))}
    if modules & _ATTACKS and name not in _HARMLESS and name not in GLOBALS:
        raise UnsafeError(f"loading it would call {shown(name)}, as an attack would")
    return name


def storage(identity: Any) -> Storage:
    """Return the storage of a persistent id: `("storage", type, key, device, count)`, in old files also a view."""
    if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
        kind = identity[0] if isinstance(identity, tuple) and identity and isinstance(identity[0], str) else "something"
        raise MalformedError(f"it refers to {shown(kind)} outside the pickle, and weights refer to storages only")
    kind, key, count = identity[1], identity[2], identity[4]
    if not isinstance(kind, GlobalName) or kind.text not in _STORAGE_TYPES or not isinstance(key, str):
        raise MalformedError("a storage has no known type")
    is_view = len(identity) == 6 and identity[5] is not None
    return Storage(key=key, dtype=_STORAGE_TYPES[kind.text], count=_size(count), is_view=is_view)


def check_key(key: Any) -> Any:
    """Return the key of a dict; tuples are refused, since a few bytes of them can take years to hash."""
    if isinstance(key, str | float | bytes) or key is None or (isinstance(key, int) and abs(key) < LARGEST_KEY):
        return key
    raise MalformedError("a dict has a key that is neither text nor a number")


def _tensor(
    values: Any, offset: Any, shape: Any, stride: Any, _grad: Any = None, _hooks: Any = None, changes: Any = None
) -> TensorEntry | StandIn:
    dtype = values.dtype if isinstance(values, Storage) else ""
    # With changes, it is a conjugate or negative that is computed at use: its values are not those of the file.
    return _view(values, dtype, offset, shape, stride, readable=not changes)


def _typed_tensor(
    values: Any, offset: Any, shape: Any, stride: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any
) -> TensorEntry | StandIn:
    known = _DTYPES.get(dtype.text, "") if isinstance(dtype, GlobalName) else ""
    return _view(values, known, offset, shape, stride, readable=True)


def _view(values: Any, dtype: str, offset: Any, shape: Any, stride: Any, *, readable: bool) -> TensorEntry | StandIn:
    """Return a tensor after checking that its values lie in its storage."""
    if isinstance(values, StandIn):
        return values
    if not isinstance(values, Storage) or not dtype:
        raise MalformedError("a tensor has no storage or no known type")
    if not isinstance(shape, tuple) or not isinstance(stride, tuple) or len(shape) != len(stride):
        raise MalformedError("a tensor's shape and strides are not tuples of one length")
    if len(shape) > entries.MOST_DIMENSIONS:
        raise MalformedError(f"a tensor has {len(shape)} dimensions")
    sizes, steps, first = tuple(map(_size, shape)), tuple(map(_size, stride)), _size(offset)
    view = StorageView(key=values.key, offset=first, stride=steps) if readable and not values.is_view else None
    entry = TensorEntry(shape=sizes, dtype=dtype, view=view)
    last = first + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if entry.count and ((last + 1) * SAMPLES[dtype] > values.bytes or entry.bytes > values.bytes):
        what = f"a tensor of {SAMPLES[dtype]}-byte values"
        raise MalformedError(f"{what} reaches beyond its storage of {values.bytes} bytes")
    return entry


def _parameter(tensor: Any, *_: Any) -> TensorEntry | StandIn:
    if not isinstance(tensor, TensorEntry | StandIn):
        raise MalformedError("a parameter is not a tensor")
    return tensor


def _subclassed(function: Any, _type: Any, arguments: Any, _state: Any) -> Any:
    if function is _subclassed or not callable(function) or not isinstance(arguments, tuple):
        raise MalformedError("a tensor of a subclass has no constructor")
    return function(*arguments)


def _sequence(items: Any = ()) -> Any:
    if not isinstance(items, list | tuple):
        raise MalformedError("a torch.Size or set is not made of a list")
    return items


def _by_default(_factory: Any = None, pairs: Any = ()) -> Any:
    if pairs:
        raise MalformedError("a defaultdict is made of more than torch writes")
    return {}


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value < entries.LARGEST:
        raise MalformedError("a size, stride or offset is not a whole number from 0")
    return value


_DTYPES = {f"torch.{name}": name for name in SAMPLES}
_STORAGE_TYPES = {
    f"{module}.{name}Storage": dtype
    for module in ("torch", "torch.cuda", "torch.storage")
    for name, dtype in _STORAGES.items()
}
ORDERED = ("collections.OrderedDict", "collections.Counter")
GLOBALS: Mapping[str, GlobalName | Callable[..., Any]] = {
    **{name: GlobalName(name) for name in (*_DTYPES, *_STORAGE_TYPES, "torch.Tensor")},
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
"""Constructors of plain values, which are not reported as objects."""
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
"""Names in the modules of attacks that options and paths in checkpoints use."""
