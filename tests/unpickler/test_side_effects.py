"""What users see besides the result: what is looked up and called, when objects go, the context of an error."""

import pickle
import subprocess
import sys
import types

import pytest

import cloudpickle
from implementation import not_on_pypy

LOADERS = pytest.mark.parametrize("loads", [pickle.loads, cloudpickle.loads], ids=["pickle", "cloudpickle"])
BEFORE = b"\x80\x05"
SEEN = []


def named(module, name):
    return b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)) + b"\x93"


def of_this_module(name):
    return named(__name__, name)


class Numbered:
    def __init__(self, number):
        self.number = number

    def __del__(self):
        SEEN.append(self.number)


class Taking:
    """A mapping and a set that keep nothing."""

    def __setitem__(self, key, value):
        SEEN.append("set")

    def add(self, item):
        SEEN.append("added")


class WithoutMethods:
    def __getattr__(self, name):
        SEEN.append(name)
        raise AttributeError(name)


class WithAppend(WithoutMethods):
    def append(self, item):
        SEEN.append(item)


class Plain:
    pass


@pytest.fixture(autouse=True)
def nothing_seen():
    SEEN.clear()


def numbered(number):
    return of_this_module("Numbered") + b"K" + bytes([number]) + b"\x85R"


THREE = numbered(1) + numbered(2) + numbered(3)


# Where objects go at some later moment, they go in no order.
@not_on_pypy("counts of references")
@LOADERS
@pytest.mark.parametrize(
    ("program", "seen"),
    [
        (b"N(" + THREE + b"1.", [3, 2, 1]),
        (THREE + b"N.", [3, 2, 1]),
        (numbered(1) + b"\x940" + numbered(2) + b"\x940N.", [2, 1]),
        (of_this_module("Taking") + b")\x81(" + THREE + b"Nu.", ["set", "set", 3, 2, 1]),
        (of_this_module("Taking") + b")\x81(" + numbered(1) + numbered(2) + b"\x90.", ["added", 1, "added", 2]),
    ],
)
def test_the_order_in_which_objects_go(loads, program, seen):
    loads(BEFORE + program)
    assert seen == SEEN


@not_on_pypy("counts of references")
@LOADERS
def test_they_go_in_the_same_order_after_an_error(loads):
    with pytest.raises(TypeError):
        loads(BEFORE + THREE + named("builtins", "len") + b")R.")
    assert SEEN == [3, 2, 1]


@not_on_pypy("an unpickler of ours")
@LOADERS
def test_methods_that_are_not_there_are_looked_up_once(loads):
    loads(BEFORE + of_this_module("WithAppend") + b")\x81(K\x01K\x02e.")
    assert SEEN == ["extend", 1, 2]
    SEEN.clear()
    for program, looked_up in ((b"(K\x01K\x02e.", ["extend", "append"]), (b"(K\x01\x90.", ["add"])):
        with pytest.raises(AttributeError):
            loads(BEFORE + of_this_module("WithoutMethods") + b")\x81" + program)
        assert looked_up == SEEN
        SEEN.clear()


@not_on_pypy("an unpickler of ours")
@LOADERS
def test_nothing_is_looked_up_of_a_local_name(loads, monkeypatch):
    module = types.ModuleType("module_with_getattr")
    module.__file__ = "somewhere"
    module.__getattr__ = SEEN.append
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(AttributeError):
        loads(BEFORE + named(module.__name__, "outer.<locals>.inner") + b".")
    # Since Python 3.14 it is a name like others, and what stands before it is looked up.
    assert SEEN == (["outer"] if sys.version_info >= (3, 14) else [])


@LOADERS
def test_a_global_that_is_not_there_is_looked_up_once(loads, monkeypatch):
    module = types.ModuleType("module_with_getattr")
    module.__file__ = "somewhere"

    def look_up(name):
        SEEN.append(name)
        raise AttributeError(name)

    module.__getattr__ = look_up
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(AttributeError):
        loads(BEFORE + b"N" + named(module.__name__, "value") + b".")
    assert SEEN == ["value"]


@not_on_pypy("an unpickler of ours")
@LOADERS
@pytest.mark.parametrize("state", [b"NN\x86", b"}N\x86"])
def test_a_state_of_slots_is_a_dict(loads, state):
    with pytest.raises(pickle.UnpicklingError, match="slot state is not a dictionary"):
        loads(BEFORE + of_this_module("Plain") + b")\x81" + state + b"b.")


@not_on_pypy("an unpickler of ours")
@LOADERS
@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        (of_this_module("Plain") + b")\x81K\x01b.", {}),
        (b"N\x97.", {}),
        (b"N\x97.", {"buffers": []}),
        (b"N\xff.", {}),
    ],
)
def test_the_context_of_an_error(loads, program, arguments):
    def load_while_handling(error):
        try:
            raise error
        except ZeroDivisionError:
            loads(BEFORE + program, **arguments)

    handled = ZeroDivisionError()
    with pytest.raises(pickle.UnpicklingError) as raised:
        load_while_handling(handled)
    assert raised.value.__context__ is handled


AUDITED = """
import pickle, sys
import cloudpickle
seen = []
# Hooks are never taken away again: this runs in a process of its own.
sys.addaudithook(lambda event, arguments: seen.append(arguments) if event == "pickle.find_class" else None)
for name in (b"a.<locals>.b", b"<locals>", b"\\xed\\xa0\\x80"):
    try:
        cloudpickle.loads(b"\\x80\\x04\\x8c\\x08builtins\\x8c" + bytes([len(name)]) + name + b"\\x93.")
    except AttributeError:
        assert len(seen) == 1, seen
    seen.clear()
print("told")
"""


def test_audit_hooks_are_told_once_of_names_that_are_never_there():
    result = subprocess.run([sys.executable, "-c", AUDITED], capture_output=True, text=True, check=False)
    assert result.stdout == "told\n", result.stderr
