"""What stands in a class's namespace: classmethod, staticmethod, property, their abstract forms, slots and getsets."""

import sys
import types
import warnings

import corpus_descriptor
import pytest

from travel import load_elsewhere, round_trip, ship


def test_classmethod_object():
    source = "class A:\n    @classmethod\n    def f(cls): return cls.__name__\nraw = A.__dict__['f']"
    use = "B = type('B', (), {'f': value}); [type(value).__name__, B.f()]"
    assert ship(source, "raw", use) == ["classmethod", "B"]


def test_staticmethod_object():
    source = "raw = staticmethod(lambda x: x + 1)"
    use = "B = type('B', (), {'f': value}); [type(value).__name__, B.f(1), B().f(2)]"
    assert ship(source, "raw", use) == ["staticmethod", 2, 3]


def test_property_object():
    source = """
    class A:
        x = property(lambda self: self._x, lambda self, v: setattr(self, "_x", v * 2),
                     lambda self: delattr(self, "_x"), "Doc.")
    """
    use = """
    B = type("B", (), {"x": value})
    b = B()
    b.x = 4
    got = b.x
    del b.x
    [got, hasattr(b, "x"), value.__doc__, type(value).__name__]
    """
    assert ship(source, "A.__dict__['x']", use) == [8, False, "Doc.", "property"]


def test_property_without_parts():
    loaded = round_trip(property())
    assert (loaded.fget, loaded.fset, loaded.fdel) == (None, None, None)


def test_abstract_forms():
    """`abc.abstractclassmethod` and its like are deprecated and still pickled by a class of their own."""
    source = """
    import abc
    class A(abc.ABC):
        @abc.abstractmethod
        def m(self): ...
        @abc.abstractclassmethod
        def c(cls): ...
        @abc.abstractstaticmethod
        def s(): ...
        @abc.abstractproperty
        def p(self): ...
    """
    use = """
    kinds = [type(vars(value)[name]).__name__ for name in "mcs"]
    [sorted(value.__abstractmethods__), kinds, isinstance(vars(value)["p"], property)]
    """
    kinds = ["function", "abstractclassmethod", "abstractstaticmethod"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ship(source, "A", use) == [["c", "m", "p", "s"], kinds, True]


def test_abstract_flag():
    source = "import abc\nf = abc.abstractmethod(lambda self: 1)"
    assert ship(source, "f", "value.__isabstractmethod__") is True


@pytest.mark.parametrize("descriptor", [types.FunctionType.__code__, BaseException.__dict__["args"]], ids=repr)
def test_getset_descriptor(descriptor):
    assert round_trip(descriptor) is descriptor


def test_getset_descriptor_elsewhere():
    assert load_elsewhere(types.FunctionType.__code__, "import types; value is types.FunctionType.__code__") is True


def test_member_descriptor_of_an_importable_class():
    assert round_trip(corpus_descriptor.Slotted.__dict__["x"]) is corpus_descriptor.Slotted.__dict__["x"]
    assert round_trip(types.FunctionType.__dict__["__globals__"]) is types.FunctionType.__dict__["__globals__"]


def test_member_descriptor_of_a_class_of_the_script():
    source = "class A:\n    __slots__ = ('x',)\na = A()\na.x = 7"
    use = "[value[0].__get__(value[1]), value[0] is type(value[1]).__dict__['x']]"
    assert ship(source, "(A.__dict__['x'], a)", use) == [7, True]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="cached_property holds a lock before Python 3.12")
def test_cached_property():
    source = """
    import functools
    class A:
        calls = 0
        @functools.cached_property
        def x(self):
            type(self).calls += 1
            return 5
    """
    assert ship(source, "A", "a = value(); [a.x, a.x, value.calls]") == [5, 5, 1]


def test_partialmethod_and_singledispatchmethod():
    source = """
    import functools
    class A:
        def add(self, a, b): return a + b
        add_one = functools.partialmethod(add, 1)
    """
    assert ship(source, "A()", "value.add_one(2)") == 3
