"""`__slots__` of a class sent by value survives in every form."""

import sys

import pytest

from travel import ship


def test_without_a_dict():
    source = "class A:\n    __slots__ = ('x', 'y')\n    def __init__(self): self.x = 1"
    use = "[value.x, hasattr(value, 'y'), hasattr(value, '__dict__'), type(value).__slots__]"
    assert ship(source, "A()", use) == [1, False, False, ("x", "y")]


def test_new_instance_refuses_other_attributes():
    source = "class A:\n    __slots__ = ('x',)"
    use = "try:\n    value().z = 1\nexcept AttributeError:\n    refused = True\nrefused"
    assert ship(source, "A", use) is True


def test_with_dict_and_weakref():
    source = "class A:\n    __slots__ = ('x', '__dict__', '__weakref__')"
    use = "import weakref; a = value(); a.x = 1; a.z = 2; [vars(a), weakref.ref(a)() is a]"
    assert ship(source, "A", use) == [{"z": 2}, True]


def test_private_names():
    source = """
    class A:
        __slots__ = ("__p", "q")
        def __init__(self): self.__p = 3
        def get(self): return self.__p
    class B(A):
        __slots__ = ("__p",)
        def __init__(self): super().__init__(); self.__p = 4
        def get_mine(self): return self.__p
    """
    use = "[value.get(), value.get_mine(), hasattr(value, '__dict__'), type(value)().get_mine()]"
    assert ship(source, "B()", use) == [3, 4, False, 4]


def test_a_single_string():
    source = "class A:\n    __slots__ = 'name'"
    use = "a = value(); a.name = 3; [a.name, value.__slots__, hasattr(a, '__dict__')]"
    assert ship(source, "A", use) == [3, "name", False]


def test_a_dict_of_docs():
    source = "class A:\n    __slots__ = {'x': 'The abscissa.', 'y': None}"
    use = "import inspect; [hasattr(value(), '__dict__'), value.__slots__, inspect.getdoc(value.x)]"
    assert ship(source, "A", use) == [False, {"x": "The abscissa.", "y": None}, "The abscissa."]


def test_an_iterator():
    source = "class A:\n    __slots__ = iter(['a', 'b'])"
    assert ship(source, "A", "a = value(); a.a = 1; a.b = 2; [a.a, a.b, hasattr(a, '__dict__')]") == [1, 2, False]


def test_empty_slots_and_inheritance():
    source = """
    class Bare:
        __slots__ = ()
    class Slotted(Bare):
        __slots__ = ("x",)
    class Open(Slotted):
        pass
    class Text(str):
        __slots__ = ()
    """
    use = "[hasattr(kind(), '__dict__') for kind in value] + [value[2]().__slots__]"
    assert ship(source, "(Bare, Slotted, Open, Text)", use) == [False, False, True, False, ("x",)]


def test_generic_class_with_slots():
    source = """
    import typing
    T = typing.TypeVar("T")
    class Box(typing.Generic[T]):
        __slots__ = ("content",)
    """
    use = "box = value.__origin__(); box.content = 1; [box.content, hasattr(box, '__dict__')]"
    assert ship(source, "Box[int]", use) == [1, False]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="dataclass(slots=True) came with Python 3.10")
def test_dataclass_with_slots():
    source = """
    import dataclasses
    @dataclasses.dataclass(slots=True)
    class A:
        x: int
        y: int = 2
    @dataclasses.dataclass(slots=True, frozen=True)
    class Frozen:
        z: int = 3
    @dataclasses.dataclass(slots=True)
    class B(A):
        z: int = 3
    """
    use = """
    b, frozen, slots = value
    [hasattr(b, "__dict__"), b.x, b.z, type(b).__slots__ == slots, type(b)(5).y, hasattr(frozen, "__dict__"), frozen.z]
    """
    assert ship(source, "(B(1), Frozen(4), B.__slots__)", use) == [False, 1, 3, True, 2, False, 4]


def test_class_of_attrs():
    pytest.importorskip("attr", reason="attrs is not installed")
    source = """
    import sys
    import attr
    @attr.s(slots=True)
    class A:
        x = attr.ib()
        y = attr.ib(default=2)
        def me(self): return __class__ is type(self)
    """
    with_attrs = ship(source, "A(1)", "[value.x, value.y, value.me(), hasattr(value, '__dict__'), type(value)(3).x]")
    assert with_attrs == [1, 2, True, False, 3]
