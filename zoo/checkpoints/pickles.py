"""A restricted unpickler: every global is a stand-in of `constructors`. Nothing is imported or called."""

from __future__ import annotations

import pickle
import struct
import warnings
from collections.abc import Callable
from typing import IO, Any, ClassVar

from zoo.checkpoints.constructors import GLOBALS, ORDERED, PLAIN, StandIn, Storage, check_key, check_name, storage
from zoo.checkpoints.entries import MalformedError, UnsafeError, shown

MOST_BYTES = 64 * 2**20
"""Length of all pickles in one file; those of large networks take a megabyte."""
MOST_STEPS = 2_000_000
"""An instruction takes one or two, a tensor about 45."""
MOST_MEMOS = 1_000_000


class PickleStream:
    """The pickles of a file, read within bounds, and the storages and other objects that they name."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.position, self.steps = file, 0, 0
        self.storages: dict[str, Storage] = {}
        self.stand_ins: dict[str, type[StandIn]] = {}
        """Of globals that weights do not need, by name."""

    def read(self, length: int) -> bytes:
        """Return the next bytes."""
        self.work(1)
        self._advance(length)
        return self.file.read(length)

    def readinto(self, _: Any) -> int:
        """Refuse values outside the pickle, which torch does not write."""
        raise MalformedError("its pickle refers to values outside of it")

    def readline(self) -> bytes:
        """Return the next line."""
        line = self.file.readline(MOST_BYTES - self.position)
        self._advance(len(line))
        return line

    def work(self, steps: int) -> None:
        """Count reads, or the values that one instruction copies."""
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise MalformedError("its pickle has more instructions than that of any weights")

    def _advance(self, length: int) -> None:
        self.position += length
        if self.position > MOST_BYTES:
            raise MalformedError("its pickle is longer than that of any weights")

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of the classes and functions that weights do not need, in the order of the file."""
        return tuple(name for name in self.stand_ins if name not in PLAIN)

    def refuse_objects(self) -> None:
        """Raise UnsafeError where the file, which has no tensors, holds objects."""
        if self.objects:
            raise UnsafeError(f"loading it would call {shown(self.objects[0])}, which weights do not need")


def read_pickle(stream: PickleStream) -> Any:
    """Return the value of the next pickle: dicts, lists, tuples, numbers and text, `TensorEntry` and `StandIn`.

    Raises:
        UnsafeError: it names a global that only an attack needs.
        MalformedError: it is not a pickle, is cut off, or needs more memory or time than weights do.
    """
    reader = _Reader(stream)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in texts
            value = reader.load()
    # Malformed opcodes and arguments.
    except (ValueError, OverflowError, struct.error, EOFError, pickle.UnpicklingError) as error:
        raise MalformedError("it is not a pickle, or its pickle is cut off") from error
    # An empty stack, or a call of something that is not a constructor.
    except (IndexError, KeyError, AttributeError, TypeError) as error:
        raise MalformedError("its pickle is inconsistent") from error
    if reader.stack or reader.metastack:
        raise MalformedError("its pickle is inconsistent")
    return value


# The unpickler written in Python: the one in C hashes keys unchecked, and a few bytes of tuples can take years to hash.
class _Reader(pickle._Unpickler):
    """Reads one pickle. Instructions that copy, hash or set attributes are replaced; the rest moves plain values on a stack."""

    read: Callable[[int], bytes]
    readline: Callable[[], bytes]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]
    stack: list[Any]
    metastack: list[list[Any]]
    memo: dict[int, Any]

    def __init__(self, stream: PickleStream) -> None:
        super().__init__(stream, encoding="latin-1")
        self.stream = stream

    def find_class(self, module: str, name: str) -> Any:
        text = check_name(f"{module}.{name}")
        if text in ORDERED:
            return self.ordered
        if text in GLOBALS:
            return GLOBALS[text]
        return self.stream.stand_ins.setdefault(text, type("StandIn", (StandIn,), {"__slots__": ()}))

    def persistent_load(self, identity: Any) -> Any:
        """Return the storage that a persistent id names, or the module class that older files save with its source."""
        if isinstance(identity, tuple) and len(identity) == 4 and identity[0] == "module":
            found = identity[1]
            if isinstance(found, type) and issubclass(found, StandIn):
                return found
        values = storage(identity)
        if self.stream.storages.setdefault(values.key, values) != values:
            raise MalformedError(f"storage {shown(values.key)} has two types or sizes")
        return values

    def ordered(self, pairs: Any = ()) -> dict[Any, Any]:
        if isinstance(pairs, dict):
            return pairs
        self.stream.work(len(pairs))
        if not all(isinstance(each, list | tuple) for each in (pairs, *pairs)) or any(len(pair) != 2 for pair in pairs):
            raise MalformedError("an OrderedDict is not made of pairs")
        return {check_key(pair[0]): pair[1] for pair in pairs}

    def put(self, index: int) -> None:
        if not 0 <= index < MOST_MEMOS:
            raise MalformedError("its pickle stores more than it holds")
        self.memo[index] = self.stack[-1]

    def extend(self, items: list[Any]) -> None:
        """Add items to the list on top; those of other objects are left out."""
        target = self.stack[-1]
        if type(target) is list:
            target.extend(items)
        elif not isinstance(target, StandIn):
            raise MalformedError("its pickle appends to something that is not a list")

    def update(self, items: list[Any]) -> None:
        """Set keys and values of the dict on top; those of other objects are left out."""
        target = self.stack[-1]
        if isinstance(target, StandIn):
            return
        if type(target) is not dict or len(items) % 2:
            raise MalformedError("its pickle sets items of something that is not a dict")
        for index in range(0, len(items), 2):
            target[check_key(items[index])] = items[index + 1]

    def build(self, state: Any) -> None:
        """Leave out an object's attributes: those of a state dict are versions of its modules."""
        target = self.stack[-1]
        if not isinstance(target, StandIn) and (type(target) is not dict or not isinstance(state, dict)):
            raise MalformedError("its pickle sets the state of something that is not a dict")

    def push_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self.update(items)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **pickle._Unpickler.dispatch,
        pickle.FRAME[0]: lambda reader: reader.read(8),  # a frame would be read at once, uncounted
        pickle.PUT[0]: lambda reader: reader.put(int(reader.readline()[:-1])),
        pickle.BINPUT[0]: lambda reader: reader.put(reader.read(1)[0]),
        pickle.LONG_BINPUT[0]: lambda reader: reader.put(int.from_bytes(reader.read(4), "little")),
        pickle.APPEND[0]: lambda reader: reader.extend([reader.stack.pop()]),
        pickle.APPENDS[0]: lambda reader: reader.extend(reader.pop_mark()),
        pickle.ADDITEMS[0]: lambda reader: reader.extend(reader.pop_mark()),
        pickle.EMPTY_SET[0]: lambda reader: reader.append([]),  # nothing is hashed
        pickle.FROZENSET[0]: lambda reader: reader.append(tuple(reader.pop_mark())),
        pickle.DICT[0]: push_dict,
        pickle.SETITEM[0]: lambda reader: reader.update([reader.stack.pop(-2), reader.stack.pop()]),
        pickle.SETITEMS[0]: lambda reader: reader.update(reader.pop_mark()),
        pickle.BUILD[0]: lambda reader: reader.build(reader.stack.pop()),
        # No memory is taken before the bytes are there.
        pickle.BYTEARRAY8[0]: lambda reader: reader.append(reader.read(int.from_bytes(reader.read(8), "little"))),
    }
