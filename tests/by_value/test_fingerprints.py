"""What a class's attributes are told by when it arrives again: the same each time, however it was found out."""

import array
import collections
import datetime
import decimal
import functools
import gc
import io
import random
import sys
import threading
import types
import weakref

import pytest

import cloudpickle
from cloudpickle import Pickler, _native
from implementation import FREE_THREADED, PYPY, not_on_pypy
from travel import run_script

METHODS = {
    "plain": "def method(self, x): return x + FACTOR",
    "constants": "def method(self): return (1, (2.5, ('three', None))), b'4', True, 1 << 100",
    "set of constants": "def method(self, x): return x in {'a', 'b', 3}",
    "ellipsis and complex numbers": "def method(self, x): return x[...], 2j, (..., 1j)",
    "nested functions": "def method(self): return lambda: [(lambda: FACTOR + y) for y in OTHERS]",
    "defaults": "def method(self, x=(1, [2]), *, y={'a': ...}): return x, y",
    "property": "method = property(lambda self: FACTOR, doc='doc')",
    "class method": "method = classmethod(lambda cls: OTHERS)",
}


def made_from(method):
    namespace = {"__name__": "__main__", "FACTOR": 3, "OTHERS": [1, 2]}
    exec(f"class Made:\n    {method}\n    again = method", namespace)
    return namespace["Made"]


def definition(kind):
    return Pickler(io.BytesIO()).reducer_override(kind)[2][1]["definition"]


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_same_each_time(method):
    kind = made_from(method)
    first = definition(kind)
    assert definition(kind) == first
    assert definition(made_from(method)) == first


@pytest.mark.parametrize(
    "annotation",
    [
        "list[Made]",
        "collections.abc.Callable[[Made], int]",
        "typing.Optional[Made]",
        pytest.param("Made | None", marks=pytest.mark.skipif(sys.version_info < (3, 10), reason="no such types")),
    ],
)
def test_the_same_for_annotations_that_are_text(annotation, monkeypatch):
    """What they stand for is made anew each time."""
    module = types.ModuleType("text_in_annotations")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    source = f"import collections.abc, typing\nclass Made:\n    made: {annotation!r}"
    exec(source, vars(module))
    cloudpickle.register_pickle_by_value(module)
    try:
        pickles = [cloudpickle.dumps(module.Made) for _ in range(4)]
        first = definition(module.Made)
        module.Made.__annotations__["made"] = "tuple[Made]"
        assert definition(module.Made) != first
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    assert pickles == pickles[:1] * 4
    assert b"__annotations__" in pickles[0]


def test_another_one_for_other_code():
    assert definition(made_from("def method(self): return 1")) != definition(made_from("def method(self): return 2"))


def test_edits_of_what_a_method_uses():
    kind = made_from(METHODS["plain"])
    first = definition(kind)
    kind.method.__globals__["FACTOR"] = 4
    assert definition(kind) != first
    kind.method.__globals__["FACTOR"] = 3
    assert definition(kind) == first
    kind.method.__code__ = made_from("def method(self, x): return x - FACTOR").method.__code__
    assert definition(kind) != first


@not_on_pypy("classes that die")
@pytest.mark.skipif(FREE_THREADED, reason="code is immortal without the global lock, once there was a thread")
def test_code_is_let_go_of():
    kind = made_from(METHODS["nested functions"])
    definition(kind)
    code = weakref.ref(kind.method.__code__)
    del kind
    gc.collect()
    assert code() is None


def test_code_in_the_place_of_other_code():
    """Each has the memory of the one before, as a rule."""
    seen = set()
    for number in range(2500):
        seen.add(definition(made_from(f"def method(self): return {number}, NAME{number % 7}")))
    assert len(seen) == 2500


@pytest.mark.skipif(PYPY, reason="PyPy: its API asks the class")
def test_attributes_of_an_instance_are_read_without_its_class():
    class Strange:
        @property
        def __dict__(self):
            raise AssertionError("a property was asked")

    kind = made_from("def method(self): pass")
    kind.strange = strange = Strange()
    first = definition(kind)
    strange.edited = 1
    assert definition(kind) != first


def test_classes_of_modules_are_told_by_their_names_while_they_are_found(monkeypatch):
    module = types.ModuleType("module_of_classes")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec("class One: pass\nclass Other: pass", module.__dict__)
    kind = made_from("def method(self): pass")
    kind.classes = [module.One, module.Other, module.One]
    found = definition(kind)
    assert definition(kind) == found
    assert cloudpickle.dumps(kind) == _native.dumps_without_shortcuts(kind)
    cloudpickle.register_pickle_by_value(module)
    try:
        assert definition(kind) != found
        assert cloudpickle.dumps(kind) == _native.dumps_without_shortcuts(kind)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    assert definition(kind) == found
    monkeypatch.setattr(module, "One", module.Other)
    assert definition(kind) != found
    assert cloudpickle.dumps(kind) == _native.dumps_without_shortcuts(kind)


def attribute(value):
    """The fingerprint of an attribute, the only one of its class but for the module and what the class gets anyway."""
    kind = type("Kind", (), {"__module__": "__main__", "aaa": value, "__slots__": ()})
    return definition(kind)[-8:]


UNKNOWN = bytes(8)


class OfUser:
    """Everything that a program may run when it is looked at."""

    def ran(self, *_):
        raise AssertionError("code of the program ran")

    __eq__ = __hash__ = __iter__ = __len__ = __getattribute__ = __repr__ = __str__ = __bool__ = __contains__ = ran
    __getitem__ = __reduce__ = __reduce_ex__ = __getstate__ = keys = items = values = __int__ = __index__ = ran


def in_place_of(base):
    return type(f"Of{base.__name__}", (OfUser, base), {})


@pytest.mark.skipif(PYPY, reason="PyPy: its API asks the class")
def test_no_code_of_the_program_runs():
    class WithSlot(OfUser):
        __slots__ = ("slot",)

    bases = [list, dict, set, frozenset, tuple, int, float, str, bytes, bytearray, collections.deque, array.array]
    bases += [collections.OrderedDict, collections.defaultdict, decimal.Decimal, functools.partial, random.Random]
    arguments = {array.array: ("i", [1]), int: (1 << 100,), functools.partial: (int,), str: ("\ud800",)}
    bases += [datetime.timedelta, complex, ValueError]
    for base in bases:
        made = base.__new__(in_place_of(base), *arguments.get(base, ()))
        assert attribute(made) not in (UNKNOWN, attribute(None)), base
    for year in [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.time(1)]:
        made = type(year).__new__(in_place_of(type(year)), *([2020, 1, 1] if hasattr(year, "year") else [1]))
        assert attribute(made) != UNKNOWN
    assert attribute(WithSlot()) != UNKNOWN


def test_a_list_that_cannot_be_walked():
    """PyPy's API asks its class, so that there nothing is known of it; nothing is raised."""

    class Unwalked(list):
        def __iter__(self):
            raise AssertionError("code of the program ran")

    one, same, other = (attribute(Unwalked([number])) for number in (1, 1, 2))
    assert one == same
    assert (one == UNKNOWN) is PYPY
    assert (one == other) is PYPY


@not_on_pypy("types made in C")
@pytest.mark.parametrize(
    "expression",
    [
        "collections.OrderedDict(b=1, a=2)",
        "collections.deque(['a', 'b'], 5)",
        "collections.defaultdict(list, a=[1])",
        "collections.Counter('abc')",
        "datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)",
        "decimal.Decimal('1.50')",
        "fractions.Fraction(1, 3)",
        "uuid.UUID(int=5)",
        "pathlib.PurePosixPath('/a/b')",
        "re.compile('a', re.I)",
        "array.array('d', [1.5])",
        "functools.partial(sorted, key=operator.itemgetter(1))",
        "random.Random(3)",
        "types.MappingProxyType({'a': {'b', 'c'}})",
        "[len, str.join, object(), range(3), slice(1, 2), ..., NotImplemented, 2j, itertools.count(3)]",
        "weakref.ref(collections.Counter)",
        "[threading.Lock(), threading.Event()]",
        "logging.getLogger('a.b')",
        "ValueError(1, ['a'])",
    ],
)
def test_the_same_in_every_process(expression):
    source = """
        import array, collections, datetime, decimal, fractions, functools, io, itertools, json, logging, operator
        import pathlib, random, re, threading, types, uuid, weakref
        from cloudpickle import Pickler
        kind = type("Kind", (), {"__module__": "__main__", "aaa": EXPRESSION, "__slots__": ()})
        once = Pickler(io.BytesIO()).reducer_override(kind)[2][1]["definition"]
        hash(kind.aaa) if "Path" in type(kind.aaa).__name__ else None
        again = Pickler(io.BytesIO()).reducer_override(kind)[2][1]["definition"]
        report(once=once.hex(), again=again.hex())
    """
    first, second = (run_script(source.replace("EXPRESSION", expression)) for _ in range(2))
    assert first == second
    assert first["once"] == first["again"]
    assert not first["once"].endswith("0" * 16)


@not_on_pypy("types made in C")
@pytest.mark.parametrize(
    ("value", "edit"),
    [
        (threading.Lock(), lambda lock: lock.acquire()),
        (functools.lru_cache(abs), lambda cached: cached(-1)),
    ],
)
def test_what_does_not_travel_is_no_edit(value, edit):
    first = attribute([value])
    edit(value)
    assert attribute([value]) == first != UNKNOWN


def test_what_cannot_be_told_has_none():
    assert attribute(list(range(100_000))) == UNKNOWN
    assert attribute([iter([1])]) == UNKNOWN
    assert attribute({"a": io.BytesIO()}) == UNKNOWN
    assert attribute(array.array("b", bytes((1 << 20) + 1))) == UNKNOWN
    assert PYPY or attribute(array.array("b", bytes(1 << 20))) != UNKNOWN
