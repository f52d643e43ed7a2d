"""What the worker does not have: the ImportError or AttributeError says what needs it, and what can be done.

Of a module that shipped code uses, plain `pickle.loads` says so. Of a function or class that is written as a reference,
`cloudpickle.loads` does: nothing of this package runs when `pickle.loads` does not find it.
"""

import pytest

from travel import Peer, RemoteError

# A module of the driver alone.
SOURCE = """
import sys, types
package = types.ModuleType("only_here"); package.__path__ = []; package.__package__ = "only_here"
package.sub = types.ModuleType("only_here.sub")
sys.modules["only_here"], sys.modules["only_here.sub"] = package, package.sub
import only_here, only_here.sub, json

def alone(): pass
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
    "global": ("uses", "function uses needs the module only_here"),
    "after another function": ("after", "function after needs the module only_here"),
    "class attribute": ("Model", "class Model needs the module only_here"),
    # The variables of a closure arrive before the function that is made of them.
    "closure": ("make()", "the pickle needs the module only_here"),
    "data": ("[only_here]", "the pickle needs the module only_here"),
    "data and code": ("[inner, only_here]", "the pickle needs the module only_here"),
    "data and code that is made at once": ("[alone, only_here]", "the pickle needs the module only_here"),
}


def what_is_said(worker, data, loader="pickle"):
    worker.run(f"import {loader}; load = {loader}.loads")
    worker.run(f"data = {data!r}")
    worker.run(
        """
        try:
            load(data)
        except (ImportError, AttributeError) as error:
            said = "\\n".join([str(error), *getattr(error, "__notes__", [])]), getattr(error, "name", None)
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


GLOBALS = """
import sys, types, string
module = types.ModuleType("only_here")
exec("def thing(): pass", module.__dict__)
exec("class Kind: pass", module.__dict__)
sys.modules["only_here"] = module
from only_here import thing, Kind
exec("def added(): pass", string.__dict__)
from string import added
def uses(): return thing
class Model:
    kind = Kind
def uses_added(): return added
"""

GLOBAL_CASES = {
    "function": ("uses", "No module named 'only_here'", "function uses needs the module only_here"),
    "class": ("Model", "No module named 'only_here'", "class Model needs the module only_here"),
    "data": ("[Kind()]", "No module named 'only_here'", "the pickle needs the module only_here"),
    "attribute": ("uses_added", "attribute 'added'", "function uses_added needs it"),
}


@pytest.mark.parametrize("case", GLOBAL_CASES)
def test_says_what_needs_a_global(case):
    expression, reason, needed = GLOBAL_CASES[case]
    with Peer() as driver, Peer() as worker:
        driver.run(GLOBALS)
        said, _ = what_is_said(worker, driver.pickle(expression), "cloudpickle")
        first, second = said.split("\n")
        assert reason in first
        assert second.startswith(needed + ": install it where the pickle is loaded, or ")


@pytest.mark.parametrize("loader", ["pickle", "cloudpickle"])
def test_said_every_time(loader):
    with Peer() as driver, Peer() as worker:
        driver.run(SOURCE)
        data = driver.pickle("uses")
        for _ in range(5):
            said, _ = what_is_said(worker, data, loader)
            assert said.count("function uses needs the module only_here") == 1


def test_said_once():
    with Peer() as driver, Peer() as worker:
        driver.run(SOURCE)
        said, _ = what_is_said(worker, driver.pickle("uses"), "cloudpickle")
        assert said.count("needs the module only_here") == 1


def test_a_failed_load_is_not_blamed_later():
    broken = "class Broken:\n    def __setstate__(self, state): raise ValueError\nbroken = Broken(); broken.x = 1"
    with Peer() as driver, Peer() as worker:
        driver.run(SOURCE)
        driver.run(broken + "\ndef fails(): return broken")
        with pytest.raises(RemoteError, match="ValueError"):
            worker.load(driver.pickle("fails"))
        # Without the global lock, functions that nobody holds live until the next collection.
        worker.evaluate("import gc; gc.collect()")
        said, _ = what_is_said(worker, driver.pickle("[only_here]"))
        assert said.split("\n")[1].startswith("the pickle needs the module only_here: ")
