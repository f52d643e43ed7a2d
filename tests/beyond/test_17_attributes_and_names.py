"""A class attribute equal to its base's is kept, `__qualname__` is kept, an unhashable metaclass is no obstacle."""

from travel import ship


def test_qualified_name_of_a_nested_class():
    source = "class Outer:\n    class Inner:\n        pass"
    assert ship(source, "Outer", "value.Inner.__qualname__") == "Outer.Inner"


def test_qualified_name_of_a_local_class():
    source = "def make():\n    class Local: pass\n    return Local"
    assert ship(source, "make()", "value.__qualname__") == "make.<locals>.Local"


def test_attribute_equal_to_that_of_the_base():
    source = """
    class Base:
        limit = 1000
        nothing = None
        def f(self): return "first"
    class Derived(Base):
        limit = Base.limit
        nothing = Base.nothing
        f = Base.f
    """
    use = """
    base, derived = value
    base.limit, base.nothing, base.f = 5, 6, lambda self: "second"
    [derived.limit, derived.nothing, derived().f(), sorted(name for name in vars(derived) if name[0] != "_")]
    """
    assert ship(source, "(Base, Derived)", use) == [1000, None, "first", ["f", "limit", "nothing"]]


def test_attribute_that_hides_the_one_of_another_base():
    source = """
    class First:
        x = None
    class Second(First):
        x = 2
    class Third(First):
        x = None
    class Both(Third, Second):
        pass
    class Own(Second, Third):
        x = None
    """
    assert ship(source, "(Both, Own)", "[value[0].x, value[1].x]") == [None, None]


def test_class_with_an_unhashable_metaclass():
    source = """
    class Meta(type):
        def __eq__(cls, other): return True
    class A(metaclass=Meta):
        x = 1
    """
    assert ship(source, "A()", "value.x") == 1
