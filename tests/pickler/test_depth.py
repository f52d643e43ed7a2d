"""Depth is bounded by memory, not by the native stack; what never ends, ends in an error.

Each test runs in a process of its own: the wrong answer here is a crash.
"""

import sys

import pytest

from implementation import PYPY, not_on_pypy
from travel import run_script

# How deep is deep. PyPy takes a minute for a million instances that an extension looks at.
MANY = 100_000 if PYPY else 1_000_000

# The dump happens on a thread whose stack has room for a few hundred C frames only.
ON_A_SMALL_STACK = """
import os, pickle, sys, threading
import cloudpickle

def on_a_small_stack(work):
    outcome = []
    def run():
        try:
            outcome.append(work())
        except BaseException as error:
            outcome.append(type(error).__name__ + ": " + str(error)[:200])
    threading.stack_size(512 * 1024)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return outcome[0]

def leave():
    # The interpreter's own teardown of a deep structure is not what is tested.
    sys.stdout.flush()
    os._exit(0)
"""


def deep(source):
    return run_script(ON_A_SMALL_STACK + source + "\nleave()\n")


def test_linked_list_of_many_instances():
    result = deep(
        f"""
class Node: pass
head = None
for i in range({MANY}):
    node = Node()
    node.value, node.next = i, head
    head = node
data = on_a_small_stack(lambda: cloudpickle.dumps(head))
count = total = 0
if isinstance(data, bytes):
    node = pickle.loads(data)
    while node is not None:
        count, total, node = count + 1, total + node.value, node.next
report(error=None if isinstance(data, bytes) else data, count=count, total=total)
"""
    )
    assert result == {"error": None, "count": MANY, "total": sum(range(MANY))}


@pytest.mark.parametrize(
    "wrap, unwrap",
    [
        ("[x]", "x[0]"),
        pytest.param("(x,)", "x[0]", marks=not_on_pypy("deep tuples")),
        ("{'k': x}", "x['k']"),
        ("[x, 1]", "x[0]"),
        pytest.param("(1, x, 2, 3)", "x[1]", marks=not_on_pypy("deep tuples")),
    ],
)
def test_nested_containers_of_many_levels(wrap, unwrap):
    result = deep(
        f"""
x = "core"
for _ in range({MANY}):
    x = {wrap}
data = on_a_small_stack(lambda: cloudpickle.dumps(x))
depth = 0
if isinstance(data, bytes):
    x = pickle.loads(data)
    while type(x) is not str:
        x = {unwrap}
        depth += 1
report(error=None if isinstance(data, bytes) else data, depth=depth, core=x if type(x) is str else None)
"""
    )
    assert result == {"error": None, "depth": MANY, "core": "core"}


@pytest.mark.parametrize("levels", [1_000, 100_000])
def test_nested_tuples_on_the_main_thread(levels):
    """Pickled; on PyPy, where a tuple takes native stack for each level, pickled or refused."""
    result = run_script(
        f"""
        import os, pickle, sys
        import cloudpickle
        x = "core"
        for _ in range({levels}):
            x = (x, 1)
        try:
            data = cloudpickle.dumps(x)
        except RecursionError:
            data = None
        report(refused=data is None)
        sys.stdout.flush()
        os._exit(0)
        """
    )
    assert result == {"refused": PYPY and levels == 100_000}


def test_dump_to_a_file_is_as_deep():
    result = deep(
        f"""
import io
x = []
for _ in range({MANY}):
    x = [x]
file = io.BytesIO()
error = on_a_small_stack(lambda: cloudpickle.dump(x, file))
report(error=error, size=len(file.getvalue()))
"""
    )
    assert result["error"] is None and result["size"] > MANY


def test_closure_chain():
    result = deep(
        f"""
def make(inner, n):
    def f():
        return inner, n
    return f
f = None
for n in range({MANY // 10}):
    f = make(f, n)
data = on_a_small_stack(lambda: cloudpickle.dumps(f))
depth = 0
if isinstance(data, bytes):
    f = pickle.loads(data)
    while f is not None:
        f, n = f()
        depth += 1
report(error=None if isinstance(data, bytes) else data, depth=depth, last=n)
"""
    )
    assert result == {"error": None, "depth": MANY // 10, "last": 0}


def test_deep_reductions():
    """`__reduce__` nested through its arguments, with a Python call at each level."""
    result = deep(
        """
class Wraps:
    def __init__(self, inner): self.inner = inner
    def __reduce__(self): return Wraps, (self.inner,)
x = None
for _ in range(100_000):
    x = Wraps(x)
data = on_a_small_stack(lambda: cloudpickle.dumps(x))
depth = 0
if isinstance(data, bytes):
    x = pickle.loads(data)
    while x is not None:
        x, depth = x.inner, depth + 1
report(error=None if isinstance(data, bytes) else data, depth=depth)
"""
    )
    assert result == {"error": None, "depth": 100_000}


def test_chain_of_classes():
    """Each class is an attribute of the next one."""
    result = deep(
        """
kind = None
for i in range(3000):
    kind = type("K", (), {"inner": kind, "n": i, "__module__": "__main__"})
data = on_a_small_stack(lambda: cloudpickle.dumps(kind))
report(error=None if isinstance(data, bytes) else data)
"""
    )
    assert result == {"error": None}


ENDLESS = {
    "arguments": "return Endless, (Endless(),)",
    "state": "return Endless, (), Endless()",
    "state dict": "return Endless, (), {'next': Endless()}",
    "list items": "return list, (), None, iter([Endless()])",
    "dict items": "return dict, (), None, None, iter([(1, Endless())])",
    "nested": "return Endless, ([{'deep': (Endless(),)}],)",
    "closure": "x = Endless(); return (lambda: x), ()",
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit on memory is Linux's RLIMIT_AS")
@pytest.mark.parametrize("shape", ENDLESS)
def test_endless_graph_is_an_error(shape):
    """A `__reduce__` that keeps making new objects ends in a PicklingError before two gigabytes are gone."""
    result = run_script(
        f"""
        import pickle, cloudpickle
        class Endless:
            def __init__(self, *args): pass
            def __reduce__(self):
                {ENDLESS[shape]}
        try:
            cloudpickle.dumps(Endless())
        except Exception as error:
            report(pickling=isinstance(error, pickle.PicklingError), speaks="recursion" in str(error).lower())
        report(after=pickle.loads(cloudpickle.dumps([1, 2])))
        """,
        memory=2 << 30,
    )
    assert result == {"pickling": True, "speaks": True, "after": [1, 2]}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit on memory is Linux's RLIMIT_AS")
def test_endless_reducer_override_is_an_error():
    result = run_script(
        """
        import io, pickle, cloudpickle
        class Thing: pass
        class Endless(cloudpickle.Pickler):
            def reducer_override(self, obj):
                return (Thing, (), {"next": Thing()}) if type(obj) is Thing else super().reducer_override(obj)
        try:
            Endless(io.BytesIO()).dump(Thing())
        except Exception as error:
            report(pickling=isinstance(error, pickle.PicklingError), speaks="recursion" in str(error).lower())
        """,
        memory=2 << 30,
    )
    assert result == {"pickling": True, "speaks": True}


def test_long_is_not_deep():
    """A million siblings that each run `__reduce__` are no recursion."""
    result = run_script(
        """
        import pickle, cloudpickle
        class One:
            def __reduce__(self): return int, ("7",)
        data = cloudpickle.dumps([One() for _ in range(300_000)])
        report(total=sum(pickle.loads(data)))
        """
    )
    assert result == {"total": 2_100_000}


@pytest.mark.parametrize("hook", ["__getattr__", "__reduce__", "__getstate__"])
def test_endless_recursion_in_the_users_own_code(hook):
    """It surfaces as the RecursionError of `pickle` and the PicklingError of upstream; the process lives."""
    # Without `*args`: CPython 3.13.0 has no recursion limit for calls of functions that take them.
    parameters = "self, name" if hook == "__getattr__" else "self"
    body = "return self.missing" if hook == "__getattr__" else f"return self.{hook}()"
    entry = "def __reduce__(self): return list, (self.name,)" if hook == "__getattr__" else ""
    result = run_script(
        f"""
        import pickle, cloudpickle
        class Runaway:
            def {hook}({parameters}):
                {body}
            {entry}
        try:
            cloudpickle.dumps(Runaway())
        except Exception as error:
            report(kinds=[kind.__name__ for kind in type(error).__mro__])
        report(after=pickle.loads(cloudpickle.dumps([1])))
        """
    )
    assert {"RecursionError", "PicklingError"} <= set(result["kinds"])
    assert result["after"] == [1]


SELF_REFERRING = {
    "arguments": "return list, (self,)",
    "in a container": "return list, ([{1: self}],)",
    "through the class": "return getattr, (self, 'x')",
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit on memory is Linux's RLIMIT_AS")
@pytest.mark.parametrize("shape", SELF_REFERRING)
def test_object_among_its_own_arguments_is_an_error(shape):
    """It would have to exist before it is made; `pickle` runs into the recursion limit."""
    result = run_script(
        f"""
        import pickle, cloudpickle
        class Circular:
            def __reduce__(self):
                {SELF_REFERRING[shape]}
        try:
            cloudpickle.dumps(Circular())
        except Exception as error:
            report(pickling=isinstance(error, pickle.PicklingError), speaks="recursion" in str(error).lower())
        """,
        memory=2 << 30,
    )
    assert result == {"pickling": True, "speaks": True}


def test_endless_graph_of_large_objects_is_an_error():
    result = run_script(
        """
        import pickle, cloudpickle
        class Endless:
            def __reduce__(self): return Endless, (Endless(), bytes(30_000))
        try:
            cloudpickle.dumps(Endless())
        except Exception as error:
            report(pickling=isinstance(error, pickle.PicklingError), speaks="recursion" in str(error).lower())
        """,
        memory=2 << 30,
    )
    assert result == {"pickling": True, "speaks": True}


@not_on_pypy("gc.freeze")
def test_deep_data_that_gc_freeze_hides():
    """Servers that fork freeze what they loaded; `gc.get_objects` does not show it."""
    result = deep(
        """
import gc
class Node: pass
head = None
for i in range(60_000):
    node = Node()
    node.next = head
    head = node
gc.freeze()
data = on_a_small_stack(lambda: cloudpickle.dumps(head))
report(error=None if isinstance(data, bytes) else data)
"""
    )
    assert result == {"error": None}


def test_deep_data_whose_links_are_wrapped_when_pickled():
    """Every second level is an object that did not exist before; the levels between did."""
    result = deep(
        """
class Wrapper:
    def __init__(self, inner): self.inner = inner
    def __reduce__(self): return Wrapper, (self.inner,)
class Node:
    next = None
    def __reduce__(self): return Node, (), {"next": Wrapper(self.next)}
head = None
for i in range(60_000):
    node = Node()
    node.next = head
    head = node
data = on_a_small_stack(lambda: cloudpickle.dumps(head))
report(error=None if isinstance(data, bytes) else data)
"""
    )
    assert result == {"error": None}


def test_deep_branches_that_are_made_one_after_the_other():
    """What existed when the walk was first deep says nothing of a branch that was made later, and then walked."""
    result = deep(
        """
class Node: pass
def chain(length):
    head = None
    for i in range(length):
        node = Node()
        node.next = head
        head = node
    return head
class Branches(list):
    def __reduce__(self): return list, (), None, (chain(25_000) for _ in range(4))
data = on_a_small_stack(lambda: cloudpickle.dumps(Branches()))
report(error=None if isinstance(data, bytes) else data)
"""
    )
    assert result == {"error": None}
