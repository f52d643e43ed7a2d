"""Classes that the worker cannot import travel by value: bases, metaclass, namespace, and its hidden entries."""

import sys
from collections import OrderedDict

import pytest

from travel import Peer, RemoteError, load_elsewhere, ship, ship_and_return


def test_plain_class_and_instance(protocol):
    source = """
    class Point:
        origin = (0, 0)
        def __init__(self, x, y):
            self.x, self.y = x, y
        def norm(self):
            return (self.x ** 2 + self.y ** 2) ** 0.5
    """
    use = "[value.norm(), value.origin, type(value).__name__, type(value).__module__, vars(value)]"
    expected = [5.0, (0, 0), "Point", "__main__", {"x": 3, "y": 4}]
    assert ship(source, "Point(3, 4)", use, protocol) == expected


def test_class_and_its_instances_in_one_pickle():
    source = "class A: pass\na = A()"
    use = "[type(value[0]) is value[1], type(value[2][0]) is value[1], value[0] is value[2][0]]"
    assert ship(source, "(a, A, [a])", use) == [True, True, True]


def test_inheritance():
    source = """
    class Base:
        def who(self): return "base"
        def shared(self): return "shared"
    class Left(Base):
        def who(self): return "left " + super().who()
    class Right(Base):
        def who(self): return "right " + super().who()
    class Both(Left, Right):
        def who(self): return "both " + super().who()
    """
    use = "[value().who(), value().shared(), [c.__name__ for c in value.__mro__]]"
    expected = ["both left right base", "shared", ["Both", "Left", "Right", "Base", "object"]]
    assert ship(source, "Both", use) == expected


def test_class_cell():
    """`__class__` and `super()` without arguments: each method's cell holds the new class."""
    source = """
    class A:
        def which(self): return __class__
        @classmethod
        def make(cls): return super().__new__(cls)
    """
    assert ship(source, "A", "[value().which() is value, type(value.make()) is value]") == [True, True]


def test_local_class():
    source = """
    def make(power):
        class Number(int):
            def raised(self):
                return self ** power
        return Number
    """
    use = "[value(3).raised(), value.__qualname__, value.__name__]"
    assert ship(source, "make(4)", use) == [81, "make.<locals>.Number", "Number"]


def test_two_classes_of_one_factory_are_two():
    """Identity is tracked, not content."""
    source = "def make():\n    class A: pass\n    return A\nfirst, second = make(), make()"
    assert ship(source, "(first, second, first)", "[value[0] is value[1], value[0] is value[2]]") == [False, True]


def test_nested_class():
    source = """
    class Outer:
        class Inner:
            depth = 2
            class Core:
                depth = 3
    """
    use = "[value().depth, value.Core.depth, value.__qualname__, value.Core.__qualname__]"
    assert ship(source, "Outer.Inner", use) == [2, 3, "Outer.Inner", "Outer.Inner.Core"]


def test_docstring_annotations_and_attributes():
    source = '''
    class A:
        """What it is."""
        x: int = 1
        y: "str"
        table = {"k": [1, 2]}
        _private, __mangled = 3, 4
    '''
    use = """
    notes = value.__annotations__
    [value.__doc__, notes["x"] is int, notes["y"], value.table, value._private, value._A__mangled]
    """
    assert ship(source, "A", use) == ["What it is.", True, "str", {"k": [1, 2]}, 3, 4]


def test_annotation_by_the_class_itself():
    source = "class Node:\n    pass\nNode.__annotations__ = {'next': Node}"
    assert ship(source, "Node", "value.__annotations__['next'] is value") is True


def test_class_that_refers_to_itself():
    """A class in its own attributes, through a list, an instance, and a method's global."""
    source = """
    class Node:
        kinds = []
        def clone(self):
            return Node()
    Node.me = Node
    Node.kinds.append(Node)
    Node.default = Node()
    """
    use = "[value.me is value, value.kinds[0] is value, type(value.default) is value, type(value().clone()) is value]"
    assert ship(source, "Node", use) == [True, True, True, True]


def test_instance_first_then_class_that_holds_it():
    """Entering the cycle at the instance gives the same graph."""
    source = "class A: pass\nA.single = A()"
    assert ship(source, "A.single", "type(value).single is value") is True


def test_two_classes_that_refer_to_each_other():
    source = """
    class Parent:
        def child(self): return Child(self)
    class Child:
        def __init__(self, parent): self.parent = parent
        def kind(self): return Parent
    """
    use = "child = value().child(); [type(child.parent) is value, child.kind() is value]"
    assert ship(source, "Parent", use) == [True, True]


def test_metaclass():
    source = """
    class Meta(type):
        def __new__(meta, name, bases, space, **options):
            cls = super().__new__(meta, name, bases, space)
            cls.options = options
            return cls
        def __init__(cls, name, bases, space, **options):
            super().__init__(name, bases, space)
        def describe(cls):
            return cls.__name__, cls.options
    class A(metaclass=Meta, colour="red"):
        pass
    """
    use = "[value.describe(), type(value).__name__, isinstance(value, type)]"
    assert ship(source, "A", use) == [("A", {"colour": "red"}), "Meta", True]


def test_metaclass_with_prepare():
    source = """
    class Recording(type):
        @classmethod
        def __prepare__(meta, name, bases, **options):
            return {"prepared": True}
    class A(metaclass=Recording): pass
    """
    assert ship(source, "A", "[value.prepared, type(value).__name__]") == [True, "Recording"]


def test_unhashable_metaclass():
    """A metaclass that defines `__eq__` makes its classes unhashable; nothing may need to hash them."""
    source = """
    class Meta(type):
        def __eq__(self, other): return True
        __hash__ = None
    class A(metaclass=Meta):
        x = 1
    """
    use = "[value[0].x, type(value[0]).__hash__, type(value[1]) is value[0], value[0] is value[2]]"
    assert ship(source, "(A, A(), A)", use) == [1, None, True, True]


def test_metaclass_that_misbehaves_when_compared():
    source = """
    class Meta(type):
        def __eq__(self, other): raise ZeroDivisionError
        def __hash__(self): return 0
    class A(metaclass=Meta):
        x = 1
    """
    assert ship(source, "A", "value.x") == 1


def test_init_subclass():
    source = """
    class Plugin:
        kinds = []
        def __init_subclass__(cls, /, kind=None, **more):
            super().__init_subclass__(**more)
            cls.kind = kind
            Plugin.kinds.append(cls.__name__)
    class A(Plugin, kind="a"): pass
    """
    use = "[value.kind, issubclass(value, value.__mro__[1]), value.kinds.count('A') >= 1]"
    assert ship(source, "A", use) == ["a", True, True]


def test_abstract_base_class():
    source = """
    import abc
    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self): ...
        @property
        @abc.abstractmethod
        def name(self): ...
    class Square(Shape):
        name = "square"
        def area(self): return 4
    """
    use = """
    try:
        value[0]()
    except TypeError as error:
        refused = "abstract" in str(error)
    [refused, value[1]().area(), sorted(value[0].__abstractmethods__), issubclass(value[1], value[0])]
    """
    assert ship(source, "(Shape, Square)", use) == [True, 4, ["area", "name"], True]


def test_abstract_base_class_keeps_its_registry():
    source = """
    import abc
    class Readable(abc.ABC): pass
    class Book: pass
    Readable.register(Book)
    Readable.register(int)
    assert isinstance(Book(), Readable) and not isinstance("", Readable)
    """
    use = "[issubclass(value[1], value[0]), isinstance(5, value[0]), isinstance('', value[0])]"
    assert ship(source, "(Readable, Book)", use) == [True, True, False]


def test_collections_abc_subclass():
    source = """
    from collections.abc import Mapping
    class Squares(Mapping):
        def __getitem__(self, key): return key * key
        def __iter__(self): return iter(range(4))
        def __len__(self): return 4
    """
    assert ship(source, "Squares()", "[dict(value), 3 in value]") == [{0: 0, 1: 1, 2: 4, 3: 9}, True]


def test_properties_and_descriptors():
    source = """
    class Positive:
        def __set_name__(self, owner, name): self.name = "_" + name
        def __get__(self, instance, owner=None): return self if instance is None else getattr(instance, self.name)
        def __set__(self, instance, value):
            if value <= 0: raise ValueError(self.name)
            setattr(instance, self.name, value)
    class Box:
        side = Positive()
        def __init__(self, side): self.side = side
        @property
        def volume(self):
            "Cubed."
            return self.side ** 3
        @volume.setter
        def volume(self, value): self.side = round(value ** (1 / 3))
        @staticmethod
        def unit(): return "cm"
        @classmethod
        def cube(cls, side): return cls(side)
    """
    use = """
    box = value.cube(2)
    before = box.volume
    box.volume = 27
    try:
        box.side = -1
    except ValueError as error:
        refused = str(error)
    [before, box.side, refused, value.unit(), value.volume.__doc__, value.side.name]
    """
    assert ship(source, "Box", use) == [8, 3, "_side", "cm", "Cubed.", "_side"]


def test_set_name_ran_in_the_driver_already():
    """The state of a descriptor after `__set_name__` travels; loading does not have to call it again."""
    source = """
    class Field:
        def __set_name__(self, owner, name): self.owner, self.name = owner, name
    class Record:
        id = Field()
    """
    use = "field = value.__dict__['id']; [field.name, field.owner is value]"
    assert ship(source, "Record", use) == ["id", True]


SLOTS = """
class Slotted:
    __slots__ = ("x", "y")
    def __init__(self, x, y): self.x, self.y = x, y
class Single:
    __slots__ = "only"
class Child(Slotted):
    __slots__ = ("z",)
class Open(Slotted):
    pass
class WithDict:
    __slots__ = ("x", "__dict__", "__weakref__")
class Mangled:
    __slots__ = ("__hidden",)
    def set(self, value): self.__hidden = value
    def get(self): return self.__hidden
"""


def test_slots_values_travel():
    use = "[value.x, value.y, type(value).__slots__]"
    assert ship(SLOTS, "Slotted(1, 2)", use) == [1, 2, ("x", "y")]


def test_slots_are_slots_in_the_worker():
    """Upstream makes such a class again without its slots: its instances have a `__dict__`."""
    use = """
    item = value(1, 2)
    try:
        item.unknown = 3
    except AttributeError:
        refused = True
    else:
        refused = False
    [refused, hasattr(item, "__dict__"), type(value.__dict__["x"]).__name__]
    """
    assert ship(SLOTS, "Slotted", use) == [True, False, "member_descriptor"]


def test_slots_unset():
    """A slot that has no value has none in the worker either."""
    use = "[hasattr(value, 'x'), hasattr(value, 'y'), value.y]"
    assert ship(SLOTS + "\nitem = Slotted(1, 2)\ndel item.x", "item", use) == [False, True, 2]


def test_slots_given_as_one_string():
    source = SLOTS + "\nitem = Single()\nitem.only = 5"
    assert ship(source, "item", "[value.only, type(value).__slots__, hasattr(value, '__dict__')]") == [5, "only", False]


def test_slots_inherited():
    source = SLOTS + "\nitem = Child(1, 2)\nitem.z = 3\nfree = Open(4, 5)\nfree.more = 6"
    use = "[value[0].x, value[0].z, hasattr(value[0], '__dict__'), value[1].y, vars(value[1])]"
    assert ship(source, "(item, free)", use) == [1, 3, False, 5, {"more": 6}]


def test_slots_that_are_the_very_object_of_the_base():
    source = """
    class Base:
        __slots__ = ()
    class Derived(Base):
        __slots__ = ()
    """
    use = "[type(value).__slots__, hasattr(value, '__dict__'), [base.__slots__ for base in type(value).__bases__]]"
    assert ship(source, "Derived()", use) == [(), False, [()]]


def test_slots_with_dict_and_weakref():
    source = SLOTS + "\nitem = WithDict()\nitem.x, item.other = 1, 2"
    use = "import weakref; [value.x, vars(value), weakref.ref(value)() is value]"
    assert ship(source, "item", use) == [1, {"other": 2}, True]


def test_slots_with_mangled_names():
    source = SLOTS + "\nitem = Mangled()\nitem.set('secret')"
    assert ship(source, "item", "[value.get(), hasattr(value, '__dict__')]") == ["secret", False]


def test_generic_class():
    """`__orig_bases__` and the parameters travel, and the class can be subscripted in the worker."""
    source = """
    from typing import Generic, List, TypeVar
    T = TypeVar("T")
    class Box(Generic[T]):
        def __init__(self, item: T): self.item = item
    class Numbers(Box[int]): pass
    """
    use = """
    from typing import get_args
    box, numbers, alias, T = value
    [box.__parameters__ == (T,), get_args(numbers.__orig_bases__[0]) == (int,), alias.__origin__ is box,
     box[str](1).item, numbers.__mro__[1] is box]
    """
    assert ship(source, "(Box, Numbers, Box[int], T)", use) == [True, True, True, 1, True]


def test_protocol_class():
    source = """
    from typing import Protocol, runtime_checkable
    @runtime_checkable
    class Closes(Protocol):
        def close(self) -> None: ...
    class Door:
        def close(self): pass
    """
    use = "[isinstance(value[1](), value[0]), isinstance(5, value[0]), value[0]._is_protocol]"
    assert ship(source, "(Closes, Door)", use) == [True, False, True]


def test_typed_dict():
    source = """
    from typing import TypedDict
    class Movie(TypedDict, total=False):
        title: str
        year: int
    """
    use = """
    notes = value.__annotations__
    [value(title="Ran", year=1985), notes, value.__total__, sorted(value.__optional_keys__), value.__name__]
    """
    result = ship(source, "Movie", use.replace("notes, ", "[notes['title'] is str, notes['year'] is int], "))
    assert result == [{"title": "Ran", "year": 1985}, [True, True], False, ["title", "year"], "Movie"]


@pytest.mark.parametrize("module", ["typing", "typing_extensions"])
def test_inherited_typed_dict(module, protocol):
    """Before Python 3.12 such a class does not know what it inherited from."""
    pytest.importorskip(module)
    source = f"""
    import sys, typing
    from {module} import TypedDict
    class Base(TypedDict):
        x: int
    class Partial(Base, total=False):
        "Documented."
        y: str
    class Other(TypedDict):
        z: bytes
    class Both(Partial, Other):
        w: float
    Called = TypedDict("Called", {{"a b": int}}, total=False)
    class OfCalled(Called): pass
    kinds = [Base, Partial, Both, Called, OfCalled]
    if sys.version_info >= (3, 11) or TypedDict.__module__ == "typing_extensions":
        T = typing.TypeVar("T")
        class Box(TypedDict, typing.Generic[T]):
            content: T
        class Full(Box[int]):
            label: str
        class Plain(Box): pass
        class Open(Box[T], typing.Generic[T], total=False):
            more: T
        kinds += [Box, Full, Plain, Open]
    """
    facts = """
    def facts(kind):
        names = ["__name__", "__module__", "__doc__", "__total__", "__annotations__", "__bases__", "__closed__"]
        keys = ["__required_keys__", "__optional_keys__", "__readonly_keys__", "__mutable_keys__"]
        found = [repr(getattr(kind, name, None)) for name in names] + [sorted(getattr(kind, name, ())) for name in keys]
        bases = [getattr(base, "__name__", repr(base)) for base in kind.__dict__.get("__orig_bases__", ())]
        return [*found, bases, len(getattr(kind, "__parameters__", ())), kind(x=1), repr(type(kind))]
    """
    with Peer() as driver, Peer() as worker:
        driver.run(source)
        for peer in (driver, worker):
            peer.run(facts)
        worker.load(driver.pickle("kinds", protocol))
        ask = "[facts(kind) for kind in {}]"
        assert worker.evaluate(ask.format("value")) == driver.evaluate(ask.format("kinds"))


def test_typed_dict_that_comes_back():
    source = """
    from typing import TypedDict
    class Base(TypedDict): x: int
    class Child(Base): y: int
    """
    assert ship_and_return(source, "Child", "value", "returned is Child") is True


def test_named_tuple_of_typing():
    source = """
    from typing import NamedTuple
    class Point(NamedTuple):
        x: int
        y: int = 5
        def total(self): return self.x + self.y
    """
    use = """
    kind, point = value
    [tuple(point), point.x, point.total(), tuple(kind(1)), kind._fields, kind._field_defaults, type(point) is kind,
     repr(point._replace(x=0))]
    """
    expected = [(2, 3), 2, 5, (1, 5), ("x", "y"), {"y": 5}, True, "Point(x=0, y=3)"]
    assert ship(source, "(Point, Point(2, 3))", use) == expected


def test_namedtuple_of_collections():
    source = """
    from collections import namedtuple
    Pair = namedtuple("Pair", "left right", defaults=[0])
    """
    use = "[value.left, value.right, value._asdict(), type(value)(9) == (9, 0)]"
    assert ship(source, "Pair(1, 2)", use) == [1, 2, {"left": 1, "right": 2}, True]


DATA = """
import dataclasses, typing
from dataclasses import dataclass, field
@dataclass
class Item:
    name: str
    price: float = 1.5
    tags: list = field(default_factory=list)
    kind: typing.ClassVar[str] = "thing"
    start: dataclasses.InitVar[int] = 3
    def __post_init__(self, start):
        self.started = start
@dataclass(frozen=True, order=True)
class Frozen:
    a: int
    b: int = field(default=2, compare=False, repr=False)
"""


def test_dataclass():
    use = """
    import dataclasses
    made = value("pen", start=8)
    [repr(made), made.started, made.tags == [] and made.tags is not value("x").tags, value.kind,
     [f.name for f in dataclasses.fields(value)], dataclasses.asdict(made), made == value("pen"),
     dataclasses.replace(made, price=2.0, start=1).price]
    """
    assert ship(DATA, "Item", use) == [
        "Item(name='pen', price=1.5, tags=[])",
        8,
        True,
        "thing",
        ["name", "price", "tags"],
        {"name": "pen", "price": 1.5, "tags": []},
        True,
        2.0,
    ]


def test_dataclass_instance():
    assert ship(DATA, "Item('cup', 2.0, ['x'])", "[value.name, value.price, value.tags, value.started]") == [
        "cup",
        2.0,
        ["x"],
        3,
    ]


def test_dataclass_frozen():
    use = """
    import dataclasses
    try:
        value.a = 5
    except dataclasses.FrozenInstanceError:
        refused = True
    kind = type(value)
    [refused, value == kind(1, 9), hash(value) == hash(kind(1)), value < kind(2), repr(value)]
    """
    assert ship(DATA, "Frozen(1)", use) == [True, True, True, True, "Frozen(a=1)"]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="dataclass(slots=, kw_only=) came with Python 3.10")
def test_dataclass_with_slots_and_keyword_only():
    source = """
    from dataclasses import KW_ONLY, dataclass
    @dataclass(slots=True, kw_only=True)
    class Point:
        x: int
        y: int = 2
    @dataclass
    class Mixed:
        a: int
        _: KW_ONLY
        b: int = 3
    """
    use = """
    point, mixed = value
    try:
        type(point)(1)
    except TypeError:
        refused = True
    [refused, point.x, point.y, repr(mixed(1, b=4)), type(point).__slots__, hasattr(point, "__dict__")]
    """
    assert ship(source, "(Point(x=1), Mixed)", use) == [True, 1, 2, "Mixed(a=1, b=4)", ("x", "y"), False]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="frozen dataclasses with slots pickle since Python 3.11")
def test_dataclass_frozen_with_slots():
    source = """
    from dataclasses import dataclass
    @dataclass(frozen=True, slots=True)
    class Key:
        a: int
        b: str = "b"
    """
    use = "[value.a, value.b, hash(value) == hash(type(value)(1, 'b')), {value: 1}[type(value)(1)]]"
    assert ship(source, "Key(1)", use) == [1, "b", True, 1]


def test_exception_class():
    source = """
    class Refused(ValueError):
        def __init__(self, code, *, detail=None):
            super().__init__(code)
            self.code, self.detail = code, detail
    def work():
        raise Refused(7, detail="x")
    """
    use = """
    try:
        value()
    except ValueError as error:
        caught = [type(error).__name__, error.args, error.code, error.detail]
    caught
    """
    assert ship(source, "work", use) == ["Refused", (7,), 7, "x"]


def test_exception_instance_comes_back_as_the_drivers():
    """An error made in the worker is caught in the driver by the class that it knows."""
    source = "class Refused(Exception): pass\ndef work(): raise Refused('no')"
    back = """
    try:
        value()
    except Exception as caught:
        error = caught.with_traceback(None)
    error
    """
    use = "[type(returned) is Refused, returned.args]"
    assert ship_and_return(source, "work", back, use) == [True, ("no",)]


def test_class_comes_back_as_the_original():
    source = "class A:\n    def __init__(self, x): self.x = x"
    use = "[type(returned) is A, returned.x, isinstance(returned, A)]"
    assert ship_and_return(source, "A", "value(5)", use) == [True, 5, True]


def test_class_defined_in_the_worker():
    with Peer() as driver, Peer() as worker:
        worker.run("class Made:\n    def hello(self): return 'made there'")
        driver.load(worker.pickle("Made()"))
        assert driver.evaluate("value.hello()") == "made there"


def test_subclasses_of_builtins():
    source = """
    class Text(str):
        def loud(self): return self.upper()
    class Row(list): pass
    class Table(dict):
        def __missing__(self, key): return "?" + key
    class Bag(set): pass
    class Pair(tuple): pass
    row = Row([1, 2]); row.name = "r"
    bag = Bag([1]); bag.owner = row
    """
    use = """
    text, row, table, bag, pair = value
    [text.loud(), list(row), row.name, table["z"], table["a"], sorted(bag), bag.owner is row, tuple(pair),
     [type(item).__name__ for item in value]]
    """
    result = ship(source, "(Text('hi'), row, Table(a=1), bag, Pair((1, 2)))", use)
    assert result == ["HI", [1, 2], "r", "?z", 1, [1], True, (1, 2), ["Text", "Row", "Table", "Bag", "Pair"]]


def test_getstate_and_setstate_of_the_script():
    source = """
    import threading
    class Counter:
        def __init__(self): self.lock, self.n = threading.Lock(), 4
        def __getstate__(self): return {"n": self.n}
        def __setstate__(self, state):
            self.n, self.lock = state["n"], threading.Lock()
    """
    assert ship(source, "Counter()", "[value.n, value.lock.locked()]") == [4, False]


def test_operators_and_special_methods():
    source = """
    class Vector:
        def __init__(self, *items): self.items = items
        def __add__(self, other): return Vector(*map(sum, zip(self.items, other.items)))
        def __eq__(self, other): return self.items == other.items
        def __hash__(self): return hash(self.items)
        def __len__(self): return len(self.items)
        def __getitem__(self, i): return self.items[i]
        def __call__(self): return "called"
        def __class_getitem__(cls, item): return cls, item
        def __enter__(self): return self
        def __exit__(self, *why): return True
    """
    use = """
    kind = type(value)
    with value as same:
        raise RuntimeError
    [(value + value).items, len(value), value[1], value(), kind[5] == (kind, 5), {value: 1}[kind(1, 2)], same is value]
    """
    assert ship(source, "Vector(1, 2)", use) == [(2, 4), 2, 2, "called", True, 1, True]


def test_unhashable_class_attributes():
    source = "class A:\n    __hash__ = None\n    data = [1, {2}]\n    def __eq__(self, other): return True"
    use = """
    try:
        hash(value)
    except TypeError:
        refused = True
    [refused, value.data, value == 3]
    """
    assert ship(source, "A()", use) == [True, [1, {2}], True]


def test_class_made_by_type():
    source = "Made = type('Other', (dict,), {'x': 1, 'f': lambda self: self.x})"
    assert ship(source, "Made()", "[value.f(), type(value).__name__]") == [1, "Other"]


def test_class_with_a_dict_property():
    """`__dict__` may be redefined as a property, as wrapt's proxies do."""
    source = """
    class Proxy:
        @property
        def __dict__(self): return {"through": "proxy"}
    """
    assert ship(source, "Proxy", "value().__dict__") == {"through": "proxy"}


def test_class_whose_base_travels_too():
    """Attributes that a class merely inherits are not copied down: the method belongs to the base."""
    source = "class Base:\n    def f(self): return 1\nclass Child(Base):\n    def g(self): return 2"
    use = "[sorted(n for n in vars(value) if len(n) == 1), value().f(), value().g()]"
    assert ship(source, "Child", use) == [["g"], 1, 2]


def test_overridden_with_an_equal_value():
    """A class that repeats its base's value does own it, even where both are one object."""
    source = """
    class A: flag = True
    class B(A): flag = False
    class C(B): flag = True
    """
    assert ship(source, "(A, B, C)", "[c.flag for c in value]") == [True, False, True]


def test_class_attribute_that_cannot_be_pickled():
    source = "import threading\nclass A:\n    lock = threading.Lock()"
    with Peer() as driver:
        driver.run(source)
        with pytest.raises(RemoteError) as caught:
            driver.pickle("A")
    assert caught.value.kind == "TypeError"
    # Before Python 3.11, where exceptions have no notes, a second line says where it is.
    assert caught.value.message.splitlines()[0] == "cannot pickle '_thread.lock' object"


def test_importable_class_travels_by_name():
    use = "from collections import OrderedDict; value[0] is OrderedDict and type(value[1]) is OrderedDict"
    assert load_elsewhere((OrderedDict, OrderedDict(a=1)), use) is True


def test_same_bytes_for_the_same_class():
    source = """
    class A:
        x: int = 1
        names = ("x", "other")
        def f(self, x): return self.names, {"x", "y"}
        def g(self): return super().__repr__()
    """
    with Peer() as driver:
        driver.run(source)
        assert len({driver.pickle("[A, A()]") for _ in range(3)}) == 1


def test_same_bytes_when_shipped_onwards():
    """A class that arrived is pickled in one worker as in the next."""
    source = """
    class A:
        x = ("x", "y")
        def f(self, x): return x
        def g(self, y="x"): return self.f(y)
    """
    with Peer() as driver, Peer() as worker, Peer() as next_worker:
        driver.run(source)
        worker.load(driver.pickle("A"))
        onwards = worker.pickle("value")
        next_worker.load(onwards)
        assert next_worker.pickle("value") == onwards


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are syntax of Python 3.12")
def test_class_with_type_parameters():
    source = """
    class Stack[T]:
        def __init__(self): self.items: list[T] = []
        def push(self, item: T) -> None: self.items.append(item)
    """
    use = "s = value(); s.push(1); [s.items, value.__type_params__[0].__name__, value[int].__origin__ is value]"
    assert ship(source, "Stack", use) == [[1], "T", True]


@pytest.mark.skipif(
    sys.version_info < (3, 13), reason="__firstlineno__ and __static_attributes__ came with Python 3.13"
)
def test_first_line_and_static_attributes():
    source = "\n\nclass A:\n    def f(self): self.x = 1\n"
    assert ship(source, "A", "[value.__firstlineno__, value.__static_attributes__]") == [3, ("x",)]


def test_slots_assigned_after_the_class_was_made():
    """They have no effect on its instances, there as here."""
    source = """
    class A: pass
    A.__slots__ = ("x",)
    a = A()
    a.free = 1
    """
    assert ship(source, "a", "[vars(value), type(value).__slots__]") == [{"free": 1}, ("x",)]


@pytest.mark.parametrize(
    "change, slots",
    [
        ("A.a = property(lambda self: 1)", "('a', 'b')"),
        ("del A.a", "('a', 'b')"),
        ("A.__slots__.append('c')", "['a', 'b']"),
        ("", "('a', 'b', 'a')"),
        ("", "iter(('a', 'b'))"),
        ("", "{'a': 'doc', 'b': None}"),
    ],
)
def test_slots_that_were_changed_after_the_class_was_made(change, slots):
    """The slots that are left still work, and the class loads."""
    source = f"""
    class A:
        __slots__ = {slots}
    {change}
    """
    assert ship(source, "A", "a = value(); a.b = 5; [a.b, hasattr(a, '__dict__')]") == [5, False]
