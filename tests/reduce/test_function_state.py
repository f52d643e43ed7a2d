"""A function is made with what its code and its globals say; what else it has, and only that, is its state."""

import pickle
import pickletools
import sys

import pytest

from cloudpickle import dumps, loads
from travel import Peer, round_trip

DEFINED = """
def plain(x): return x + 1
def documented(x):
    "What it does."
    return x + 1
def text(): return "first"
text_lambda = lambda: "first"
def empty_text():
    ""
class Outer:
    def method(self): return 1
    def named(self, x=1): return x
"""


def state_names(function):
    """The names of the attributes in the pickle of a function; None if it has no state."""
    strings = [argument for _, argument, _ in pickletools.genops(dumps(function)) if isinstance(argument, str)]
    if "_function_setstate" not in strings:
        return None
    return {name for name in strings if name.startswith("__") and name.endswith("__")}


def define():
    namespace = {"__name__": "__main__"}
    exec(DEFINED, namespace)
    return namespace


def described(function):
    names = ["__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__", "__annotations__"]
    return {name: getattr(function, name) for name in [*names, "__dict__"]}


@pytest.mark.parametrize("name", ["plain", "documented", "text", "text_lambda", "empty_text"])
def test_arrives_as_it_was(name):
    function = define()[name]
    for load in (loads, pickle.loads):
        assert described(load(dumps(function))) == described(function)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("__name__", "other"),
        ("__qualname__", "Outer.other"),
        ("__module__", "elsewhere"),
        ("__module__", None),
        ("__doc__", None),
        ("__doc__", "Another."),
        ("__doc__", 5),
        ("__defaults__", (1,)),
        ("__kwdefaults__", {"y": 1}),
        ("__annotations__", {"x": int}),
        ("added", 1),
    ],
)
@pytest.mark.parametrize("name", ["plain", "documented", "text_lambda"])
def test_what_was_changed_travels(name, attribute, value):
    function = define()[name]
    setattr(function, attribute, value)
    assert described(round_trip(function)) == described(function)


def test_annotations_that_nobody_made_and_that_are_empty_are_the_same():
    one, other = define()["plain"], define()["plain"]
    assert other.__annotations__ == {}
    assert dumps(one) == dumps(other)


@pytest.mark.skipif(sys.implementation.name == "pypy", reason="functions are not known to be made with their names")
def test_nothing_travels_that_the_function_is_made_with():
    defined = define()
    assert state_names(defined["plain"]) is None
    assert state_names(defined["documented"]) is None
    assert "__qualname__" not in (state_names(defined["plain"]) or ())
    defined["plain"].__name__ = "other"
    assert "__name__" in state_names(defined["plain"])


def test_whose_state_is_missing_is_not_blamed_for_what_another_lacks():
    with Peer() as driver, Peer() as worker:
        driver.run(
            """
            import sys, types
            sys.modules["only_here"] = only_here = types.ModuleType("only_here")
            def whole(x): return x
            """
        )
        data = driver.pickle("[whole, only_here]")
        worker.run(f"import pickle\ndata = {data!r}")
        worker.run(
            """
            try:
                pickle.loads(data)
            except ImportError as error:
                said = "\\n".join([str(error), *getattr(error, "__notes__", [])])
            """
        )
        assert "the pickle needs the module only_here" in worker.evaluate("said")
