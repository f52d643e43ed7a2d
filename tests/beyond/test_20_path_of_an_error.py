"""What cannot be pickled is named by the path that leads to it: a note since Python 3.11, in the message before.

These tests pickle in a separate process; nothing is loaded, because nothing comes out.
"""

import sys

import pytest

from travel import Peer

SOURCE = """
import collections, enum, functools, threading
lock = threading.Lock()

def what_is_said(obj):
    import cloudpickle
    try:
        cloudpickle.dumps(obj)
    except Exception as error:
        text = "\\n".join([str(error), *getattr(error, "__notes__", [])])
        return [line for line in text.split("\\n") if line.startswith("when pickling: ")]
    return "pickled"

class Bare:
    pass

def holding(**attributes):
    bare = Bare()
    bare.__dict__.update(attributes)
    return bare
"""

CASES = {
    "closure variable": (
        "def make():\n    captured = {'a': (1, lock)}\n    return lambda: captured",
        "make()",
        "function __main__.make.<locals>.<lambda> -> closure variable 'captured'['a'][1]",
    ),
    "global": ("def f(): return lock", "f", "function __main__.f -> global 'lock'"),
    "global of a nested function": (
        "def f():\n    def g(): return lock\n    return g",
        "f",
        "function __main__.f -> global 'lock'",
    ),
    "default": ("def f(a, b=1, c=lock): pass", "f", "function __main__.f -> default of 'c'"),
    "keyword default": ("def f(*, c=lock): pass", "f", "function __main__.f -> default of 'c'"),
    "attribute of a function": ("def f(): pass\nf.x = {1: lock}", "f", "function __main__.f -> .x[1]"),
    "function in a function": (
        "def g(): return lock\ndef f(): return g",
        "f",
        "function __main__.f -> global 'g' -> function __main__.g -> global 'lock'",
    ),
    "class attribute": ("class A: x = [lock]", "A", "class __main__.A -> .x[0]"),
    "method": (
        "class A:\n    def m(self): return lock",
        "A",
        "class __main__.A -> .m -> global 'lock'",
    ),
    "property": (
        "class A:\n    @property\n    def p(self): return lock",
        "A",
        "class __main__.A -> .p.fget -> function __main__.A.p -> global 'lock'",
    ),
    "class of an instance": ("class A: x = lock", "A()", "class __main__.A -> .x"),
    "enum": ("class E(enum.Enum):\n    A = 1\nE.extra = lock", "E.A", "class __main__.E -> .extra"),
    "module": ("import types\nm = types.ModuleType('m'); m.x = lock", "m", "module m -> .x"),
}

# Where `pickle` itself can tell where it happened, since 3.14, its notes are all that is said.
DATA = {
    "slots of a class by value": (
        "class A: __slots__ = ('a', 'b')\na = A(); a.a = 1; a.b = lock",
        "[a]",
        "list[0] -> slot A.b",
    ),
    "attribute": ("", "holding(x=lock)", "Bare.__dict__['x']"),
    "attributes all along": (
        "",
        "holding(x=holding(y=[1, holding(z=lock)]))",
        "Bare.x -> .y[1] -> .__dict__['z']",
    ),
    "list": ("", "[1, [lock]]", "list[1][0]"),
    "tuple": ("", "(1, 2, lock)", "tuple[2]"),
    "dict": ("", "{'a': {2: lock}}", "dict['a'][2]"),
    "key": ("", "{'k': {(lock,): 1}}", "dict['k'] -> key (<unlocked _thread.lock object at "),
    "set": ("", "[{lock}]", "list[0] -> set element"),
    "exception": ("", "ValueError(1, lock)", "ValueError.args[1]"),
    "exception's attribute": ("e = ValueError(1)\ne.x = lock", "e", "ValueError.__dict__['x']"),
    "ordered dict": ("", "[collections.OrderedDict(a=lock)]", "list[0] -> OrderedDict['a']"),
    "partial": ("", "functools.partial(print, 1, lock)", "partial.args[1]"),
    "partial's keyword": ("", "functools.partial(print, sep=lock)", "partial.keywords['sep']"),
    "own state": (
        "import fractions\nimport string\nstring.Formatter.__getstate__ = lambda self: {'s': [lock]}",
        "string.Formatter()",
        "Formatter.__getstate__()['s'][0]",
    ),
    "own reduction": (
        "import string\nstring.Formatter.__reduce__ = lambda self: (str, (1, [lock]))",
        "[string.Formatter()]",
        "list[0] -> Formatter.__reduce__()[1][1][0]",
    ),
    "state of its own reduction": (
        "import string\nstring.Formatter.__reduce_ex__ = lambda self, protocol: (str, (), [lock])",
        "string.Formatter()",
        "Formatter.__reduce_ex__()[2][0]",
    ),
    "slots": (
        "import string\n"
        "class Slots(string.Formatter): __slots__ = ('a',)\n"
        "Slots.__module__ = 'string'; Slots.__qualname__ = 'Slots'; string.Slots = Slots\n"
        "s = Slots(); s.a = lock",
        "s",
        "slot Slots.a",
    ),
    "deep": ("deep = lock\nfor _ in range(1000): deep = [deep]", "deep", "list" + 50 * "[0]" + " -> ... 900 more"),
}

WITH_CODE = pytest.mark.parametrize("case", CASES)
WITHOUT_CODE = pytest.mark.parametrize("case", DATA)


def said(source, expression):
    with Peer() as driver:
        driver.run(SOURCE + source)
        return driver.evaluate(f"what_is_said({expression})")


@WITH_CODE
def test_path(case):
    source, expression, path = CASES[case]
    lines = said(source, expression)
    assert lines == ["when pickling: " + path]


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="pickle's own notes say it since Python 3.14, for plain data")
@WITHOUT_CODE
def test_path_through_data(case):
    source, expression, path = DATA[case]
    (line,) = said(source, expression)
    assert line.startswith("when pickling: " + path)


def test_path_of_the_documents():
    """The example in the README."""
    source = """
    class Layer: pass
    class Encoder: pass
    class Model: pass
    model = Model()
    model.encoder = Encoder()
    model.encoder.layers = [Layer(), Layer(), Layer(), Layer()]
    model.encoder.layers[3].lock = lock
    def train(): return model
    """
    with Peer() as driver:
        driver.run(SOURCE)
        driver.run(source)
        assert driver.evaluate("what_is_said(train)") == [
            "when pickling: function __main__.train -> global 'model' -> Model.encoder -> .layers[3]"
            " -> .__dict__['lock']"
        ]


def test_exception_keeps_its_type_and_message():
    source = """
    import cloudpickle
    class Broken(Exception):
        def __init__(self, code, text):
            super().__init__(code, text)
    class Bad:
        def __reduce__(self):
            raise Broken(5, "broken")
    Bad.__module__ = "string"; Bad.__qualname__ = "Bad"; import string; string.Bad = Bad
    bad = Bad()
    def f(): return bad
    try:
        cloudpickle.dumps(f)
    except Broken as error:
        # A message that is not one text is left alone where there are no notes.
        seen = [error.args, "when pickling: function __main__.f -> global 'bad'" in getattr(error, "__notes__", [])]
    """
    with Peer() as driver:
        driver.run(source)
        assert driver.evaluate("seen") == [(5, "broken"), sys.version_info >= (3, 11)]


@pytest.mark.also_upstream
def test_no_path_for_an_interrupt():
    source = """
    import cloudpickle, string
    class Bad:
        def __reduce__(self):
            raise KeyboardInterrupt("stop")
    Bad.__module__ = "string"; Bad.__qualname__ = "Bad"; string.Bad = Bad
    try:
        cloudpickle.dumps([Bad()])
    except KeyboardInterrupt as error:
        seen = [error.args, [n for n in getattr(error, "__notes__", []) if n.startswith("when pickling")]]
    """
    with Peer() as driver:
        driver.run(source)
        assert driver.evaluate("seen") == [("stop",), []]
