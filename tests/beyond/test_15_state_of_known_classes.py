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
