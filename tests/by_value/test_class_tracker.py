"""The identity of classes that travel by value: one class stays one, on both sides and on the way back."""

import os

import pytest

from implementation import not_on_pypy
from travel import Peer, run_script

SOURCE = """
class A:
    rate = 1
    def __init__(self, x=0): self.x = x
    def f(self): return self.rate
"""


def test_one_class_through_many_pickles():
    with Peer() as driver, Peer() as worker:
        driver.run(SOURCE)
        for name in ("one", "two", "three"):
            worker.load(driver.pickle("A(5)"), name)
        assert worker.evaluate("type(one) is type(two) is type(three)") is True


def test_class_and_later_its_instance():
    with Peer() as driver, Peer() as worker:
        driver.run(SOURCE)
        worker.load(driver.pickle("A"), "kind")
        worker.load(driver.pickle("A()"), "instance")
        worker.load(driver.pickle("lambda x: isinstance(x, A)"), "check")
        assert worker.evaluate("[isinstance(instance, kind), check(instance), check(kind(1)), check(5)]") == [
            True,
            True,
            True,
            False,
        ]


def test_comes_back_as_the_original():
    with Peer() as driver, Peer() as worker:
        driver.run(SOURCE)
        worker.load(driver.pickle("A"))
        driver.load(worker.pickle("[value, value(3)]"), "returned")
        assert driver.evaluate("[returned[0] is A, type(returned[1]) is A, returned[1].x]") == [True, True, 3]


def test_through_a_third_process():
    with Peer() as driver, Peer() as first, Peer() as second:
        driver.run(SOURCE)
        first.load(driver.pickle("A"))
        second.load(first.pickle("value"))
        driver.load(second.pickle("value(4)"), "returned")
        assert driver.evaluate("type(returned) is A") is True
        first.load(driver.pickle("A(6)"), "later")
        assert first.evaluate("type(later) is value") is True


def test_edits_made_by_the_driver_reach_the_worker():
    with Peer() as driver, Peer() as worker:
        driver.run(SOURCE)
        worker.load(driver.pickle("A()"), "early")
        driver.run("A.rate = 2\nA.g = lambda self: 'added'")
        worker.load(driver.pickle("A()"), "late")
        assert worker.evaluate("[early.f(), late.f(), early.g(), type(early) is type(late)]") == [2, 2, "added", True]


def test_redefinition_is_another_class():
    with Peer() as driver, Peer() as worker:
        driver.run(SOURCE)
        worker.load(driver.pickle("A()"), "early")
        driver.run(SOURCE.replace("rate = 1", "rate = 2"))
        worker.load(driver.pickle("A()"), "late")
        assert worker.evaluate("[early.f(), late.f(), type(early) is type(late)]") == [1, 2, False]


def test_enums_too():
    with Peer() as driver, Peer() as worker:
        driver.run("import enum\nclass E(enum.Enum):\n    X = 1")
        worker.load(driver.pickle("E.X"), "one")
        worker.load(driver.pickle("E.X"), "two")
        assert worker.evaluate("one is two") is True
        driver.load(worker.pickle("one"), "returned")
        assert driver.evaluate("returned is E.X") is True


def test_two_drivers_with_equal_classes():
    """Equal source in two processes makes two classes; ids are not hashes of the content."""
    with Peer() as one, Peer() as two, Peer() as worker:
        one.run(SOURCE)
        two.run(SOURCE)
        worker.load(one.pickle("A"), "first")
        worker.load(two.pickle("A"), "second")
        assert worker.evaluate("first is second") is False


def test_an_id_lasts_as_long_as_its_object():
    """Though nothing but the tracker's weak reference leads to it from the extension."""
    result = run_script(
        """
        import gc, typing
        import cloudpickle
        from cloudpickle.cloudpickle import _get_or_create_tracker_id
        class Kind: pass
        kept = [Kind] + [typing.TypeVar("T") for _ in range(20)]
        ids = [_get_or_create_tracker_id(kind) for kind in kept]
        for _ in range(3):
            gc.collect()
            [object() for _ in range(10_000)]
        report(same=ids == [_get_or_create_tracker_id(kind) for kind in kept], distinct=len(set(ids)))
        """
    )
    assert result == {"same": True, "distinct": 21}


@not_on_pypy("classes that die")
def test_dead_classes_are_let_go():
    result = run_script(
        """
        import gc, pickle, weakref
        import cloudpickle
        def make():
            class Temporary:
                data = list(range(100))
                def f(self): return super().__repr__()
            return Temporary
        references = []
        for _ in range(50):
            kind = make()
            loaded = pickle.loads(cloudpickle.dumps(kind))
            references.append(weakref.ref(kind))
            assert loaded is kind
        del kind, loaded
        gc.collect()
        report(alive=sum(reference() is not None for reference in references))
        """
    )
    assert result == {"alive": 0}


@not_on_pypy("classes that die")
def test_dead_classes_are_let_go_in_the_worker():
    with Peer() as driver, Peer() as worker:
        driver.run("def make():\n    class T:\n        def f(self): return __class__\n    return T")
        worker.evaluate("import gc, weakref; references = []")
        for _ in range(20):
            worker.load(driver.pickle("make()"))
            worker.evaluate("references.append(weakref.ref(value)); del value")
        assert worker.evaluate("gc.collect(); sum(r() is not None for r in references)") == 0


def test_functions_are_let_go():
    """Neither cache nor memo keeps what was pickled alive."""
    result = run_script(
        """
        import gc, weakref
        import cloudpickle
        def make():
            big = [0] * 1000
            return lambda: big
        references = []
        for _ in range(50):
            f = make()
            cloudpickle.dumps(f)
            references.append(weakref.ref(f))
        del f
        for _ in range(5):  # PyPy lets go of what an extension held one level at a time
            gc.collect()
        report(alive=sum(reference() is not None for reference in references))
        """
    )
    assert result == {"alive": 0}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_keeps_what_it_gave_the_class_of_its_parent():
    """That the class came home before has applied nothing, which would be gone."""
    result = run_script(
        SOURCE
        + """
import os, pickle
import cloudpickle
pickle.loads(cloudpickle.dumps(A))
del A.rate
data = cloudpickle.dumps(A)
child = os.fork()
if not child:
    A.rate = "of the child"
    pickle.loads(data)
    report(rate=getattr(A, "rate", None))
    os._exit(0)
os.waitpid(child, 0)
"""
    )
    assert result == {"rate": "of the child"}
