"""Bound methods: of instances, classes, builtins and importable classes."""

from collections import OrderedDict

from travel import load_elsewhere, round_trip, ship

SOURCE = """
class Counter:
    step = 2
    def __init__(self): self.n = 0
    def add(self, times=1):
        self.n += self.step * times
        return self.n
    @classmethod
    def named(cls): return cls.__name__
    @staticmethod
    def static(): return "static"
class Child(Counter): pass
counter = Counter()
"""


def test_bound_method(protocol):
    use = "[value(3), value.__self__.n, value.__name__, type(value).__name__]"
    assert ship(SOURCE, "counter.add", use, protocol) == [6, 6, "add", "method"]


def test_bound_method_and_its_object():
    assert ship(SOURCE, "(counter.add, counter)", "value[0](); [value[1].n, value[0].__self__ is value[1]]") == [
        2,
        True,
    ]


def test_bound_classmethod():
    """The class it is bound to is kept, also where a subclass inherits it."""
    use = "[value[0](), value[1](), value[1].__self__.__name__]"
    assert ship(SOURCE, "(Counter.named, Child.named)", use) == ["Counter", "Child", "Child"]


def test_static_method():
    assert ship(SOURCE, "Counter.static", "value()") == "static"


def test_unbound_method():
    assert ship(SOURCE, "(Counter.add, counter)", "value[0](value[1], 5)") == 10


def test_method_of_something_that_is_no_instance():
    source = "import types\nmethod = types.MethodType(lambda self, x: [self, x], 'bound')"
    assert ship(source, "method", "value(1)") == ["bound", 1]


def test_bound_classmethod_of_an_importable_class_travels_by_name():
    """The class is importable, so nothing of it travels by value; what arrives is the worker's own method."""
    use = "from collections import OrderedDict; [value == OrderedDict.fromkeys, list(value('ab'))]"
    assert load_elsewhere(OrderedDict.fromkeys, use) == [True, ["a", "b"]]


def test_classmethod_of_the_library_does_not_ship_code():
    """https://github.com/python/cpython/blob/main/Lib/test/pickletester.py, test_c_methods and its neighbours."""
    import decimal
    import fractions

    import cloudpickle

    for method in (fractions.Fraction.from_float, decimal.Decimal.from_float):
        data = cloudpickle.dumps(method)
        assert b"_make_function" not in data
        assert round_trip(method) == method


def test_bound_method_of_an_importable_instance(protocol):
    import fractions

    loaded = round_trip(fractions.Fraction(1, 3).limit_denominator, protocol)
    assert loaded(2) == fractions.Fraction(1, 2) or loaded(2) == fractions.Fraction(0)


def test_methods_of_builtins():
    items = [1]
    append, read = round_trip((items.append, items))
    append(2)
    assert read == [1, 2]
    assert round_trip("a,b".split)(",") == ["a", "b"]


def test_slot_wrappers():
    """`(5).__add__` and `int.__add__` are written in C and have no module."""
    assert round_trip((5).__add__)(1) == 6
    assert round_trip(int.__add__) is int.__add__
    assert round_trip(object.__init_subclass__.__self__) is object
