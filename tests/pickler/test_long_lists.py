"""Lists so long that what they hold is read ahead and how long the pickle becomes is guessed."""

import pickle
import sys

import pytest
from running import Runs

import cloudpickle
from cloudpickle import _native
from implementation import PYPY, not_on_pypy
from travel import run_script

# Longer lists are read ahead, where that is done at all: not on PyPy, which would take long for them.
LONG = 10_000 if PYPY else 1_000_000


@pytest.mark.parametrize("more", [31, 1000])
@pytest.mark.parametrize("item", [70_000, "text", 1 << 70], ids=repr)
def test_bytes(item, more):
    items = [item] * (LONG + more)
    assert cloudpickle.dumps(items) == _native.dumps_without_shortcuts(items)


@pytest.mark.parametrize("at", [0, 500_015, 999_998])
@pytest.mark.parametrize(
    "change",
    [list.clear, lambda items: items.pop(), lambda items: items.__delitem__(slice(-40, None)),
     lambda items: items.extend(range(5000)), lambda items: items.insert(0, "another")],
    ids=["empty", "shorter by one", "shorter by 40", "longer", "moved"],
)  # fmt: skip
def test_a_list_that_changes_in_the_middle(change, at):
    at = min(at, LONG - 1)

    def make():
        items = list(range(LONG + 3))
        items[at] = Runs(lambda: change(items))
        return items

    loaded = pickle.loads(cloudpickle.dumps(make()))
    assert loaded == pickle.loads(_native.dumps_without_shortcuts(make()))


# Dumps with so much memory more than what is there already.
DUMPS_IN = """
import resource
import cloudpickle
def dumps_in(megabytes, obj):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (megabytes << 20), limits[1]))
    try:
        return cloudpickle.dumps(obj)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
"""


def in_little_room(test):
    """Of a list and of a dict, where memory can be limited."""
    test = pytest.mark.parametrize("make", ["items", "dict(enumerate(items))"])(test)
    linux = sys.platform.startswith("linux")
    test = pytest.mark.skipif(not linux, reason="the limit on memory is Linux's RLIMIT_AS")(test)
    return not_on_pypy("room beside a limit")(test)


@in_little_room
def test_items_that_are_much_shorter_than_the_first(make):
    """The first thousand lead to expect half a gigabyte, where the memory they are written into ends behind them."""
    result = run_script(
        DUMPS_IN
        + f"""
# Memory grows to the double: one of these lengths leaves less of four megabytes than the next items take.
for length in range(4100, 4200, 4):
    items = [str(number).ljust(length) for number in range(1000)]
    items += [f"text {{number}}" for number in range(120_000)]
    data = {make}
    cloudpickle.dumps(".".ljust(length))  # otherwise as much is expected as the last one took
    size = len(dumps_in(48, data))
report(size=size)
"""
    )
    assert result["size"] < 8 << 20


@in_little_room
def test_a_large_item_at_the_end_of_a_batch(make):
    """It leads to expect ten gigabytes."""
    result = run_script(
        DUMPS_IN
        + f"""
items = [*range(999), bytes(100 << 20), *range(100_000)]
report(size=len(dumps_in(400, {make})))
"""
    )
    assert 100 << 20 < result["size"] < 101 << 20


def test_items_that_are_much_longer_than_the_first():
    texts = ["x" * 200 + str(number) for number in range(20_000)]
    for data in ([*range(3000), *texts], dict(enumerate([*range(3000), *texts])), [[*range(3000)], texts, texts]):
        dumped = cloudpickle.dumps(data)
        assert dumped == _native.dumps_without_shortcuts(data)
        assert pickle.loads(dumped) == data
