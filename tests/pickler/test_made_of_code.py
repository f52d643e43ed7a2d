"""Functions, code, cells, modules and classes are written without reductions: the bytes are those of the long way."""

import collections.abc
import contextlib
import copyreg
import dataclasses
import enum
import functools
import gc
import importlib
import io
import json
import linecache
import pickle
import pickletools
import string
import sys
import types
import weakref

import pytest
from running import Runs

import cloudpickle
from cloudpickle import Pickler, _native
from implementation import FREE_THREADED, PYPY

# As in a script: nothing of it can be imported.
SOURCE = """
import dataclasses, enum, functools, json, types, urllib.parse
from abc import ABC, abstractmethod

FACTOR, TABLE = 3, {"a": (1, "two")}

plain = lambda x: x + 1
def no_globals(): pass
def with_everything(a, b=(1, "x"), *c, d={"k": [1]}, **e):
    "doc"
    def inner(q): return q + a + FACTOR
    try: return [inner(x) for x in c], TABLE, len(e), missing, {1, 2, "s"}
    except ValueError: return os
with_everything.note = ["attribute"]
with_everything.other = with_everything
def annotated(a: int, b: "TABLE" = None, *, c: "json.JSONDecoder" = 1) -> "list[int]": return a
def submodules(x): return urllib.parse.quote(json.dumps(x)), getattr(json, "decoder")
def generator():
    yield FACTOR
async def coroutine(): return FACTOR
def recursive(n): return recursive(n - 1) if n else recursive
def closure(shared, empty=False):
    if empty: later = 1
    def get(): return shared, later
    def put(value):
        nonlocal shared
        shared = value, get
    return get, put
pair = closure([1, 2])
empties = closure(None)
def selfish():
    def me(): return me
    return me
me = selfish()
hundred = [closure(index)[0] for index in range(100)]
renamed = lambda: 0
renamed.__name__, renamed.__qualname__, renamed.__module__ = "other", "Some.other", None
doubled = functools.wraps(plain)(lambda x: plain(x) * 2)
partial = functools.partial(with_everything, 1, d=plain)

class Empty: pass
class Base:
    "doc"
    __slots__ = ("x", "__private")
    count = 0
    def __init__(self, x): self.x = x
    @classmethod
    def make(cls): return cls(1)
    @staticmethod
    def static(): return FACTOR
    @property
    def twice(self): return 2 * self.x
    @twice.setter
    def twice(self, value): self.x = value / 2
    view = types.MappingProxyType({"a": 1})
class One: value = 1
class Descriptors:
    @property
    def me(self): return Descriptors
    @me.deleter
    def me(self): pass
    again = me
    documented = property(doc="doc")
    nothing = property()
    of_class = classmethod(me.fget)
    static = staticmethod(Base)
    inner = staticmethod(classmethod(len))
Descriptors.me.fdel.of = Descriptors.__dict__["me"]
Descriptors.__dict__["static"].note = 1
class Slotted:
    __slots__ = {"x": "documented", "__dict__": None}
    def me(self): return self, Slotted
class Pretends:
    __class__ = property(lambda self: Pretends)
    other, more = 1, 2
class Many: pass
for index in range(1200): setattr(Many, f"a{index}", index)
class Derived(Base):
    def __init__(self): super().__init__(2)
    def me(self): return Derived, self
class Meta(type):
    def __new__(metaclass, name, bases, namespace): return super().__new__(metaclass, name, bases, namespace)
class Watched(metaclass=Meta):
    def method(self): return Watched, FACTOR
class Abstract(ABC):
    @abstractmethod
    def method(self): ...
Abstract.register(int)
@dataclasses.dataclass
class Data:
    a: int
    b: "Data" = None
    c: list = dataclasses.field(default_factory=list)
class Color(enum.Enum):
    RED = 1; BLUE = "b"; CRIMSON = 1
    def hot(self): return self is Color.RED
class Level(enum.IntEnum):
    LOW = 1
class Right(enum.Flag):
    READ = 1; WRITE = 2
class Odd(enum.Enum):
    A = (1, 2); B = None
    def __init__(self, *args): self.args = args
class Made(enum.Enum):
    ONE = 1
    def __new__(cls, value):
        member = object.__new__(cls)
        member._value_ = value * 10
        return member
class Sub(Made.__base__):
    X = 1.5
instances = [Derived(), Data(1), Data(2), Color.RED, Level.LOW, Right.READ]
code = with_everything.__code__
modules = [json, urllib.parse, types.ModuleType("made")]
globals_of = [int, type(None), type(...), Abstract, ABC, enum.Enum, len, json.dumps, types.CodeType, types.FunctionType]
"""


def defined_in_a_script():
    namespace = {"__name__": "__main__", "__file__": "script.py"}
    exec(compile(SOURCE, "<script>", "exec"), namespace)
    return {name: value for name, value in namespace.items() if not name.startswith("__")}


BY_VALUE = defined_in_a_script()


@pytest.mark.parametrize("name", BY_VALUE)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_bytes_of_the_long_way(name, protocol):
    obj = BY_VALUE[name]
    for value in (obj, [obj, obj, name]):
        long_way = _native.dumps_without_shortcuts(value, protocol)
        # What is known of code is found out in the first two dumps.
        for ours in [cloudpickle.dumps(value, protocol) for _ in range(3)]:
            # Before protocol 4, what nobody refers to is in the memo or not.
            assert ours == long_way if protocol >= 4 else pickletools.optimize(ours) == pickletools.optimize(long_way)


def test_bytes_of_the_long_way_for_all_at_once():
    assert cloudpickle.dumps(BY_VALUE) == _native.dumps_without_shortcuts(BY_VALUE)


def test_what_arrives():
    arrived = pickle.loads(cloudpickle.dumps({**BY_VALUE, "modules": None}))
    assert arrived["plain"](1) == 2
    assert arrived["with_everything"].note == ["attribute"]
    assert arrived["with_everything"].other is arrived["with_everything"]
    assert arrived["submodules"]("a b") == BY_VALUE["submodules"]("a b")
    get, put = arrived["pair"]
    with pytest.raises(NameError):
        get()
    put(5)
    assert put.__closure__[1].cell_contents == (5, get)
    assert arrived["me"]() is arrived["me"]
    assert arrived["code"] == BY_VALUE["code"]
    assert arrived["renamed"].__module__ is None and arrived["renamed"].__qualname__ == "Some.other"


class WithHook(Pickler):
    """Its hook lets everything pass, and sees all that the long way makes."""

    def reducer_override(self, obj):
        return super().reducer_override(obj)


def written_with(pickler, obj):
    file = io.BytesIO()
    pickler(file).dump(obj)
    return pickletools.optimize(file.getvalue())


@pytest.mark.parametrize("name", BY_VALUE)
def test_bytes_with_a_hook(name):
    assert written_with(WithHook, BY_VALUE[name]) == written_with(Pickler, BY_VALUE[name])


@contextlib.contextmanager
def entry(table, key, value):
    before = table.get(key)
    table[key] = value
    try:
        yield
    finally:
        if before is None:
            del table[key]
        else:
            table[key] = before


@pytest.mark.parametrize("kind", [types.CodeType, types.CellType, types.ModuleType])
def test_reducers_in_the_shared_table_are_asked(kind):
    """Ray puts its own there."""
    asked = []
    own = Pickler._dispatch_table[kind]
    with entry(Pickler._dispatch_table, kind, lambda obj: asked.append(obj) or own(obj)):
        data = cloudpickle.dumps([BY_VALUE["pair"], BY_VALUE["submodules"]])
    assert asked and all(type(obj) is kind for obj in asked)
    assert data == cloudpickle.dumps([BY_VALUE["pair"], BY_VALUE["submodules"]])


@pytest.mark.parametrize(
    ("kind", "of"),
    [
        (property, "Base"),
        (classmethod, "Base"),
        (staticmethod, "Base"),
        (type(dataclasses.MISSING), "Data"),
        (type(dataclasses._FIELD), "Data"),
    ],
)
def test_reducers_of_what_classes_hold_are_asked(kind, of):
    asked = []
    own = Pickler._dispatch_table[kind]
    with entry(Pickler._dispatch_table, kind, lambda obj: asked.append(obj) or own(obj)):
        data = cloudpickle.dumps(BY_VALUE[of])
    assert asked and all(type(obj) is kind for obj in asked)
    assert data == cloudpickle.dumps(BY_VALUE[of])


@pytest.mark.parametrize("name", ["MISSING", "_FIELD"])
def test_sentinel_that_is_not_found(monkeypatch, name):
    """Another one of that name is a copy, as on the long way; or refused, where sentinels have a type (3.15)."""
    sentinel = getattr(dataclasses, name)
    monkeypatch.setattr(dataclasses, name, object())

    def outcome(dumps):
        try:
            return dumps([sentinel, sentinel])
        except pickle.PicklingError as error:
            return str(error)

    assert outcome(cloudpickle.dumps) == outcome(_native.dumps_without_shortcuts)


@pytest.mark.parametrize("name", ["Field", "_DataclassParams"])
def test_class_that_is_not_found(monkeypatch, name):
    """A class that its module has no more travels by value; its module's others are still found."""
    monkeypatch.setattr(dataclasses, name, object())
    for obj in (BY_VALUE["Data"], [getattr(dataclasses, "field"), BY_VALUE["Data"], {"a": list, "b": dict}]):
        assert cloudpickle.dumps(obj) == _native.dumps_without_shortcuts(obj)


@pytest.mark.parametrize("depth", [0, 12, 13, 14, 15, 16, 17])
def test_first_instance_of_a_class_with_slots(depth):
    """Its class comes first, also where that leads to the instance, and where the native stack ends."""
    plain = type("Slotted", (), {"__module__": "__main__", "__slots__": ("one", "two")})
    instance, other, empty = plain(), plain(), plain()
    instance.one, instance.two, other.two = 1, [2], instance
    held = type("Holder", (), {"__module__": "__main__", "__slots__": ("one",)})
    held.instance = held()
    held.instance.one = held.instance
    for obj in (instance, other, empty, held.instance, [held.instance, held, held.instance], [empty, other]):
        for _ in range(depth):
            obj = [obj]
        for protocol in (4, 5):
            assert cloudpickle.dumps(obj, protocol) == _native.dumps_without_shortcuts(obj, protocol)


@pytest.mark.skipif(PYPY, reason="PyPy: functions of extensions are of the type of all functions")
def test_reducers_of_copyreg_are_asked():
    builtin = type(len)
    with entry(copyreg.dispatch_table, builtin, lambda function: (str, (function.__name__,))):
        assert pickle.loads(cloudpickle.dumps([len])) == ["len"]
    assert pickle.loads(cloudpickle.dumps([len]))[0] is len


@pytest.mark.parametrize("table", [copyreg.dispatch_table, Pickler._dispatch_table], ids=["copyreg", "shared"])
@pytest.mark.parametrize("cls", [collections.abc.Mapping, enum.Flag], ids=["abstract", "enumeration"])
def test_reducers_of_metaclasses_are_asked(table, cls):
    """Of classes that travel by reference."""
    assert pickle.loads(cloudpickle.dumps([cls]))[0] is cls
    with entry(table, type(cls), lambda cls: (str, (cls.__name__,))):
        data = cloudpickle.dumps([cls, cls])
        assert data == _native.dumps_without_shortcuts([cls, cls])
        assert pickle.loads(data) == [cls.__name__] * 2
    assert pickle.loads(cloudpickle.dumps([cls]))[0] is cls


class HandingOut(dict):
    """A mapping that hands out what the pickle may have already."""

    def __init__(self, hand_out):
        self.hand_out = hand_out

    def copy(self):
        return {"key": self.hand_out()}


@pytest.mark.skipif(PYPY, reason="PyPy does not say what a view is of")
def test_view_of_a_mapping_with_methods_of_its_own():
    children = [["only here"]]
    root = [children, types.MappingProxyType(HandingOut(lambda: children[0]))]
    data = cloudpickle.dumps(root)
    assert data == _native.dumps_without_shortcuts(root)
    children, view = pickle.loads(data)
    assert view["key"] is children[0]


@pytest.mark.parametrize(
    ("one", "another"),
    [(json.dumps, json.loads), (string.Template, string.Formatter)],
    ids=["functions", "classes"],
)
def test_module_that_is_replaced_in_the_middle_of_a_dump(one, another):
    """Where the one before was found, the next one is not."""
    name = one.__module__
    module, other = sys.modules[name], types.ModuleType(name)
    outcomes = []
    for dumps in (cloudpickle.dumps, _native.dumps_without_shortcuts):
        try:
            outcomes.append(dumps([one, Runs(lambda: sys.modules.update({name: other})), another]))
        except Exception as error:
            outcomes.append(type(error))
        finally:
            sys.modules[name] = module
    assert outcomes[0] == outcomes[1]
    assert outcomes[0] != cloudpickle.dumps([one, Runs(lambda: None), another])


@pytest.mark.parametrize("settings", [{"bin": False}, {"fast": True}], ids=["text", "fast"])
@pytest.mark.parametrize("name", ["plain", "with_everything", "pair", "hundred", "Base", "Data", "modules"])
def test_bytes_with_a_hook_and_other_settings(name, settings):
    if "fast" in settings and name in ("with_everything", "Base", "Data"):
        pytest.skip("it refers to itself, which takes a memo")
    if PYPY and "fast" in settings and name in ("pair", "hundred"):
        pytest.skip("as endless on PyPy as the plain one, at twenty seconds each")

    def written(kind):
        file = io.BytesIO()
        pickler = kind(file)
        for setting, value in settings.items():
            setattr(pickler, setting, value)
        pickler.dump(BY_VALUE[name])
        return file.getvalue()

    try:
        expected = pickletools.optimize(written(Pickler))
    except cloudpickle.cloudpickle.DeepRecursionError:
        # Where code does not know its qualified name, that is set by a call with the function, which takes a memo.
        assert PYPY or sys.version_info < (3, 11)
        with pytest.raises(cloudpickle.cloudpickle.DeepRecursionError):
            written(WithHook)
    else:
        assert pickletools.optimize(written(WithHook)) == expected


def test_reducer_that_comes_in_the_middle_of_a_dump():
    asked = []
    own = Pickler._dispatch_table[types.CodeType]

    class Installer:
        def __reduce__(self):
            Pickler._dispatch_table[types.CodeType] = lambda code: asked.append(code) or own(code)
            return int, ()

    try:
        cloudpickle.dumps([BY_VALUE["plain"], Installer(), BY_VALUE["generator"]])
    finally:
        Pickler._dispatch_table[types.CodeType] = own
    assert BY_VALUE["generator"].__code__ in asked


class Unpicklable:
    def __reduce__(self):
        raise TypeError("no")


class Slots(dict):
    """Slots with their documentation, which is left alone."""


def cases_of_errors():
    def function_with(**slots):
        function = eval("lambda: value", {"__name__": "__main__", "value": slots.pop("value", None)})
        for name, value in slots.items():
            setattr(function, name, value)
        return function

    stop = Unpicklable()
    cell = types.CellType(stop)
    yield "global", function_with(value={"a": [stop]})
    yield "default", function_with(__defaults__=(stop,))
    yield "keyword default", function_with(__kwdefaults__={"k": stop})
    yield "attribute", function_with(note=[stop])
    yield "annotation", function_with(__annotations__={"a": stop})
    yield "doc", function_with(__doc__=stop)
    yield "cell", types.FunctionType((lambda: cell).__code__, {"__name__": "__main__"}, closure=(cell,))

    def class_with(*bases, **attributes):
        return type("C", bases, {"__module__": "__main__", "other": 1, **attributes})

    yield "attribute of a class", class_with(note=[stop])
    yield "annotation of a class", class_with(__annotations__={"a": stop})
    yield "base of a class", class_with(class_with(note=stop))
    yield "slots of a class", class_with(__slots__=Slots({"a": stop}))
    yield "metaclass", type("Meta", (type,), {"__module__": "__main__", "note": stop})("C", (), {"other": 1, "more": 2})
    yield "property of a class", class_with(note=property(function_with(__defaults__=(stop,)), None))
    yield "setter of a property", class_with(note=property(None, function_with(value=stop)))
    yield "documentation of a property", class_with(note=property(None, doc=stop))
    yield "class method", class_with(note=classmethod(function_with(note=stop)))
    yield "static method", class_with(note=staticmethod(stop))
    constant = (lambda: 0).__code__
    yield "code", constant.replace(co_consts=(None, (stop,)))


CASES_OF_ERRORS = dict(cases_of_errors())


@pytest.mark.parametrize("case", CASES_OF_ERRORS)
def test_errors_of_the_long_way(case):
    def told(dumps):
        with pytest.raises(TypeError) as caught:
            dumps([CASES_OF_ERRORS[case]])
        return str(caught.value), getattr(caught.value, "__notes__", None)

    long_way = told(_native.dumps_without_shortcuts)
    # What is known of code is found out in the first two dumps.
    assert [told(cloudpickle.dumps) for _ in range(3)] == [long_way] * 3


@pytest.mark.parametrize("depth", range(1, 24))
def test_classes_at_any_depth(depth):
    """Where the native stack ends, the frame of a class waits for each of its parts."""
    obj = {"Class": BY_VALUE["Slotted"], "functions": [BY_VALUE["Base"], BY_VALUE["Derived"], BY_VALUE["Data"]]}
    for _ in range(depth):
        obj = [obj]
    assert cloudpickle.dumps(obj) == _native.dumps_without_shortcuts(obj)


def test_class_that_its_bases_lead_to():
    """It is there already when it would be made."""
    base = type("Base", (), {"__module__": "__main__", "other": 1, "more": 2})
    derived = type("Derived", (base,), {"__module__": "__main__", "other": 2, "more": 3})
    base.derived = derived
    for cls in (base, derived):
        data = cloudpickle.dumps(cls)
        assert data == _native.dumps_without_shortcuts(cls)
        arrived = pickle.loads(data.replace(b"Base", b"Bas2").replace(b"Derived", b"Deriv2d"))
        assert arrived is cls or getattr(arrived, "derived", arrived).__name__ == "Deriv2d"


def test_no_larger_for_names_that_are_equal():
    """A function's name is that of its code, and often its qualified name; it is written once."""
    function = eval("lambda: 0", {"__name__": "__main__"})
    assert cloudpickle.dumps(function).count(b"<lambda>") == 1


@pytest.mark.parametrize("file_name", ["/tmp/ipykernel_123/456.py", "<ipython-input-7-abcdef>", "<stdin>", "script.py"])
def test_code_from_files_that_do_not_last(file_name):
    """Notebooks count their cells: the name that travels is another one."""
    namespace = {"__name__": "__main__"}
    exec(compile("def function(x): return [x, 'constant']", file_name, "exec"), namespace)
    long_way = _native.dumps_without_shortcuts(namespace["function"])
    # What is known of code is found out in the first two dumps.
    assert [cloudpickle.dumps(namespace["function"]) for _ in range(3)] == [long_way] * 3


def test_names_are_no_part_of_the_data():
    """Equal strings of the program's own stay what they are."""
    namespace = {"__name__": "__main__", "name": sys.intern("same_name")}
    exec("def same_name(): return name", namespace)
    names = cloudpickle.dumps(namespace["same_name"])
    namespace["name"] = "".join(["same", "_name"])
    assert cloudpickle.dumps(namespace["same_name"]) == names


CONSTANTS = {
    "numbers": (None, True, False, 0, 255, 256, 65536, -1, 1 << 31, 1 << 63, 1 << 700, 0.5, -0.0, float("inf")),
    "others": (1j, ...),
    "text": ("", "a", "ab", "\u00e9", "\u20ac", "\ud800", "x" * 255, "x" * 256, "\u20ac" * 300, "x" * 1025, "x" * 5000),
    "long text": ("x" * 20_000, "ab"),
    "bytes": (b"", b"a", b"x" * 255, b"x" * 256, b"x" * 1025, b"x" * 5000),
    "long bytes": (b"x" * 20_000, ("ab",)),
    "tuples": (None, (), (1,), (1, 2), ("a", 2, "ab"), ("a", "b", ("c", ("d", "ab"))), frozenset({"a", 1})),
    "one tuple twice": (None, same := ("ab", "cd"), same, (same, same)),
    "deep": (None, functools.reduce(lambda inner, _: (inner, "x"), range(30), ())),
    "many": (None, *(f"constant {index}" for index in range(500))),
    "code": (None, (lambda: lambda: "ab").__code__, (lambda: {"ab", 1, 2}).__code__),
    "of somebody's": (None, ["list"], {"a": ("b",)}, object, json),
}


@pytest.mark.parametrize("case", CONSTANTS)
@pytest.mark.parametrize("protocol", [4, 5])
def test_constants_of_code_that_is_written_again(case, protocol):
    constants = CONSTANTS[case]
    code = BY_VALUE["plain"].__code__.replace(co_consts=constants, co_name="ab")
    function = types.FunctionType(code, {"__name__": "__main__"})
    # What the pickle has already is referred to, and the other way round.
    mixed = [[code, constants, *constants], [*constants, code, function], ["ab", code.co_code, code]]
    for value in (code, function, *mixed):
        long_way = _native.dumps_without_shortcuts(value, protocol)
        for _ in range(3):
            assert cloudpickle.dumps(value, protocol) == long_way
        file = [io.BytesIO(), io.BytesIO()]
        for each in file:
            cloudpickle.dump(value, each, protocol)
        assert file[0].getvalue() == file[1].getvalue()
        assert pickle.loads(long_way) is not None


def collect():
    """PyPy finds in one round what the round before let go of."""
    for _ in range(5):
        gc.collect()


@pytest.mark.skipif(FREE_THREADED, reason="code is immortal without the global lock, once there was a thread")
def test_what_code_refers_to_is_not_kept():
    class Constant:
        pass

    constant = Constant()
    gone = weakref.ref(constant)
    code = BY_VALUE["plain"].__code__.replace(co_consts=(None, (constant,)))
    function = types.FunctionType(code, {"__name__": "__main__"})
    for _ in range(3):
        cloudpickle.dumps([function, code])
    del function, code, constant
    collect()
    assert gone() is None


@pytest.mark.parametrize(
    "others",
    [
        (frozenset(range(2000)),),
        (1 << 200_000,),
        tuple("x" * 2000 + str(index) for index in range(20)),
        (BY_VALUE["plain"].__code__.replace(co_consts=tuple("x" * 1000 + str(index) for index in range(30))),),
    ],
    ids=["set", "int", "texts", "code"],
)
@pytest.mark.skipif(FREE_THREADED, reason="constants of code are immortal without the global lock")
def test_large_constants_are_not_kept(others):
    """Neither are the small ones next to them."""
    constant = frozenset({"small"})
    gone = weakref.ref(constant)
    code = BY_VALUE["plain"].__code__.replace(co_consts=(None, constant, *others))
    function = types.FunctionType(code, {"__name__": "__main__"})
    for _ in range(3):
        cloudpickle.dumps(function)
    del function, code, constant
    collect()
    assert gone() is None


def test_files_that_do_not_last_are_noted_each_time():
    """`file_name` notes where tracebacks find the lines; what is known of code does not leave that out."""
    code = BY_VALUE["plain"].__code__.replace(co_filename="<python-input-7>")
    for line in ["one", "two", "three"]:
        linecache.cache["<python-input-7>"] = (len(line), None, [line], "<python-input-7>")
        cloudpickle.dumps(code)
        assert linecache.cache["<python-input>"][2] == [line]
    del linecache.cache["<python-input-7>"], linecache.cache["<python-input>"]


def test_names_of_one_dump_are_not_shared_with_the_data_of_the_next():
    function = BY_VALUE["renamed"]
    expected = cloudpickle.dumps(function)

    class Inside:
        """Dumps within a dump, under the same names."""

        def __reduce__(self):
            assert cloudpickle.dumps(function) == expected
            return int, ()

    for _ in range(3):
        value = [function, Inside(), function, BY_VALUE["plain"]]
        assert cloudpickle.dumps(value) == _native.dumps_without_shortcuts(value)
    assert cloudpickle.dumps(function) == expected
    # A memo that outlives the dump does not get the strings either: each dump of a pickler has its own.
    for _ in range(2):
        file = io.BytesIO()
        pickler = Pickler(file)
        pickler.dump(function)
        first = file.tell()
        pickler.dump(BY_VALUE["plain"])
        written = file.getvalue()[first:]
        cloudpickle.dumps([function, BY_VALUE["plain"]])
        file = io.BytesIO()
        pickler = Pickler(file)
        pickler.dump(function)
        pickler.dump(BY_VALUE["plain"])
        assert file.getvalue()[first:] == written


def test_a_dump_within_a_dump_leaves_the_names_of_the_outer_one():
    """They are one string for each name from the beginning to the end, however many the inner one has."""
    one, other = (BY_VALUE[name].__code__.replace(co_name="a name of both") for name in ("plain", "no_globals"))
    many = [one.replace(co_name=f"{number:0100}") for number in range(300)]
    outer = [one, Runs(lambda: cloudpickle.dumps(many)), other]
    assert cloudpickle.dumps(outer) == _native.dumps_without_shortcuts(outer)


def test_plain_enumeration_is_names_and_values():
    color = BY_VALUE["Color"]
    assert b"_new_member_" not in cloudpickle.dumps(color)
    arrived = pickle.loads(cloudpickle.dumps(color).replace(b"Color", b"Colou"))
    assert [(member.name, member.value) for member in arrived] == [("RED", 1), ("BLUE", "b")]


def test_closures_of_which_one_is_found_in_its_module(tmp_path, monkeypatch, request):
    """They are equal but for the closure; the one that the module has goes by reference all the same."""
    source = """
def make(number):
    global function
    def function(): return number
    return function

shadowed = make(1)
make(2)
"""
    (tmp_path / "factory_of_globals.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("factory_of_globals")
    request.addfinalizer(lambda: sys.modules.pop("factory_of_globals"))
    pair = [module.shadowed, module.function]
    data = cloudpickle.dumps(pair)
    assert data == _native.dumps_without_shortcuts(pair)
    shadowed, function = pickle.loads(data)
    assert function is module.function
    assert (shadowed(), function()) == (1, 2)
