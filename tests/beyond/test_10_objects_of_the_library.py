"""Context variables, weak references, exceptions with their causes, singletons, subclasses that `pickle` refuses."""

import pytest

from travel import Peer, ship, ship_and_return

CONTEXT_VAR = """
import contextvars
v = contextvars.ContextVar("v", default=3)
w = contextvars.ContextVar("w")
v.set(9)
"""


def test_context_variable():
    """It arrives with its default; the value that it has in the sender's context stays there."""
    use = "[value[0] is value[1], value[0].name, value[0].get(), value[2].get('none')]"
    assert ship(CONTEXT_VAR, "(v, v, w)", use) == [True, "v", 3, "none"]


def test_context_variable_that_arrives_twice():
    with Peer() as driver, Peer() as worker:
        driver.run(CONTEXT_VAR + "\ndef put(x): v.set(x)\ndef get(): return v.get()")
        worker.load(driver.pickle("put"), "put")
        worker.load(driver.pickle("get"), "get")
        assert worker.evaluate("put(7); get()") == 7


def test_context_variable_that_comes_back():
    assert ship_and_return(CONTEXT_VAR, "v", "value", "returned is v") is True


def test_context_variable_of_an_importable_module(tmp_path):
    (tmp_path / "with_variable.py").write_text("import contextvars\nname = contextvars.ContextVar('other')")
    with Peer([tmp_path]) as driver, Peer([tmp_path]) as worker:
        driver.run("from with_variable import name")
        worker.load(driver.pickle("name"))
        assert worker.evaluate("import with_variable; value is with_variable.name") is True


WEAK = "import weakref\nclass A: pass\na, b = A(), A()\n"


def test_weak_key_dictionary():
    source = WEAK + "d = weakref.WeakKeyDictionary({a: 1, b: 2})"
    assert ship(source, "(a, d)", "import gc; gc.collect(); [dict(value[1])[value[0]], len(value[1])]") == [1, 1]


def test_weak_value_dictionary():
    source = WEAK + "d = weakref.WeakValueDictionary({1: a, 2: b})"
    assert ship(source, "(a, d)", "import gc; gc.collect(); [value[1][1] is value[0], len(value[1])]") == [True, 1]


def test_weak_dictionary_in_a_cycle():
    source = WEAK + "a.d = weakref.WeakValueDictionary(me=a)"
    assert ship(source, "a", "value.d['me'] is value") is True


def test_weak_reference():
    source = WEAK + "a.me = weakref.ref(a)\nb.to = weakref.ref(a)"
    assert ship(source, "(b, a)", "b, a = value; [b.to() is a, a.me() is a, b.to is a.me]") == [True, True, True]


def test_weak_reference_with_a_callback():
    source = WEAK + "log = []\nr = weakref.ref(a, lambda r: log.append('gone'))"
    use = "log, a, r = value\nvalue = None\nbefore = r() is a\ndel a\nimport gc\ngc.collect()\n[before, r(), log]"
    assert ship(source, "(log, a, r)", use) == [True, None, ["gone"]]


def test_weak_reference_to_nothing():
    source = WEAK + "r = weakref.ref(a)\ndel a"
    assert ship(source, "r", "import gc; gc.collect(); value()") is None


def test_weak_reference_to_nothing_as_a_key():
    source = WEAK + "r = weakref.ref(a)\nd = {r: 1, weakref.ref(b): 2}\ndel a"
    use = "d = value.pop(0); import gc; gc.collect(); [[key() is None, d[key]] for key in d]"
    assert ship(source, "[d, b]", use) == [[True, 1], [False, 2]]


def test_subclass_of_property():
    source = """
    class Named(property):
        def __init__(self, *args, name="n"):
            super().__init__(*args)
            self.name = name
    class A:
        def get(self): return self.x
        def put(self, x): self.x = x + 1
        p = Named(get, put, name="its name")
    """
    use = "a = value(); a.p = 1; p = vars(value)['p']; [a.p, type(p).__name__, p.name]"
    assert ship(source, "A", use) == [2, "Named", "its name"]


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_standard_stream_that_was_replaced(name):
    """As pytest, notebooks and servers do."""
    source = f"""
    import io, sys
    class Stream(io.TextIOWrapper):
        pass
    sys.{name} = Stream(io.BytesIO())
    def f(): return stream
    stream = sys.{name}
    """
    assert ship(source, "f", f"import sys; value() is sys.{name}") is True


CHAIN = """
class E(Exception): pass
def fail(how):
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            if how == "from": raise E("outer") from inner
            if how == "from none": raise E("outer") from None
            raise E("outer")
    except E as error:
        return error
"""


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("from", ["KeyError('inner')", "KeyError('inner')", True, True]),
        ("from none", ["None", "KeyError('inner')", True, False]),
        ("within", ["None", "KeyError('inner')", False, False]),
    ],
)
def test_causes_of_an_exception(how, expected):
    use = """[repr(value.__cause__), repr(value.__context__), value.__suppress_context__,
              value.__cause__ is value.__context__]"""
    assert ship(CHAIN, f"fail({how!r})", use) == expected


def test_causes_of_a_builtin_exception_need_no_cloudpickle():
    source = "import pickle\ne = ValueError(1)\ne.__cause__ = KeyError(2)"
    use = "import sys; [repr(value.__cause__), 'cloudpickle' in sys.modules]"
    assert ship(source, "e", use) == ["KeyError(2)", False]


@pytest.mark.also_upstream
def test_causes_that_cannot_be_pickled_stay_behind():
    source = "import threading\ne = ValueError(1)\ne.__cause__ = KeyError(threading.Lock())\ne.x = 1"
    assert ship(source, "e", "[value.args, value.__cause__, value.x]") == [(1,), None, 1]


def test_causes_that_come_round_to_their_beginning():
    """By `__cause__`, or by an attribute of the cause."""
    source = "a, b = ValueError(1), KeyError(2)\na.__cause__, b.__cause__, b.owner = b, a, a"
    assert ship(source, "b", "[repr(value.owner), value.owner.__cause__ is value]") == ["ValueError(1)", True]


def test_long_chain_of_causes():
    """Neither the stack nor the time grows with it: each cause is tried once."""
    source = """
    e = None
    for number in range(20_000):
        error = ValueError(number)
        error.__cause__, error.inner = e, e
        e = error
    """
    use = "count = 0\nwhile value is not None: value, count = value.__cause__, count + 1\ncount"
    assert ship(source, "e", use) == 20_000


@pytest.mark.parametrize("place", ["e.__cause__ = Picky(1, 2)", "e.__cause__ = KeyError(Picky(1, 2))"])
@pytest.mark.also_upstream
def test_causes_that_cannot_be_loaded_stay_behind(place):
    """An exception whose `__init__` takes other arguments than it hands on can be pickled and not be loaded."""
    source = f"""
    class Picky(Exception):
        def __init__(self, code, text): super().__init__(text)
    e = ValueError(1)
    {place}
    """
    assert ship(source, "e", "[value.args, value.__cause__]") == [(1,), None]


@pytest.mark.also_upstream
@pytest.mark.parametrize(
    "body",
    [
        "def __setattr__(self, name, value): raise AttributeError('frozen')",
        "def __reduce__(self): return str, ('text',)",
        "__cause__ = property(lambda self: 1 / 0)",
        "def __setstate__(self, state): 1 / 0",
    ],
)
def test_exceptions_that_take_no_causes_arrive_without(body):
    source = f"""
    class E(Exception):
        {body}
    e = E("text")
    BaseException.__setattr__(e, "__context__", KeyError(2))
    """
    assert ship(source, "e", "[str(value), getattr(value, '__context__', None)]") == ["text", None]


@pytest.mark.also_upstream
def test_notes_of_an_exception():
    source = "e = ValueError(1)\ne.__notes__ = ['a note']"
    assert ship(source, "e", "value.__notes__") == ["a note"]


SINGLETON = """
class Missing:
    def __reduce__(self): return "MISSING"
    def __bool__(self): return False
MISSING = Missing()
MISSING.tag = "t"
def f(x=MISSING): return x is MISSING
"""


def test_singleton():
    use = "missing, f = value; [f(), f(missing), type(missing).__name__, bool(missing), missing.tag]"
    assert ship(SINGLETON, "(MISSING, f)", use) == [True, True, "Missing", False, "t"]


def test_singleton_that_arrives_twice():
    with Peer() as driver, Peer() as worker:
        driver.run(SINGLETON)
        worker.load(driver.pickle("MISSING"), "one")
        worker.evaluate("one.tag = 'changed'")
        worker.load(driver.pickle("[MISSING]"), "two")
        assert worker.evaluate("[one is two[0], one.tag]") == [True, "changed"]


def test_singleton_that_comes_back():
    assert ship_and_return(SINGLETON, "MISSING", "value", "[returned is MISSING, MISSING.tag]") == [True, "t"]


@pytest.mark.also_upstream
@pytest.mark.parametrize("more", ["", "'__dict__', "])
def test_singleton_with_slots_does_not_arrive_empty(more):
    """It is written by its name, as by plain `pickle`, and found where the process has it."""
    module = f"""
    class Missing:
        __slots__ = ({more}'tag', '__weakref__')
        def __reduce__(self): return "MISSING"
    MISSING = Missing()
    MISSING.tag = "t"
    """
    with Peer() as driver, Peer() as worker:
        driver.run(module)
        worker.run(module)
        worker.load(driver.pickle("MISSING"), "arrived")
        assert worker.evaluate("[arrived.tag, arrived is MISSING]") == ["t", True]


NOT_MADE_OF_ATTRIBUTES = {
    "text": """
        class Missing(str):
            def __reduce__(self): return "MISSING"
        MISSING = Missing("t")
    """,
    "a class that needs arguments": """
        class Missing:
            def __new__(cls, tag):
                self = object.__new__(cls)
                self.tag = tag
                return self
            __str__ = lambda self: self.tag
            def __reduce__(self): return "MISSING"
        MISSING = Missing("t")
    """,
    "a member of an enumeration": """
        import enum
        class Level(enum.Enum):
            MISSING = "t"
            __str__ = lambda self: self.value
            def __reduce_ex__(self, protocol): return "MISSING"
        MISSING = Level.MISSING
    """,
}


@pytest.mark.also_upstream
@pytest.mark.parametrize("name", NOT_MADE_OF_ATTRIBUTES)
def test_singleton_that_could_not_be_made_anew(name):
    """It too is written by its name."""
    with Peer() as driver, Peer() as worker:
        driver.run(NOT_MADE_OF_ATTRIBUTES[name])
        worker.run(NOT_MADE_OF_ATTRIBUTES[name])
        worker.load(driver.pickle("MISSING"), "arrived")
        assert worker.evaluate("[str(arrived), arrived is MISSING]") == ["t", True]
