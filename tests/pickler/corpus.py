"""Objects that plain `pickle` represents, by name: what the engine's tests run over. Each value is made on request."""

import array
import collections
import datetime
import decimal
import fractions
import functools
import math
import operator
import pathlib
import pickle
import re
import types
import uuid
from collections import Counter, OrderedDict, defaultdict, deque

BATCHES = (0, 1, 2, 3, 999, 1000, 1001, 2000, 2001)

INTEGERS = sorted(
    {
        sign * (1 << bits) + offset
        for bits in (0, 1, 7, 8, 15, 16, 31, 32, 63, 64, 127, 1000, 2031, 2032, 2039, 2040, 2041, 5000)
        for sign in (1, -1)
        for offset in (-1, 0, 1)
    }
    | {0, 255, 256, 65535, 65536}
)

FLOATS = (0.0, -0.0, 1.5, -1e308, 5e-324, 1e22, 0.1, math.pi, math.inf, -math.inf, math.nan)

STRINGS = {
    "empty": "",
    "ascii": "plain text",
    "latin": "na\xefve \xff",
    "bmp": "\u0430\u20ac\uffff",
    "astral": "\U0001f40d\U0010ffff",
    "lone surrogates": "\ud800 \udfff \udcff",
    "surrogates in the wrong order": "\udc00\ud800",
    "nul and newlines": "\x00\r\n\x1a\x85\u2028\\u1234\\",
    "255 bytes": "x" * 255,
    "256 bytes": "x" * 256,
    "255 bytes of utf-8": "\xe9" * 127 + "x",
    "256 bytes of utf-8": "\xe9" * 128,
    "one below a frame": "f" * (64 * 1024 - 1),
    "a frame": "f" * (64 * 1024),
    "one above a frame": "f" * (64 * 1024 + 1),
    "large": "large \u20ac " * 30_000,
}

BYTES_SIZES = (0, 1, 255, 256, 257, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 300_000)


class Plain:
    """An instance with a `__dict__`."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None

    class Nested:
        """A class with a dotted qualified name."""

        class Deeper:
            """And one more dot."""

        def method(self):
            """A function with a dotted qualified name."""


class Slotted:
    """An instance without a `__dict__`."""

    __slots__ = ("left", "right")

    def __init__(self, left, right):
        self.left, self.right = left, right

    def __eq__(self, other):
        return type(self) is type(other) and (self.left, self.right) == (other.left, other.right)

    __hash__ = None


class SlottedWithDict(Slotted):
    """Slots of a base and a `__dict__` of its own."""


class ReducesToTuple:
    """`__reduce__` in its plainest shape."""

    def __reduce__(self):
        return Plain, (), {"made": "by reduce"}


class NewArguments(tuple):
    """`__getnewargs__`."""

    def __new__(cls, *items):
        return super().__new__(cls, items)

    def __getnewargs__(self):
        return tuple(self)


class NewKeywords:
    """`__getnewargs_ex__`."""

    def __new__(cls, a, *, b):
        self = super().__new__(cls)
        self.a, self.b = a, b
        return self

    def __getnewargs_ex__(self):
        return (self.a,), {"b": self.b}

    def __eq__(self, other):
        return vars(self) == vars(other)

    __hash__ = None


class WithState:
    """`__getstate__` and `__setstate__`."""

    def __init__(self, x):
        self.x = x

    def __getstate__(self):
        return ["state", self.x]

    def __setstate__(self, state):
        self.x = state[1]

    def __eq__(self, other):
        return self.x == other.x

    __hash__ = None


class MyInt(int):
    """Subclasses of builtins, with attributes."""


class MyFloat(float):
    """Likewise."""


class MyStr(str):
    """Likewise."""


class MyBytes(bytes):
    """Likewise."""


class MyTuple(tuple):
    """Likewise."""


class MyList(list):
    """Likewise."""


class MyDict(dict):
    """Likewise."""


class MySet(set):
    """Likewise."""


class MyFrozenset(frozenset):
    """Likewise."""


Pair = collections.namedtuple("Pair", "left right")


def _with_attributes(obj):
    obj.note = "kept"
    obj.more = [1]
    return obj


def _shared():
    child = ["child"]
    text = "shared text"
    return [child, child, (child, text), {"k": child, text: text}]


def _recursive_list():
    top = []
    top.append(top)
    top.append((top, {"top": top}))
    return top


def _recursive_tuple():
    inner = []
    top = (inner, "t")
    inner.append(top)
    return top


def _recursive_dict():
    top = {}
    top["self"] = top
    top["items"] = [top, (top,)]
    return top


def _recursive_instance():
    top = Plain(name="top")
    top.me = top
    top.inside = {"me": [top]}
    return top


def _recursive_slotted():
    top = Slotted(1, None)
    top.right = (top,)
    return top


# Graphs with cycles: compared by their bytes and by their shape, for `==` does not end on them.
CYCLES = {
    "list": _recursive_list,
    "tuple": _recursive_tuple,
    "dict": _recursive_dict,
    "instance": _recursive_instance,
    "slotted": _recursive_slotted,
}

# What loads back equal to itself, under the protocols that can write it.
CORPUS = {
    "None": lambda: None,
    "booleans": lambda: [True, False],
    "integers": lambda: list(INTEGERS),
    "floats": lambda: [number for number in FLOATS if number == number],
    "complex": lambda: [1 + 2j, -0j, complex(math.inf, 1)],
    "Ellipsis and NotImplemented": lambda: [..., NotImplemented],
    "strings": lambda: list(STRINGS.values()),
    "string twice": lambda: ["same \u20ac text"] * 2,
    "bytes": lambda: [bytes([size % 251]) * size for size in BYTES_SIZES],
    "bytearrays": lambda: [bytearray([size % 251]) * size for size in BYTES_SIZES],
    "every byte": lambda: [bytes(range(256)), bytearray(range(256))],
    "tuples": lambda: [tuple(range(size)) for size in range(6)],
    "nested tuples": lambda: ((), ((),), (((), 1), 2), (1, (2, (3, (4, (5,)))))),
    "empties": lambda: [[], {}, set(), frozenset(), (), "", b"", bytearray()],
    "lists around batches": lambda: [list(range(size)) for size in BATCHES],
    "dicts around batches": lambda: [dict.fromkeys(range(size), "v") for size in BATCHES],
    "sets around batches": lambda: [set(range(size)) for size in BATCHES],
    "frozensets around batches": lambda: [frozenset(range(size)) for size in BATCHES],
    "tuple of 2001": lambda: tuple(range(2001)),
    "mixed": lambda: {"a": [1, 2.5, None, ("x", b"y")], "b": {"c": {1, 2}}, (1, 2): frozenset("q"), 3: True},
    "records": lambda: [{"id": i, "name": f"item {i}", "tags": ["a", "b"], "price": i / 3} for i in range(1200)],
    "shared": _shared,
    "many memo entries": lambda: [[i] for i in range(400)] * 2,
    "plain instance": lambda: Plain(a=1, b="two", c=[3]),
    "instance without attributes": Plain,
    "many instances": lambda: [Plain(n=i, name="n") for i in range(50)],
    "reduce": lambda: [Plain(made="by reduce")],
    "newargs": lambda: NewArguments(1, 2, 3),
    "state": lambda: WithState(7),
    "int subclass": lambda: _with_attributes(MyInt(5)),
    "float subclass": lambda: _with_attributes(MyFloat(5.5)),
    "str subclass": lambda: _with_attributes(MyStr("s")),
    "tuple subclass": lambda: _with_attributes(MyTuple((1, 2))),
    "list subclass": lambda: _with_attributes(MyList(range(1500))),
    "dict subclass": lambda: _with_attributes(MyDict.fromkeys(range(1500))),
    "set subclass": lambda: _with_attributes(MySet([1])),
    "frozenset subclass": lambda: _with_attributes(MyFrozenset([1])),
    "namedtuple": lambda: Pair(1, Pair(2, 3)),
    "OrderedDict": lambda: OrderedDict(b=1, a=2),
    "defaultdict": lambda: defaultdict(list, {"a": [1]}),
    "Counter": lambda: Counter("abracadabra"),
    "deque": lambda: deque(range(1100), maxlen=2000),
    "dates": lambda: [
        datetime.date(2024, 2, 29),
        datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc),
        datetime.time(1, 2, 3, fold=1),
        datetime.timedelta(days=-1, microseconds=5),
    ],
    "numbers": lambda: [decimal.Decimal("1.50"), fractions.Fraction(1, 3)],
    "others of the library": lambda: [
        uuid.UUID(int=5),
        pathlib.PurePosixPath("/a/b"),
        re.compile("a+", re.I),
        array.array("i", [1, 2]),
        range(1, 10, 2),
        slice(1, None),
    ],
    "exceptions": lambda: [type(error) for error in (ValueError(1), KeyError("k"), ZeroDivisionError())],
    "partial": lambda: [functools.partial(int, base=2)("10"), operator.attrgetter("real")(5)],
    "importable functions": lambda: [math.sin, len, functools.reduce, pickle.dumps, operator.add, str.upper],
    "importable classes": lambda: [int, dict, Plain, OrderedDict, Exception, decimal.Decimal, object, type],
    "namespace": lambda: [types.SimpleNamespace(a=1, b=[2])],
}

# Writable by the listed protocols only, as in `pickle`.
FROM_PROTOCOL_2 = {
    "slots": lambda: Slotted(1, [2]),
    "slots with dict": lambda: _with_attributes(SlottedWithDict(1, 2)),
    "newargs_ex": lambda: NewKeywords(1, b=2),
    "bytes subclass": lambda: _with_attributes(MyBytes(b"xyz")),
    "nested names": lambda: [Plain.Nested, Plain.Nested.Deeper, Plain.Nested.method],
}


def same(left, right):
    """Equality that also tells types and the sign of zero apart, and finds nan equal to itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return repr(float(left)) == repr(float(right))
    if type(left) in (list, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if type(left) is dict:
        return len(left) == len(right) and all(same(a, b) and same(left[a], right[b]) for a, b in zip(left, right))
    return bool(left == right)
