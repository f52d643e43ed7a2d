"""A module that the worker does not have: the ImportError says what needs it, and what can be done."""

import pytest

from travel import Peer, RemoteError

# A module of the driver alone.
SOURCE = """
import sys, types
package = types.ModuleType("only_here"); package.__path__ = []; package.__package__ = "only_here"
package.sub = types.ModuleType("only_here.sub")
sys.modules["only_here"], sys.modules["only_here.sub"] = package, package.sub
import only_here, only_here.sub, json

def inner(): return json
def uses(): return only_here, inner
def after(): return inner, only_here
def make():
    captured = only_here
    def closure(): return captured
    return closure
class Model:
    library = only_here
def reaches(): return only_here.sub.thing
"""

CASES = {
    "global": ("uses", "function __main__.uses needs the module only_here"),
    "after another function": ("after", "function __main__.after needs the module only_here"),
    "class attribute": ("Model", "class __main__.Model needs the module only_here"),
    # The variables of a closure arrive before the function that is made of them.
    "closure": ("make()", "the pickle needs the module only_here"),
    "data": ("[only_here]", "the pickle needs the module only_here"),
    "data and code": ("[inner, only_here]", "the pickle needs the module only_here"),
}


def what_is_said(worker, data):
    worker.run("import pickle")
    worker.run(f"data = {data!r}")
    worker.run(
        """
        try:
            pickle.loads(data)
        except ModuleNotFoundError as error:
            said = "\\n".join([str(error), *getattr(error, "__notes__", [])]), error.name
        """
    )
    return worker.evaluate("said")


@pytest.mark.parametrize("case", CASES)
def test_says_what_needs_the_module(case):
    expression, needed = CASES[case]
    with Peer() as driver, Peer() as worker:
        driver.run(SOURCE)
        said, name = what_is_said(worker, driver.pickle(expression))
        assert name == "only_here"
        first, second = said.split("\n")
        assert first == "No module named 'only_here'"
        assert second.startswith(needed + ": install it")
        assert "cloudpickle.register_pickle_by_value(module) where the pickle is made" in second


def test_a_failed_load_is_not_blamed_later():
    broken = "class Broken:\n    def __setstate__(self, state): raise ValueError\nbroken = Broken(); broken.x = 1"
    with Peer() as driver, Peer() as worker:
        driver.run(SOURCE)
        driver.run(broken + "\ndef fails(): return broken")
        with pytest.raises(RemoteError, match="ValueError"):
            worker.load(driver.pickle("fails"))
        said, _ = what_is_said(worker, driver.pickle("[only_here]"))
        assert said.split("\n")[1].startswith("the pickle needs the module only_here: ")
