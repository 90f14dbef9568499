"""A pickle's data by a restricted unpickler: every global is a stand-in of `constructors`. Nothing is imported or called."""

from __future__ import annotations

import pickle
import struct
import warnings
from collections.abc import Callable, Mapping
from typing import IO, Any

from zoo.checkpoints.constructors import (
    CONSTRUCTORS,
    ORDERED,
    PLAIN,
    TYPES,
    Foreign,
    Storage,
    check_key,
    check_name,
    storage,
)
from zoo.checkpoints.entries import DamagedError, UnsafeError, shown

MOST_BYTES = 64 * 2**20
"""Length of all pickles in one file; those of large networks take a megabyte."""
MOST_OPCODES = 1_000_000
"""A tensor takes about 25."""


class Source:
    """The pickles of a file: what may still be read of them, and the storages and foreign objects that they have named so far."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.bytes, self.opcodes = file, MOST_BYTES, MOST_OPCODES
        self.storages: dict[str, Storage] = {}
        self.foreign: dict[str, type[Foreign]] = {}
        """Stand-ins of globals that weights do not need, by name."""

    def read(self, length: int) -> bytes:
        """Return the next bytes."""
        self._spend(length)
        return self.file.read(length)

    def readinto(self, _: Any) -> int:
        """Refuse: this is for values outside the pickle, which torch does not write."""
        raise DamagedError("its pickle refers to values outside of it")

    def readline(self) -> bytes:
        """Return the next line."""
        line = self.file.readline(self.bytes)
        self._spend(len(line))
        return line

    def work(self, steps: int) -> None:
        """Count instructions, or values that one of them copies."""
        self.opcodes -= steps
        if self.opcodes < 0:
            raise DamagedError("its pickle has more instructions than that of any weights")

    def objects(self) -> tuple[str, ...]:
        """Return the names of what weights do not need, in the order of the file."""
        return tuple(name for name in self.foreign if name not in PLAIN)

    def refuse_objects(self) -> None:
        """Refuse a file that holds nothing but objects.

        Raises:
            UnsafeError: it holds some; the message names the first.
        """
        for name in self.objects():
            raise UnsafeError(f"loading it would call {shown(name)}, which weights do not need")

    def _spend(self, length: int) -> None:
        self.bytes -= length
        if self.bytes < 0:
            raise DamagedError("its pickle is longer than that of any weights")


def read(source: Source) -> Any:
    """Return the value of the next pickle: dicts, lists, tuples, numbers and text; tensors as `Entry`, objects as `Foreign`.

    Raises:
        UnsafeError: it mentions a global that only an attack needs.
        DamagedError: it is no pickle, is cut off, or asks for more memory or time than weights take.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in texts
            reader = _Reader(source)
            value = reader.load()
    except (
        ValueError,
        OverflowError,
        struct.error,
        EOFError,
        pickle.UnpicklingError,
    ) as error:  # malformed opcodes, arguments
        raise DamagedError("its pickle is cut off or is none") from error
    except (
        IndexError,
        KeyError,
        AttributeError,
        TypeError,
    ) as error:  # an empty stack, a call of what is no constructor
        raise DamagedError("its pickle contradicts itself") from error
    if reader.stack or reader.metastack:
        raise DamagedError("its pickle contradicts itself")
    return value


class _Counted(Mapping[int, Callable[[Any], None]]):
    """The instructions of a reader, counted as they are looked up."""

    def __init__(self, source: Source, steps: Mapping[int, Callable[[Any], None]]) -> None:
        self.source, self.steps = source, steps

    def __getitem__(self, code: int) -> Callable[[Any], None]:
        self.source.work(1)
        return self.steps[code]

    def __iter__(self) -> Any:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)


# The unpickler written in Python: the one in C hashes keys unchecked, and a few bytes of tuples can take for ever to hash.
class _Reader(pickle._Unpickler):
    """Follows one pickle. What copies, hashes or sets attributes is replaced; the rest moves plain values on a stack."""

    read: Callable[[int], bytes]
    readline: Callable[[], bytes]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]
    stack: list[Any]
    metastack: list[list[Any]]
    memo: dict[int, Any]

    def __init__(self, source: Source) -> None:
        super().__init__(source, encoding="latin-1")
        self.source = source
        self.dispatch = _Counted(source, _STEPS)  # type: ignore[misc,assignment]  # of this pickle alone

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a global."""
        text = check_name(f"{module}.{name}")
        if text in ORDERED:
            return self.ordered
        if text in CONSTRUCTORS:
            return CONSTRUCTORS[text]
        if text in TYPES:
            return TYPES[text]
        return self.source.foreign.setdefault(text, type("Foreign", (Foreign,), {"__slots__": ()}))

    def persistent_load(self, identity: Any) -> Any:
        """Return the storage that a persistent id names, or the class of a module whose source stands there in older files."""
        if isinstance(identity, tuple) and len(identity) == 4 and identity[0] == "module" and _is_foreign(identity[1]):
            return identity[1]
        found = storage(identity)
        if self.source.storages.setdefault(found.key, found) != found:
            raise DamagedError(f"storage {shown(found.key)} has two types or sizes")
        return found

    def ordered(self, pairs: Any = ()) -> dict[Any, Any]:
        """Return the dict that an OrderedDict, Counter or defaultdict of pairs stands for."""
        if isinstance(pairs, dict):
            return pairs
        if not isinstance(pairs, list | tuple):
            raise DamagedError("an OrderedDict is not made of pairs")
        self.source.work(len(pairs))
        if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
            raise DamagedError("an OrderedDict is not made of pairs")
        return {check_key(pair[0]): pair[1] for pair in pairs}

    def put(self, index: int) -> None:
        """Remember the topmost value."""
        if not 0 <= index < MOST_OPCODES:
            raise DamagedError("its pickle remembers more than it holds")
        self.memo[index] = self.stack[-1]

    def extend(self, items: list[Any]) -> None:
        """Add items to the list on top; those of a foreign object are left out."""
        target = self.stack[-1]
        if type(target) is list:
            target.extend(items)
        elif not isinstance(target, Foreign):
            raise DamagedError("its pickle appends to something that is no list")

    def update(self, items: list[Any]) -> None:
        """Set keys and values of the dict on top; those of a foreign object are left out."""
        target = self.stack[-1]
        if isinstance(target, Foreign):
            return
        if type(target) is not dict or len(items) % 2:
            raise DamagedError("its pickle sets items of something that is no dict")
        for place in range(0, len(items), 2):
            target[check_key(items[place])] = items[place + 1]

    def pairs(self, items: list[Any]) -> None:
        """Push a dict of keys and values."""
        self.append({})
        self.update(items)

    def build(self, state: Any) -> None:
        """Leave out an object's attributes: those of a state dict are versions of its modules."""
        target = self.stack[-1]
        if not isinstance(target, Foreign) and (type(target) is not dict or not isinstance(state, dict)):
            raise DamagedError("its pickle sets the state of something that is no dict")


def _is_foreign(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Foreign)


def _one(reader: _Reader) -> list[Any]:
    return [reader.stack.pop()]


def _two(reader: _Reader) -> list[Any]:
    return [reader.stack.pop(), reader.stack.pop()][::-1]


_STEPS: dict[int, Callable[[Any], None]] = {
    **pickle._Unpickler.dispatch,
    pickle.PUT[0]: lambda reader: reader.put(int(reader.readline()[:-1])),
    pickle.BINPUT[0]: lambda reader: reader.put(reader.read(1)[0]),
    pickle.LONG_BINPUT[0]: lambda reader: reader.put(int.from_bytes(reader.read(4), "little")),
    pickle.APPEND[0]: lambda reader: reader.extend(_one(reader)),
    pickle.APPENDS[0]: lambda reader: reader.extend(reader.pop_mark()),
    pickle.ADDITEMS[0]: lambda reader: reader.extend(reader.pop_mark()),
    pickle.EMPTY_SET[0]: lambda reader: reader.append([]),  # nothing is hashed
    pickle.FROZENSET[0]: lambda reader: reader.append(tuple(reader.pop_mark())),
    pickle.DICT[0]: lambda reader: reader.pairs(reader.pop_mark()),
    pickle.SETITEM[0]: lambda reader: reader.update(_two(reader)),
    pickle.SETITEMS[0]: lambda reader: reader.update(reader.pop_mark()),
    pickle.BUILD[0]: lambda reader: reader.build(reader.stack.pop()),
    # No memory is taken before the bytes are there.
    pickle.BYTEARRAY8[0]: lambda reader: reader.append(reader.read(int.from_bytes(reader.read(8), "little"))),
}
