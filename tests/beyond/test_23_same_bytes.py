"""The same function or data gives the same bytes in every process of the same Python.

Each case is pickled in several processes, which have different hash seeds (the isolated peers draw random ones) and
different pasts: imports, interned names, calls that warm the adaptive interpreter, caches of abstract classes, earlier
dumps. Classes by value are in test_24: their ids are random unless asked otherwise.
"""

import pytest

from travel import Peer

SOURCE = '''
import collections.abc, decimal, enum, fractions, functools, os.path, xml.dom.minidom, json

RATES = {"alpha": 0.25, "beta": 0.5, "gamma": decimal.Decimal("1.5")}
names = ["name", "rate", "value"]

def is_vowel(letter):
    return letter in {"a", "e", "i", "o", "u", "y", "\\u00e4", "\\u00f6", "long name"}

def is_odd_thing(thing):
    return thing in {"a", 1, 2.5, None, (1, "b"), b"c", "d", ..., ("x", ("y", b"z")), 1j, True, "e", "f"}

def nested(things):
    def keep(thing):
        return thing not in {"one", "two", "three", "four", "five"}
    return [keep(thing) for thing in things if (lambda x: x in {"six", "seven", "eight", "nine"})(thing)]

def uses_globals(value, *, rate=RATES["alpha"], name="name"):
    """Computes."""
    total = 0
    for key in RATES:
        total += value * float(RATES[key]) * rate
    return total, names, is_vowel(name), json.dumps(key), xml.dom.minidom.Document

def make(value, rate):
    seen = {}
    def inner(name: str, *rest: "int") -> float:
        nonlocal value
        value = value * rate
        assert isinstance(rest, collections.abc.Sized), seen
        return value, inner
    return inner

closure = make(1, 1)

@functools.wraps(uses_globals)
def wrapped(*args, **kwargs):
    return uses_globals(*args, **kwargs)

wrapped.note = ["note", {"key": "name"}]

def generator(items):
    for item in items:
        yield item.name, item.rate

async def coroutine(items):
    async for item in items:
        await item.value

def attributes(thing):
    return thing.name + thing.rate + thing.value + thing.name.rate

def warm(times):
    class Thing:
        name = rate = value = 1
    Thing.name = type("int_with_rate", (int,), {"rate": 2})(1)
    for _ in range(times):
        is_vowel("a"), is_odd_thing(None), nested(["six"]), uses_globals(2), closure("a", 1), list(generator([Thing]))
        attributes(Thing)
'''

PASTS = [
    "",
    "warm(100)",
    "import sys\nfor name in ['name', 'rate', 'value', 'inner', 'long name', 'alpha', 'six']: sys.intern(name + '')",
    "import asyncio, ctypes, http.client, sqlite3, unittest.mock, xml.etree.ElementTree, xml.sax, multiprocessing.pool",
    "import cloudpickle\ncloudpickle.dumps([is_vowel, uses_globals, closure, warm])\nwarm(3)",
    "import collections.abc\nisinstance(3, collections.abc.Sized), isinstance([], collections.abc.Sized)\n"
    "class Sequence(collections.abc.Sequence): pass",
]

CASES = {
    "set among the constants": "is_vowel",
    "set of many types among the constants": "is_odd_thing",
    "sets in nested functions": "nested",
    "globals": "uses_globals",
    "wrapped function": "wrapped",
    "list of everything": "[is_vowel, is_odd_thing, nested, uses_globals, closure, wrapped, generator, coroutine]",
}

# Upstream gets these right.
NEIGHBOURS = {
    "closure": "closure",
    "generator": "generator",
    "coroutine": "coroutine",
    "attributes": "attributes",
    "data": "[RATES, names, decimal.Decimal('1.5'), fractions.Fraction(1, 3), {1: b'x'}, collections.OrderedDict(a=1)]",
    "lambda": "(lambda: lambda value: [value, names])()",
}


def pickles(source, expressions, pasts=PASTS, arguments=""):
    """Of each expression, its pickles in processes with these pasts. With closures over nothing but the source."""
    found = {name: [] for name in expressions}
    for past in pasts:
        with Peer(own_seed=True) as driver:
            driver.run(source)
            driver.run(past, "past.py")
            driver.run("import cloudpickle")
            for name, expression in expressions.items():
                found[name].append(driver.evaluate(f"cloudpickle.dumps({expression}{arguments})"))
    return found


@pytest.fixture(scope="module")
def found():
    return pickles(SOURCE, {**CASES, **NEIGHBOURS})


def assert_same(data):
    assert len(data) == len(PASTS)
    assert [len(one) for one in data] == [len(data[0])] * len(data)
    assert len(set(data)) == 1


@pytest.mark.parametrize("case", CASES)
def test_same_bytes(case, found):
    assert_same(found[case])


@pytest.mark.also_upstream
@pytest.mark.parametrize("case", NEIGHBOURS)
def test_still_the_same_bytes(case, found):
    assert_same(found[case])


@pytest.mark.parametrize("protocol", range(5))
def test_every_protocol(protocol):
    name = "set of many types among the constants"
    data = pickles(SOURCE, {name: CASES[name]}, PASTS[:3], f", protocol={protocol}")[name]
    assert len(set(data)) == 1


@pytest.mark.also_upstream
def test_ordered_constants_work():
    with Peer(own_seed=True) as driver, Peer(own_seed=True) as worker:
        driver.run(SOURCE)
        worker.load(driver.pickle("[is_vowel, is_odd_thing, nested]"))
        assert worker.evaluate(
            "[value[0]('a'), value[0]('b'), value[1](None), value[1](0), value[2](['six', 'x'])]"
        ) == [
            True,
            False,
            True,
            False,
            [True],
        ]
