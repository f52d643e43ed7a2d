"""What belongs to an importable module does not drag the module's globals along where a reference would do."""

import pytest

from travel import Peer

MODULE = """
import functools, threading

lock = threading.Lock()
big = list(range(10_000))

def decorated(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

@decorated
def wrapped(x):
    with lock:
        return x + len(big)

@decorated
@decorated
def wrapped_twice(x):
    with lock:
        return x

class Base:
    @classmethod
    def make(cls):
        with lock:
            return cls, len(big)

    @decorated
    def method(self):
        with lock:
            return 5

def make_closure(n):
    def closure():
        with lock:
            return n
    return closure
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "importable.py").write_text(MODULE)
    return tmp_path


def travel(folder, expression, use):
    with Peer([folder]) as driver, Peer([folder]) as worker:
        driver.run("import importable")
        payload = driver.pickle(expression)
        worker.load(payload)
        return worker.evaluate("import importable\n" + use), len(payload)


def test_classmethod(folder):
    found, size = travel(folder, "importable.Base.make", "value() == (importable.Base, 10_000)")
    assert found is True
    assert size < 100


@pytest.mark.parametrize(
    ("expression", "argument"),
    [
        ("importable.wrapped.__wrapped__", "(1)"),
        ("importable.wrapped_twice.__wrapped__", "(1)"),
        ("importable.wrapped_twice.__wrapped__.__wrapped__", "(1)"),
        ("importable.Base.method.__wrapped__", "(None)"),
    ],
)
def test_function_found_through_wrapped(folder, expression, argument):
    found, size = travel(folder, expression, f"[value is {expression}, value{argument} > 0]")
    assert found == [True, True]
    assert size < 200


def test_closure_over_what_cannot_be_pickled(folder):
    found, size = travel(
        folder, "importable.make_closure(3)", "[value(), value.__globals__['lock'] is importable.lock]"
    )
    assert found == [3, True]
    assert size < 2000


@pytest.mark.also_upstream
def test_closure_travels_to_a_worker_that_lacks_the_module(folder):
    """As far as its globals can be pickled, nothing is imported."""
    (folder / "importable.py").write_text("table = {1: 2}\ndef make():\n    def f(): return table[1]\n    return f")
    with Peer([folder]) as driver, Peer() as worker:
        driver.run("import importable")
        worker.load(driver.pickle("importable.make()"))
        assert worker.evaluate("value()") == 2
