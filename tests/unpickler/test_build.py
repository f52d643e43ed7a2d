"""BUILD: the state of an instance. `loads` sets attributes where `pickle` fills a dict, and nobody may notice."""

import pickle
import sys
import types

import pytest
from outcomes import outcome

import cloudpickle
from implementation import not_on_pypy, skip_on_pypy

LOADERS = pytest.mark.parametrize("loads", [pickle.loads, cloudpickle.loads], ids=["pickle", "cloudpickle"])
TOLD = []


class Plain:
    pass


class WithProperty:
    @property
    def a(self):
        return self.__dict__["a"] * 2

    @a.setter
    def a(self, value):
        TOLD.append(value)


class ReadOnly:
    a = property(lambda self: 1)


class NonData:
    """A function is no data descriptor: the instance's own attribute hides it."""

    def a(self):
        return "method"


class ToldOfAttributes:
    def __setattr__(self, name, value):
        TOLD.append(name)
        super().__setattr__(name, value)

    def __getattribute__(self, name):
        TOLD.append(name)
        return super().__getattribute__(name)


class WithSetState:
    def __setstate__(self, state):
        TOLD.append(state)


class OwnDict:
    @property
    def __dict__(self):
        return TOLD_DICT


TOLD_DICT = {}


class SlotsOnly:
    __slots__ = ("a", "b")


class SlotsAndDict(SlotsOnly):
    pass


class OfList(list):
    pass


class Failed(Exception):
    pass


class MetaWithAttribute(type):
    a = property(lambda cls: 1)


class OfMeta(metaclass=MetaWithAttribute):
    pass


class Mapping(dict):
    def __setitem__(self, key, value):
        TOLD.append(key)
        super().__setitem__(key, value)


class MadeWithMapping:
    def __new__(cls):
        instance = super().__new__(cls)
        instance.__dict__ = Mapping()
        return instance


class MadeElsewhere:
    """Its `__new__` hands out an instance of another class."""

    def __new__(cls):
        return object.__new__(MadeByCallWithMapping).prepared()


class DictOfAnother:
    __slots__ = ()
    __dict__ = Plain.__dict__["__dict__"]


class MadeByCallWithMapping:
    def prepared(self):
        self.__init__()
        return self

    def __init__(self):
        self.__dict__ = Mapping()


CLASSES = [Plain, WithProperty, ReadOnly, NonData, ToldOfAttributes, WithSetState, OwnDict, SlotsAndDict, OfList,
           Failed, OfMeta, MadeWithMapping, MadeByCallWithMapping, MadeElsewhere]  # fmt: skip


def told(loads, data):
    """What comes of it, and what was told on the way."""
    TOLD.clear()
    TOLD_DICT.clear()
    result = outcome(loads, data)
    return result, [str(item) for item in TOLD], dict(TOLD_DICT)


def program(cls, *steps, new=b")\x81"):
    return b"\x80\x05" + b"\x8c" + bytes([len(__name__)]) + __name__.encode() + b"\x8c" + bytes([len(cls.__name__)]) + (
        cls.__name__.encode() + b"\x93" + new + b"".join(steps) + b"."
    )  # fmt: skip


STATES = {
    "two attributes": b"}(\x8c\x01aK\x01\x8c\x01bK\x02ub",
    "one attribute": b"}\x8c\x01aK\x01sb",
    "none": b"}(ub",
    "an attribute twice": b"}(\x8c\x01aK\x01\x8c\x01aK\x02ub",
    "a name that is no str": b"}(K\x01K\x01\x8c\x01bK\x02ub",
    "a name that does not hash": b"}(]K\x01ub",
    "names of the interpreter": b"}(\x8c\x08__dict__}\x8c\x09__class__K\x01\x8c\x0c__setstate__K\x01ub",
    "another class": b"}\x8c\x09__class__K\x01sb",
    "a __setstate__ for the next": b"}\x8c\x0c__setstate__\x8c\x08builtins\x8c\x03len\x93sb}\x8c\x01aK\x01sb",
    "twice": b"}\x8c\x01aK\x01sb}\x8c\x01aK\x02sb",
    "a memoized dict": b"}\x94(\x8c\x01aK\x01ub",
    "a dict that is filled in two steps": b"}\x8c\x01aK\x01s(\x8c\x01bK\x02ub",
    "slots": b"N}\x8c\x01aK\x01s\x86b",
    "both": b"}\x8c\x01bK\x01s}\x8c\x01aK\x01s\x86b",
    "a list": b"]b",
    "None": b"Nb",
    "an odd number": b"}(\x8c\x01aub",
    "a lone surrogate": b"}\x8c\x03\xed\xa0\x80K\x01sb",
    "a mark in between": b"(}\x8c\x01aK\x01sb",
    "a mark in between that is taken away": b"(}\x8c\x01aK\x01sb1",
    "an instance in its place": b"0)}\x8c\x01aK\x01sb",
}
# These take more from the stack than there is.
BELOW_THE_STACK = ["a mark in between that is taken away", "an instance in its place"]


@pytest.mark.parametrize("new", [b")\x81", b")R", b")\x81\x94"], ids=["NEWOBJ", "REDUCE", "memoized"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("cls", CLASSES)
def test_as_pickle_does(cls, state, new):
    if state in BELOW_THE_STACK:
        skip_on_pypy("an empty stack")
    data = program(cls, STATES[state], new=new)
    assert told(cloudpickle.loads, data) == told(pickle.loads, data)


@not_on_pypy("an unpickler of ours")
@LOADERS
@pytest.mark.parametrize("new", [b")\x81", b")R"], ids=["NEWOBJ", "REDUCE"])
def test_names_are_interned(loads, new):
    instance = loads(program(Plain, b"}(\x8c\x07a_name_K\x01ub", new=new))
    [name] = vars(instance)
    assert name is "a_name_" or name is __import__("sys").intern("a_name_")  # noqa: F632


@LOADERS
@pytest.mark.parametrize("state", [b"}\x94(\x8c\x01aK\x01ub", b"}\x94\x8c\x01aK\x01sb"], ids=["SETITEMS", "SETITEM"])
def test_a_state_that_the_pickle_has_elsewhere_too(loads, state):
    instance, attributes = loads(program(Plain, state, b"h\x00\x86"))
    assert vars(instance) == attributes == {"a": 1}
    assert vars(instance) is not attributes


def give_a_mapping(instance):
    """Called by a pickle with an instance that was not given its state, or not all of it."""
    instance.__dict__ = Mapping(vars(instance))


def a_global(function):
    name = function.__name__.encode()
    return b"\x8c" + bytes([len(__name__)]) + __name__.encode() + b"\x8c" + bytes([len(name)]) + name + b"\x93"


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("again", [b"}\x8c\x01aK\x01sb", b"}(\x8c\x01aK\x01\x8c\x01bK\x02ub"], ids=["one", "two"])
def test_a_dict_that_is_replaced_before_the_state_comes(at, again):
    steps = [again, again, again]
    steps.insert(at, a_global(give_a_mapping) + b"h\x00\x85R0")
    data = program(Plain, *steps, new=b")\x81\x94")
    assert told(cloudpickle.loads, data) == told(pickle.loads, data)


@pytest.mark.parametrize("again", [b"}\x8c\x01aK\x01sb", b"}(\x8c\x01aK\x01\x8c\x01bK\x02ub"], ids=["one", "two"])
def test_a_dict_that_a_state_replaces(again):
    """`(None, {"__dict__": Mapping()})` first."""
    state = b"N}\x8c\x08__dict__" + a_global(Mapping) + b")Rs\x86b"
    data = program(Plain, state, again)
    assert told(cloudpickle.loads, data) == told(pickle.loads, data)


@pytest.mark.parametrize("again", [b"}\x8c\x01aK\x01sb", b"}(\x8c\x01aK\x01\x8c\x01bK\x02ub"], ids=["one", "two"])
def test_an_instance_in_the_place_of_another(again):
    """It comes from the memo, where the one before was new."""
    made = a_global(MadeByCallWithMapping) + b")R\x940"
    data = program(Plain, b"0", made, a_global(Plain) + b")\x810h\x00", again)
    assert told(cloudpickle.loads, data) == told(pickle.loads, data)


WHERE = []


class TellingWhere(MadeByCallWithMapping):
    def __del__(self):
        WHERE.append(id(self))


def made(_name):
    """An instance at the address of the one that went last, if that can be had."""
    instances = [TellingWhere()]
    while WHERE[-1:] != [id(instances[-1])] and len(instances) < 100:
        instances.append(TellingWhere())
    return instances.pop()


MAKING = types.ModuleType("a_module_that_makes_what_it_is_asked_for")
MAKING.__getattr__ = made

# What gives an instance. The names are too long to take the place of another.
GIVEN = {
    "by a call": b"h\x00K\x01\x85R",
    "by a global": b"\x8c\x28" + MAKING.__name__.encode() + b"\x8c\x28" + b"x" * 40 + b"\x93",
}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("again", [b"}\x8c\x01aK\x01sb", b"}(\x8c\x01aK\x01\x8c\x01bK\x02ub"], ids=["one", "two"])
def test_an_instance_in_the_memory_of_another(monkeypatch, given, again):
    """The one before was new, and stood at the same height."""
    monkeypatch.setitem(sys.modules, MAKING.__name__, MAKING)
    new = a_global(TellingWhere) + b")\x810"
    data = program(made, new, GIVEN[given], again, new=b"\x940")
    assert told(cloudpickle.loads, data) == told(pickle.loads, data)


def change(name):
    """Called by a pickle between two instances."""
    setattr(Plain, name, property(lambda self: None, lambda self, value: TOLD.append(value)))
    return name


@pytest.mark.parametrize("state", ["two attributes", "one attribute", "a memoized dict"])
def test_a_dict_that_another_class_computes(state):
    def raised(loads):
        """A TypeError before Python 3.15."""
        try:
            loads(program(DictOfAnother, STATES[state]))
        except Exception as error:
            return type(error)

    assert raised(cloudpickle.loads) is raised(pickle.loads)


@LOADERS
def test_a_class_that_changes_between_two_instances(loads):
    state = b"}(\x8c\x01aK\x01\x8c\x01cK\x02ub"
    call = b"\x8c" + bytes([len(__name__)]) + __name__.encode() + b"\x8c\x06change\x93\x8c\x01c\x85R0"
    TOLD.clear()
    try:
        second = loads(program(Plain, state, b"0", call, b"\x8c\x01x0h\x00)\x81", state, new=b"\x94)\x81"))
        # `pickle` goes past the property, into the dict.
        assert TOLD == []
        assert vars(second) == {"a": 1, "c": 2}
    finally:
        del Plain.c


class BecomesDataDescriptor:
    def __get__(self, instance, owner):
        return self


def make_it_one():
    BecomesDataDescriptor.__set__ = lambda self, instance, value: TOLD.append(value)


@LOADERS
def test_a_descriptor_whose_class_changes_between_two_instances(loads):
    Plain.d = BecomesDataDescriptor()
    state = b"}(\x8c\x01dK\x01\x8c\x01cK\x02ub"
    call = b"\x8c" + bytes([len(__name__)]) + __name__.encode() + b"\x8c\x0bmake_it_one\x93)R0"
    TOLD.clear()
    try:
        second = loads(program(Plain, state, b"0", call, b"h\x00)\x81", state, new=b"\x94)\x81"))
        assert TOLD == []
        assert vars(second) == {"d": 1, "c": 2}
    finally:
        del Plain.d
        del BecomesDataDescriptor.__set__


@LOADERS
def test_attributes_of_many_shapes(loads):
    instances = []
    for number in range(50):
        instance = Plain()
        for name in "abcdefgh"[number % 3 : number % 5 + 3]:
            setattr(instance, name, [number])
        instances.append(instance)
    loaded = loads(cloudpickle.dumps(instances))
    assert [vars(copy) for copy in loaded] == [vars(instance) for instance in instances]
    loaded[0].__dict__["new"] = 1
    assert loaded[0].new == 1
    assert "new" not in vars(loaded[1])


@LOADERS
def test_what_a_cycle_refers_to(loads):
    first, second = Plain(), Plain()
    first.other, second.other = second, first
    copy = loads(cloudpickle.dumps(first))
    assert copy.other.other is copy
