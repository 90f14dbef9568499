"""A pickle's data without unpickling: its opcodes are followed on a stack of plain values. Nothing is imported or called."""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable
from typing import IO, Any

from zoo.checkpoints.constructors import Storage, call, check_key, name_of, storage
from zoo.checkpoints.entries import DamagedError, shown

MOST_BYTES = 64 * 2**20
"""Length of all pickles in one file; those of large networks take a megabyte."""
MOST_OPCODES = 1_000_000
"""A tensor takes about 25."""

_VALUES = frozenset({
    "INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
    "BYTEARRAY8",
})  # fmt: skip
"""Opcodes whose argument is the value."""
_FRAMING = frozenset({"PROTO", "FRAME"})


class Source:
    """The pickles of a file: what may still be read of them, and the storages that they have named so far."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.bytes, self.opcodes = file, MOST_BYTES, MOST_OPCODES
        self.storages: dict[str, Storage] = {}

    def read(self, length: int) -> bytes:
        """Return the next bytes; `pickletools` calls this."""
        self._spend(length)
        return self.file.read(length)

    def readline(self) -> bytes:
        """Return the next line; `pickletools` calls this."""
        line = self.file.readline(self.bytes)
        self._spend(len(line))
        return line

    def work(self, steps: int) -> None:
        """Count instructions, or values that one of them copies."""
        self.opcodes -= steps
        if self.opcodes < 0:
            raise DamagedError("its pickle has more instructions than that of any weights")

    def _spend(self, length: int) -> None:
        self.bytes -= length
        if self.bytes < 0:
            raise DamagedError("its pickle is longer than that of any weights")


def read(source: Source) -> Any:
    """Return the value of the next pickle: dicts, lists, tuples, numbers and text; tensors as `Entry`.

    Raises:
        UnsafeError: it mentions a global that weights do not need.
        DamagedError: it is no pickle, is cut off, or asks for more memory or time than weights take.
    """
    machine = _Machine(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pickletools warns of escapes in texts
            for opcode, argument, _ in pickletools.genops(source):  # type: ignore[arg-type]  # it reads bytes and lines only
                source.work(1)
                machine.step(opcode.name, argument)
    except (ValueError, OverflowError) as error:  # malformed opcodes and arguments, from pickletools
        raise DamagedError("its pickle is cut off or is none") from error
    except (IndexError, KeyError) as error:  # an empty stack, a memo that was never set
        raise DamagedError("its pickle contradicts itself") from error
    return machine.stack[-1]


class _Machine:
    """The stack and memo of one pickle."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Follow one opcode."""
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _FRAMING:
            return
        elif name in _OPCODES:
            _OPCODES[name](self, argument)
        else:
            raise DamagedError(f"its pickle has the instruction {name}, which torch does not write")

    def marked(self) -> list[Any]:
        """Return what was pushed since the last mark, and go back to what was there before."""
        items, self.stack = self.stack, self.outer.pop()
        return items

    def put(self, index: int) -> None:
        """Remember the topmost value."""
        if index >= MOST_OPCODES:
            raise DamagedError("its pickle remembers more than it holds")
        self.memo[index] = self.stack[-1]

    def stop(self) -> None:
        """Check that one value is left."""
        if self.outer or len(self.stack) != 1:
            raise DamagedError("its pickle contradicts itself")

    def push(self, value: Any) -> None:
        """Add a value."""
        self.stack.append(value)

    def mark(self) -> None:
        """Begin a group of values."""
        self.outer.append(self.stack)
        self.stack = []

    def extend(self, items: list[Any]) -> None:
        """Add items to the list on top."""
        target = self.stack[-1]
        if type(target) is not list:
            raise DamagedError("its pickle appends to something that is no list")
        target.extend(items)

    def update(self, items: list[Any]) -> None:
        """Set keys and values of the dict on top."""
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise DamagedError("its pickle sets items of something that is no dict")
        for place in range(0, len(items), 2):
            target[check_key(items[place])] = items[place + 1]

    def pairs(self, items: list[Any]) -> None:
        """Push a dict of keys and values."""
        self.stack.append({})
        self.update(items)

    def call(self, arguments: Any) -> None:
        """Replace the constructor on top by what it stands for."""
        self.stack.append(self.result(self.stack.pop(), arguments))

    def refer(self, identity: Any) -> None:
        """Push the storage that a persistent id names."""
        found = storage(identity)
        if self.source.storages.setdefault(found.key, found) != found:
            raise DamagedError(f"storage {shown(found.key)} has two types or sizes")
        self.stack.append(found)

    def result(self, function: Any, arguments: Any) -> Any:
        """Return what a constructor stands for; it may copy the lists that it is given, again and again the same ones."""
        if isinstance(arguments, tuple):
            self.source.work(sum(len(item) for item in arguments if isinstance(item, list)))
        return call(function, arguments)

    def global_of(self, name: Any, module: Any) -> None:
        """Push a global named by two texts."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise DamagedError("its pickle names a global by something that is no text")
        self.stack.append(name_of(f"{module}.{name}"))

    def build(self, state: Any) -> None:
        """Leave out an object's attributes: those of a state dict are versions of its modules."""
        if type(self.stack[-1]) is not dict or not isinstance(state, dict):
            raise DamagedError("its pickle sets the state of something that is no dict")

    def create(self, items: list[Any]) -> None:
        """Push what a class and its arguments stand for."""
        self.stack.append(self.result(items[0], tuple(items[1:])))

    def instance(self, argument: str) -> None:
        """Push what a class, named in the opcode, and the arguments since the mark stand for."""
        name = name_of(argument.replace(" ", ".", 1))
        self.stack.append(self.result(name, tuple(self.marked())))

    def created(self, keywords: Any, arguments: Any) -> None:
        """Replace the class on top, which gets arguments by name."""
        if keywords:
            raise DamagedError("its pickle calls a constructor by names")
        self.call(arguments)


_OPCODES: dict[str, Callable[[_Machine, Any], Any]] = {
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_SET": lambda machine, _: machine.push([]),  # nothing is hashed
    "MARK": lambda machine, _: machine.mark(),
    "POP": lambda machine, _: machine.stack.pop() if machine.stack else machine.marked(),
    "POP_MARK": lambda machine, _: machine.marked(),
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.marked())),
    "TUPLE1": lambda machine, _: machine.push((machine.stack.pop(),)),
    "TUPLE2": lambda machine, _: machine.push((machine.stack.pop(), machine.stack.pop())[::-1]),
    "TUPLE3": lambda machine, _: machine.push((machine.stack.pop(), machine.stack.pop(), machine.stack.pop())[::-1]),
    "LIST": lambda machine, _: machine.push(machine.marked()),
    "FROZENSET": lambda machine, _: machine.push(tuple(machine.marked())),
    "DICT": lambda machine, _: machine.pairs(machine.marked()),
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.marked()),
    "ADDITEMS": lambda machine, _: machine.extend(machine.marked()),
    "SETITEM": lambda machine, _: machine.update([machine.stack.pop(), machine.stack.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.update(machine.marked()),
    "PUT": lambda machine, index: machine.put(index),
    "BINPUT": lambda machine, index: machine.put(index),
    "LONG_BINPUT": lambda machine, index: machine.put(index),
    "MEMOIZE": lambda machine, _: machine.put(len(machine.memo)),
    "GET": lambda machine, index: machine.push(machine.memo[index]),
    "BINGET": lambda machine, index: machine.push(machine.memo[index]),
    "LONG_BINGET": lambda machine, index: machine.push(machine.memo[index]),
    "GLOBAL": lambda machine, text: machine.push(name_of(text.replace(" ", ".", 1))),
    "STACK_GLOBAL": lambda machine, _: machine.global_of(machine.stack.pop(), machine.stack.pop()),
    "REDUCE": lambda machine, _: machine.call(machine.stack.pop()),
    "NEWOBJ": lambda machine, _: machine.call(machine.stack.pop()),
    "NEWOBJ_EX": lambda machine, _: machine.created(machine.stack.pop(), machine.stack.pop()),
    "OBJ": lambda machine, _: machine.create(machine.marked()),
    "INST": lambda machine, text: machine.instance(text),
    "BUILD": lambda machine, _: machine.build(machine.stack.pop()),
    "BINPERSID": lambda machine, _: machine.refer(machine.stack.pop()),
    "STOP": lambda machine, _: machine.stop(),
}
