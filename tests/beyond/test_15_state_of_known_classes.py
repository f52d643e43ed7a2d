"""A process that has a class keeps what it made of it when the class arrives again; what its author edited arrives."""

import pytest

from travel import Peer

COUNTER = """
rate = 2
def scale(x): return x * rate
class Counter:
    made = 0
    cache = []
    table = {"a": 1}
    def __init__(self): type(self).made += 1
    def value(self): return scale(10)
    def other(self): return "other"
"""


@pytest.fixture
def driver():
    with Peer() as peer:
        peer.run(COUNTER)
        yield peer


@pytest.fixture
def worker():
    with Peer() as peer:
        yield peer


# What a class may hold that is edited in place: how it is made, an edit, and what shows it.
HELD = {
    "Counter": ("collections.Counter('a')", "held['b'] += 1", "sorted(held)"),
    "defaultdict": ("collections.defaultdict(list)", "held['b'].append(1)", "dict(held)"),
    "default of a defaultdict": ("collections.defaultdict(list)", "held.default_factory = int", "held[1]"),
    "OrderedDict": ("collections.OrderedDict(a=1)", "held['b'] = 1", "list(held)"),
    "order": ("collections.OrderedDict(a=1, b=2)", "held.move_to_end('a')", "list(held)"),
    "deque": ("collections.deque([1])", "held.append(2)", "list(held)"),
    "list of a class": ("Items([1])", "held.append(2)", "list(held)"),
    "dict of a class": ("Table(a=1)", "held['b'] = 2", "dict(held)"),
    "set of a class": ("Names({1})", "held.add(2)", "sorted(held)"),
    "attribute of a list": ("Items([1])", "held.tag = 1", "held.tag"),
    "attribute of a str": ("Text('a')", "held.tag = 1", "held.tag"),
    "slots": ("Node(1)", "held.value = 2", "held.value"),
    "slots of a base": ("Leaf(1)", "held.value = 2", "held.value"),
    "slot left empty": ("Node(1)", "del held.value", "hasattr(held, 'value')"),
    "deep below slots": ("Node(Node({}))", "held.value.value['a'] = 1", "held.value.value"),
    "namedtuple": ("Pair([], 1)", "held.left.append(1)", "held.left"),
    "array": ("array.array('i', [1])", "held[0] = 2", "list(held)"),
    "bytearray of a class": ("Memory(b'a')", "held[0] = 65", "bytes(held).decode()"),
    "large array": ("array.array('b', bytes(2_000_000))", "held[1_000_000] = 1", "sum(held)"),
    "many objects": ("list(range(150_000))", "held[140_000] = -1", "held[140_000]"),
    "deep nesting": ("nested(100)", "innermost(held).append(1)", "innermost(held)"),
    "partial": ("functools.partial(dict, a=[])", "held.keywords['a'].append(1)", "held()"),
    "mappingproxy": ("types.MappingProxyType(TABLE)", "TABLE['b'] = 1", "dict(held)"),
    "random": ("random.Random(1)", "held.seed(2)", "held.random()"),
    "iterator": ("iter([1, 2, 3])", "next(held)", "next(held)"),
    "exception": ("ValueError([])", "held.args[0].append(1)", "held.args[0]"),
    "BytesIO": ("io.BytesIO(b'a')", "held.write(b'b')", "held.getvalue().decode()"),
    "property": ("property(functools.partial(getattr, Node(1)))", "held.fget.args[0].value = 2", "held.fget('value')"),
}

HOLDERS = """
import array, collections, datetime, decimal, functools, io, random, types
class Items(list): pass
class Table(dict): pass
class Names(set): __slots__ = ()
class Text(str): pass
class Memory(bytearray): __slots__ = ()
class Node:
    __slots__ = ("value",)
    def __init__(self, value): self.value = value
class Leaf(Node): pass
Pair = collections.namedtuple("Pair", "left right")
TABLE = {"a": 1}
def nested(depth): return [nested(depth - 1)] if depth else []
class Holder: pass
"""

INNERMOST = """
def innermost(held):
    while held and isinstance(held[0], list): held = held[0]
    return held
"""

# Of these it cannot be told whether they were edited: they count as edited.
CANNOT_BE_TOLD = {"large array", "many objects", "deep nesting", "iterator", "BytesIO"}


def again(driver, worker, name="value"):
    worker.load(driver.pickle("Counter"), name)


def test_state_and_monkeypatches_in_the_worker_stay(driver, worker):
    again(driver, worker)
    worker.run("value(); value(); value.cache.append(1); value.other = lambda self: 'patched'; value.added = 5")
    again(driver, worker, "late")
    use = "[late is value, late.made, late.cache, late().other(), late.added, late().value()]"
    assert worker.evaluate(use) == [True, 2, [1], "patched", 5, 20]


def test_loading_where_the_class_was_defined_resets_nothing(driver):
    payload = driver.pickle("Counter")
    driver.run("Counter(); Counter.cache.append(1); Counter.value = lambda self: 'edited'; Counter.made = 9")
    driver.load(payload)
    assert driver.evaluate("[value is Counter, value.made, value.cache, value.value(None)]") == [True, 9, [1], "edited"]


def test_coming_back_from_a_worker_resets_nothing(driver, worker):
    again(driver, worker)
    driver.run("Counter.made = 9")
    worker.run("value.made = 3")
    driver.load(worker.pickle("value()"), "returned")
    assert driver.evaluate("[type(returned) is Counter, Counter.made]") == [True, 9]


def test_state_in_the_worker_survives_a_round_trip_of_its_own(driver, worker):
    again(driver, worker)
    worker.run("value.made = 3")
    payload = worker.pickle("value")
    worker.run("value.made = 4")
    worker.load(payload, "late")
    assert worker.evaluate("[late is value, value.made]") == [True, 4]


def test_edited_method_arrives_and_the_rest_stays(driver, worker):
    again(driver, worker)
    worker.run("value.made = 7; value.other = lambda self: 'patched'")
    driver.run("Counter.value = lambda self: 'edited'")
    again(driver, worker, "late")
    worker.run("late.made -= 0")
    assert worker.evaluate("[late.made, late().other(), late().value()]") == [7, "patched", "edited"]


@pytest.mark.also_upstream
@pytest.mark.parametrize(
    ("edit", "use", "expected"),
    [
        ("Counter.table = {'a': 2}", "late.table", {"a": 2}),
        ("Counter.table['b'] = 2", "late.table", {"a": 1, "b": 2}),
        ("Counter.extra = 1.5", "late.extra", 1.5),
        ("rate = 3", "late().value()", 30),
        ("def scale(x): return x", "late().value()", 10),
        ("Counter.other = property(lambda self: 6)", "late().other", 6),
        ("Counter.other.__defaults__ = (); Counter.other.__code__ = (lambda self: 8).__code__", "late().other()", 8),
        ("Counter.__doc__ = 'Counts.'", "late.__doc__", "Counts."),
    ],
)
def test_edits_arrive(driver, worker, edit, use, expected):
    again(driver, worker)
    driver.run(edit)
    again(driver, worker, "late")
    assert worker.evaluate(use) == expected


def test_deleted_attribute_is_deleted(driver, worker):
    again(driver, worker)
    worker.run("value.added = 1")
    driver.run("del Counter.other")
    again(driver, worker, "late")
    assert worker.evaluate("[hasattr(late, 'other'), late.added]") == [False, 1]


@pytest.mark.also_upstream
def test_edit_of_an_object_without_a_dict_arrives(driver, worker):
    driver.run("import datetime; Counter.day = datetime.date(2020, 1, 1)")
    again(driver, worker)
    driver.run("Counter.day = datetime.date(2021, 1, 1)")
    again(driver, worker, "late")
    assert worker.evaluate("late.day.year") == 2021


def with_held(kind):
    """A driver and a worker with a class that holds something."""
    with Peer() as driver, Peer() as worker:
        driver.run(HOLDERS + INNERMOST)
        worker.run(INNERMOST)
        driver.run(f"Holder.held = {HELD[kind][0]}")
        worker.load(driver.pickle("Holder"))
        yield driver, worker


@pytest.mark.also_upstream
@pytest.mark.parametrize("kind", HELD)
def test_edits_in_place_arrive(kind):
    _, edit, shown = HELD[kind]
    for driver, worker in with_held(kind):
        driver.run(f"held = Holder.held\n{edit}")
        worker.load(driver.pickle("Holder"), "late")
        assert worker.evaluate(f"held = late.held; {shown}") == driver.evaluate(shown)


@pytest.mark.parametrize("kind", [kind for kind in HELD if kind not in CANNOT_BE_TOLD])
def test_what_was_not_edited_stays(kind):
    for driver, worker in with_held(kind):
        worker.run("value.held = 'of the worker'")
        worker.load(driver.pickle("Holder"), "late")
        assert worker.evaluate("late.held") == "of the worker"


@pytest.mark.also_upstream
@pytest.mark.parametrize("kind", sorted(CANNOT_BE_TOLD))
def test_what_cannot_be_told_arrives(kind):
    for driver, worker in with_held(kind):
        worker.run("value.held = 'of the worker'")
        worker.load(driver.pickle("Holder"), "late")
        shown = HELD[kind][2]
        assert worker.evaluate(f"held = late.held; {shown}") == driver.evaluate(f"held = Holder.held; {shown}")


@pytest.mark.also_upstream
@pytest.mark.parametrize(
    ("first", "step"),
    [
        ("datetime.date(2020, 1, 1)", "datetime.timedelta(1)"),
        ("datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)", "datetime.timedelta(1)"),
        ("datetime.timedelta(1)", "datetime.timedelta(1)"),
        ("decimal.Decimal(1)", "1"),
        ("fractions.Fraction(1, 3)", "1"),
        ("1j", "1"),
        ("array.array('i', [1])", "array.array('i', [1])"),
        ("numpy.ones(3)", "1"),
        ("numpy.float32(1)", "1"),
        ("numpy.datetime64('2020-01-01')", "1"),
    ],
)
def test_another_object_at_the_same_place_arrives(driver, worker, first, step):
    """Of two that are assigned one after the other, the second may have the memory of the one that was sent."""
    if "numpy" in first:
        pytest.importorskip("numpy")
        driver.run("import numpy")
    driver.run(f"import array, datetime, decimal, fractions\nCounter.table = {first}")
    for _ in range(10):
        again(driver, worker, "late")
        assert worker.evaluate("repr(late.table)") == driver.evaluate("repr(Counter.table)")
        driver.run(f"Counter.table = Counter.table + {step}\nCounter.table = Counter.table + {step}")


@pytest.mark.also_upstream
def test_what_methods_compare_by_identity_is_what_they_came_with(driver, worker):
    driver.run("""
        class Marker: pass
        class Store:
            nothing, other = object(), Marker()
            def get(self, value=nothing, other=other): return [value is self.nothing, other is self.other]
    """)
    for name in ["early", "late"]:
        worker.load(driver.pickle("Store"), name)
        assert worker.evaluate(f"{name}().get()") == [True, True]


def test_another_payload_with_the_same_class(driver, worker):
    """The definition is the same whatever else the pickle holds, and however the class is reached in it."""
    again(driver, worker)
    worker.run("value.made = 7")
    driver.run("def uses(): return Counter, scale, rate\nCounter.__module__")
    worker.load(driver.pickle("(scale, uses, [Counter.value, Counter.other], Counter)"), "parts")
    worker.load(driver.pickle("Counter.__new__(Counter)"), "late")
    assert worker.evaluate("[value.made, type(late) is value, parts[3] is value]") == [7, True, True]


def test_abstract_class_and_registrations(worker):
    with Peer() as driver:
        driver.run("import abc\nclass Base(abc.ABC):\n    limit = 1\n    @abc.abstractmethod\n    def f(self): ...")
        worker.load(driver.pickle("Base"), "value")
        worker.run("value.register(int); value.limit = 2")
        driver.run("Base.register(str)")
        worker.load(driver.pickle("Base"), "late")
        assert worker.evaluate("[late.limit, issubclass(int, late), issubclass(str, late)]") == [2, True, True]


def test_enum(worker):
    with Peer() as driver:
        driver.run("import enum\nclass Level(enum.Enum):\n    LOW = 1\n    def f(self): return 1")
        worker.load(driver.pickle("Level"), "value")
        worker.run("value.f = lambda self: 'patched'; value.LOW.note = 5")
        worker.load(driver.pickle("Level.LOW"), "late")
        assert worker.evaluate("[late.f(), late.note]") == ["patched", 5]
        driver.run("Level.f = lambda self: 2")
        worker.load(driver.pickle("Level"), "late")
        assert worker.evaluate("value.LOW.f()") == 2


@pytest.mark.also_upstream
def test_class_that_another_worker_ships(driver, worker):
    with Peer() as other:
        again(driver, other)
        other.run("value.made = 5")
        worker.load(other.pickle("value"))
        assert worker.evaluate("value.made") == 5


def test_same_bytes_whatever_was_sent_before(driver):
    first = driver.pickle("Counter")
    driver.load(first)
    assert driver.pickle("Counter") == first
