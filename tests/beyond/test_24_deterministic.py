"""`dumps(obj, deterministic=True)`: ids of classes come from their contents, sets have an order. `fingerprint(obj)`."""

import os
import subprocess
import sys

import pytest
from test_23_same_bytes import PASTS
from test_23_same_bytes import SOURCE as FUNCTIONS

from travel import AGAINST, Peer, run_script

SOURCE = (
    FUNCTIONS
    + '''
import abc, contextvars, dataclasses, typing, weakref

class Model:
    """Documented."""
    kinds = {"alpha", "beta", "gamma", "delta"}

    def __init__(self, layers=()):
        self.layers = list(layers)

    def run(self, name):
        return [layer for layer in self.layers if name in {"one", "two", "three", "four"}], Model

class Child(Model):
    __slots__ = ("a", "b")
    def run(self, name):
        return super().run(name)

class Level(enum.Enum):
    LOW = 1
    HIGH = "high"

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...

Shape.register(int), Shape.register(Child), Shape.register(frozenset), Shape.register(decimal.Decimal)

@dataclasses.dataclass
class Point:
    x: int
    y: "typing.List[int]" = dataclasses.field(default_factory=list)

T = typing.TypeVar("T", bound=Model)

class Box(typing.Generic[T]):
    def __init__(self, content): self.content = content

class Meta(type):
    pass

class Made(metaclass=Meta):
    level = Level.LOW

def factory():
    class Local:
        attribute = 1
    return Local

class Tags(set):
    pass

class Frozen(frozenset):
    __slots__ = ()

class Group(set):
    """Reached through its own elements."""
    __hash__ = object.__hash__

    def __init__(self, items=(), name=None):
        super().__init__(items)
        self.name = name

class Member:
    def __init__(self, number, group=None):
        self.number, self.group = number, group

members = [Member(number) for number in range(20)]
known = weakref.WeakSet(members)

class Registry(weakref.WeakSet):
    pass

group = Group(name="group")
group |= {Member(number, group) for number in range(5)} | {"a", "b", group}

variable = contextvars.ContextVar("variable", default=frozenset(["x", "y", "z", "w"]))
without_default = contextvars.ContextVar("without default")
'''
)

CASES = {
    "set of text": "{'alpha', 'beta', 'gamma', 'delta', 'epsilon'}",
    "set of many types": "{'a', 1, None, (1, 2), b'c', 2.5, frozenset(['x', 'y', 'z', 'w', 3]), decimal.Decimal(1)}",
    "class": "Model",
    "inheritance": "Child",
    "instance": "[Model([Model(), Child(), 1])]",
    "enum": "[Level.HIGH, Level]",
    "abstract class": "Shape",
    "dataclass": "Point(1)",
    "generic class": "Box(3)",
    "class with a metaclass": "Made",
    "local class": "factory()",
    "set of classes": "{Model, Level, Made, Point, int, Box}",
    "set of instances": "{Level.LOW, Level.HIGH, decimal.Decimal(3), ('a', Level.LOW), frozenset([Level.HIGH, 3])}",
    "subclass of set": "Tags(['alpha', 'beta', 'gamma', 'delta', 1, Frozen('abcdef')])",
    "subclass of frozenset": "{Frozen('abcdef'), Frozen(['uvw', 'xyz', Level.LOW, Level.HIGH])}",
    "set in the midst of itself": "[group, members]",
    "weak set": "[members, known]",
    "subclass of weak set": "[members, Registry(members)]",
    "weak set of classes": "[Model, Child, Level, weakref.WeakSet([Model, Child, Level])]",
    "context variable": "variable",
    "context variables": "{variable, without_default, contextvars.ContextVar('variable')}",
    "function with context variables": "lambda: (variable.get(), without_default.get())",
    "everything": "[Model, Child, Level, Shape, Point, Box, Made, is_odd_thing, uses_globals]",
}

PASTS_WITH_CLASSES = [
    *PASTS,
    "import cloudpickle\ncloudpickle.dumps([Model, Level, Shape, Box, Made])",
    "isinstance(3, Shape), isinstance('', Shape), issubclass(Child, Shape), Model().run('one'), Child(), Point(1)",
    "import copy, pickle\ncopy.copy(Child()), copy.deepcopy(Point(1))",
]


BOTH = """
import cloudpickle
def both_of(obj):
    return cloudpickle.dumps(obj, deterministic=True), cloudpickle.fingerprint(obj)
"""


@pytest.fixture(scope="module")
def found():
    """Of each case, in every process: its deterministic pickle and its fingerprint."""
    found = {name: [] for name in CASES}
    for past in PASTS_WITH_CLASSES:
        with Peer(own_seed=True) as driver:
            driver.run(SOURCE)
            driver.run(past, "past.py")
            driver.run(BOTH)
            for name, expression in CASES.items():
                found[name].append(driver.evaluate(f"both_of({expression})"))
    return found


@pytest.mark.parametrize("case", CASES)
def test_same_in_every_process(case, found):
    assert len(found[case]) == len(PASTS_WITH_CLASSES)
    assert len({data for data, _ in found[case]}) == 1
    assert len({digest for _, digest in found[case]}) == 1


def test_fingerprints_differ(found):
    digests = {digests[0][1] for digests in found.values()}
    assert len(digests) == len(CASES)
    assert all(len(digest) == 64 and int(digest, 16) for digest in digests)


def test_loads_and_works():
    with Peer(own_seed=True) as driver, Peer(own_seed=True) as worker:
        driver.run(SOURCE)
        driver.run("import cloudpickle")
        worker.load(driver.evaluate("cloudpickle.dumps([Model([1]), Child, Level.LOW, {1, 'a'}], deterministic=True)"))
        ask = "[value[0].run('one')[0], value[1].__mro__[1] is type(value[0]), value[3] == {1, 'a'}]"
        assert worker.evaluate(ask) == [
            [1],
            True,
            True,
        ]


def test_a_class_comes_back_as_itself():
    with Peer(own_seed=True) as driver, Peer(own_seed=True) as worker:
        driver.run(SOURCE)
        driver.run("import cloudpickle; plain = cloudpickle.dumps(Model)")
        for payload in ("plain", "cloudpickle.dumps(Model, deterministic=True)"):
            worker.load(driver.evaluate(payload))
            for back in ("cloudpickle.dumps(value)", "cloudpickle.dumps(value, deterministic=True)"):
                driver.load(worker.evaluate("import cloudpickle; " + back), "returned")
                assert driver.evaluate("returned is Model") is True


def test_two_equal_classes_stay_two():
    with Peer(own_seed=True) as driver, Peer(own_seed=True) as worker:
        driver.run(SOURCE)
        driver.run("import cloudpickle\ndef send(obj): return cloudpickle.dumps(obj, deterministic=True)")
        driver.run("one, other = factory(), factory()")
        worker.load(driver.evaluate("send([one, other, one])"), "together")
        worker.load(driver.evaluate("send(other)"), "alone")
        # The first one of these is gone when the second one is made.
        worker.load(driver.evaluate("send(factory())"), "gone")
        worker.load(driver.evaluate("import gc; gc.collect(); send(factory())"), "later")
        assert worker.evaluate("[together[0] is together[2], together[0] is together[1], alone is together[1]]") == [
            True,
            False,
            True,
        ]
        assert worker.evaluate("len({*together, alone, gone, later})") == 4


def test_two_equal_context_variables_stay_two():
    source = """
    import cloudpickle, contextvars
    def send(obj): return cloudpickle.dumps(obj, deterministic=True)
    one, other = [contextvars.ContextVar("name", default=1) for _ in range(2)]
    """
    with Peer(own_seed=True) as driver, Peer(own_seed=True) as worker:
        driver.run(source)
        worker.run(source)
        worker.load(driver.evaluate("cloudpickle.dumps(one)"), "before")
        worker.load(driver.evaluate("send([one, other, one])"), "together")
        worker.load(driver.evaluate("send(other)"), "alone")
        expected = [True, False, True, True]
        ask = "[together[0] is together[2], together[0] is together[1], alone is together[1], alone.get() == 1]"
        assert worker.evaluate(ask) == expected
        # What is at home in the worker is neither.
        assert worker.evaluate("send(one) == send(together[0]), send(one) == send(other)") == (False, False)
        for name, expression in {"one": "together[0]", "other": "alone"}.items():
            for send in ("cloudpickle.dumps", "send"):
                driver.load(worker.evaluate(f"{send}({expression})"), "returned")
                assert driver.evaluate(f"returned is {name}") is True
        # It stays known under the random id that it had.
        driver.load(worker.evaluate("cloudpickle.dumps(before)"), "returned")
        assert driver.evaluate("returned is one") is True


def test_sets_with_an_order_of_their_own_keep_it():
    source = """
    import cloudpickle
    def travelled(obj): return cloudpickle.loads(cloudpickle.dumps(obj, deterministic=True))
    class Ordered(set):
        def __init__(self, items=()):
            self.items = list(items)
            super().__init__(self.items)
    class Walked(Ordered):
        def __iter__(self): return iter(self.items)
    class Reduced(Ordered):
        def __reduce__(self): return Reduced, (self.items,)
    class Plain(Ordered): pass
    """
    with Peer(own_seed=True) as driver:
        driver.run(source)
        for name in ("Walked", "Reduced"):
            assert driver.evaluate(f"travelled({name}('zebra')).items") == list("zebra")
        assert driver.evaluate("travelled(Plain('zebra')) == set('zebra')") is True


def test_a_class_that_changes_is_the_same_class():
    with Peer(own_seed=True) as driver, Peer(own_seed=True) as worker:
        driver.run(SOURCE)
        driver.run("import cloudpickle")
        worker.load(driver.evaluate("cloudpickle.dumps(Model, deterministic=True)"), "before")
        driver.run("Model.added = 1")
        worker.load(driver.evaluate("cloudpickle.dumps(Model, deterministic=True)"), "after")
        assert worker.evaluate("[before is after, before.added]") == [True, 1]


def test_fingerprint_follows_the_contents():
    with Peer(own_seed=True) as driver:
        driver.run(SOURCE)
        driver.run("import cloudpickle\nfingerprint = cloudpickle.fingerprint\nbefore = fingerprint(Model)")
        assert driver.evaluate("fingerprint(Model) == before") is True
        assert driver.evaluate("fingerprint(factory()) == fingerprint(factory())") is True
        driver.run("Model.added = 1")
        assert driver.evaluate("fingerprint(Model) == before") is False
        driver.run("del Model.added")
        assert driver.evaluate("fingerprint(Model) == before") is True
        assert driver.evaluate("fingerprint(1) == fingerprint(True), fingerprint([1]) == fingerprint((1,))") == (
            False,
            False,
        )


def test_fingerprint_sees_buffers():
    with Peer(own_seed=True) as driver:
        driver.run("import cloudpickle, pickle")
        ask = "cloudpickle.fingerprint(pickle.PickleBuffer({}))"
        assert driver.evaluate(ask.format("b'abc'")) != driver.evaluate(ask.format("b'abd'"))


def test_pickler():
    """With hooks, which the pickles of the contents go through as well."""
    source = """
    import cloudpickle, io
    class Connection: pass
    connection = Connection()
    class Pickler(cloudpickle.Pickler):
        def persistent_id(self, obj):
            return "connection" if obj is connection else None
        def reducer_override(self, obj):
            return super().reducer_override(obj)
    Model.connection = connection
    def send(obj):
        file = io.BytesIO()
        pickler = Pickler(file, deterministic=True)
        pickler.dump(obj)
        return file.getvalue()
    """
    seen = set()
    for past in PASTS[:3]:
        with Peer(own_seed=True) as driver:
            driver.run(SOURCE)
            driver.run(past)
            driver.run(source)
            seen.add(driver.evaluate("send([Model, {'a', 'b', 'c', 'd', Level.LOW}, Child()])"))
    assert len(seen) == 1


def test_environment_variable():
    script = """
import cloudpickle, os, sys
class A: x = {"a", "b", "c", "d"}
sys.stdout.write(cloudpickle.dumps(A).hex())
"""
    outcomes = {}
    for value in ("0", "1"):
        environment = {"CLOUDPICKLE_DETERMINISTIC": value, "PYTHONPATH": os.pathsep.join(AGAINST)}
        outcomes[value] = {
            subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True).stdout
            for _ in range(3)
        }
    assert (len(outcomes["0"]), len(outcomes["1"])) == (3, 1)


def test_sets_that_contain_themselves():
    values = run_script(
        """
        import cloudpickle, pickle
        class Node:
            def __init__(self): self.peers = set()
        one, other = Node(), Node()
        one.peers |= {one, other, 1, "a"}
        other.peers |= {one, other}
        loaded = pickle.loads(cloudpickle.dumps([one, other, one.peers], deterministic=True))
        deep = frozenset(["end"])
        for depth in range(3000):
            deep = frozenset([deep, depth])
        def depth_of(nest):
            depth = 0
            while nest != {"end"}:
                (nest,) = [element for element in nest if isinstance(element, frozenset)]
                depth += 1
            return depth
        report(
            same=loaded[0].peers == {loaded[0], loaded[1], 1, "a"} and loaded[2] is loaded[0].peers,
            deep=depth_of(cloudpickle.loads(cloudpickle.dumps(deep, deterministic=True))),
            digest=len(cloudpickle.fingerprint(one)),
        )
        """
    )
    assert values == {"same": True, "deep": 3000, "digest": 64}


def test_classes_made_from_sets_of_their_instances():
    """Whether a class can be made from its attributes is tried out, for which no set is put in order."""
    values = run_script(
        """
        import cloudpickle
        class Meta(type):
            def __init__(cls, name, bases, namespace): super().__init__(name, bases, namespace)
        class Made(metaclass=Meta): pass
        Made.members = {Made(), Made()}
        outer = Made
        for depth in range(20):
            outer = Meta("Outer", (), {"members": {outer(), outer()}})
        report(
            own=cloudpickle.loads(cloudpickle.dumps(Made, deterministic=True)) is Made,
            nested=cloudpickle.loads(cloudpickle.dumps(outer, deterministic=True)) is outer,
            digests=[len(cloudpickle.fingerprint(made)) for made in (Made, outer)],
        )
        """
    )
    assert values == {"own": True, "nested": True, "digests": [64, 64]}


def test_refusal_inside_a_set():
    source = """
    import cloudpickle, threading
    lock = threading.Lock()
    def refused(obj):
        try:
            cloudpickle.dumps(obj, deterministic=True)
        except TypeError as error:
            return str(error).splitlines()[0]
    """
    with Peer(own_seed=True) as driver:
        driver.run(source)
        driver.run("class Held:\n    x = lock")
        expected = "cannot pickle '_thread.lock' object"
        assert driver.evaluate("[refused({lock, 1}), refused(Held), refused({Held, 1})]") == [expected] * 3


@pytest.mark.also_upstream
def test_data_is_written_as_pickle_writes_it():
    with Peer(own_seed=True) as driver:
        driver.run(
            """
            import cloudpickle, pickle, pickletools
            data = [1, 'a', {'b': 2.5}, {3, 1, 2}, frozenset(['x', 'y', 'z'])]
            writers = cloudpickle.dumps, pickle.dumps
            ours, theirs = (pickletools.optimize(dumps(data, protocol=5)) for dumps in writers)
            """
        )
        assert driver.evaluate("ours == theirs") is True
