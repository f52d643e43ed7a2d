"""A class attribute equal to its base's is kept, `__qualname__` is kept, an unhashable metaclass is no obstacle."""

from travel import ship


def test_qualified_name_of_a_nested_class():
    source = "class Outer:\n    class Inner:\n        pass"
    assert ship(source, "Outer", "value.Inner.__qualname__") == "Outer.Inner"


def test_qualified_name_of_a_local_class():
    source = "def make():\n    class Local: pass\n    return Local"
    assert ship(source, "make()", "value.__qualname__") == "make.<locals>.Local"
