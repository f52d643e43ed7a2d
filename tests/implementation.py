"""What a test may not expect of PyPy: the one place for tests that PyPy cannot pass, each with its reason.

Only what the interpreter itself lacks is in the table. A test that fails on PyPy for another reason is a failing test.
"""

import pickle
import sys
import sysconfig

import pytest

PYPY = sys.implementation.name == "pypy"

# Builds of CPython without the global lock.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

LACKING = {
    "dicts of another kind": "for key, value in d.items(): del d[x]; d[5] = y crashes it",
    "classes that die": "a class that an extension has looked at is never freed, whatever the extension does",
    "counts of references": "objects are not finalised where the last reference goes, but at some later moment",
    "finalisers at exit": "objects that are alive at exit are not finalised",
    "gc.freeze": "there is no gc.freeze",
    "deep tuples": "an extension gets a tuple with all tuples inside it, which takes native stack: a RecursionError",
    "infinity as text": "its unpickler does not read the infinities and NaN that its own pickler writes in protocol 0",
    "an empty stack": "its compiled unpickler crashes where a pickle takes more from the stack than there is",
    "a C pickler": "its compiled pickler writes other bytes than CPython's: other batches, other memo entries",
    "a base class to initialise": "a pickler of its own takes its arguments where it is made, and not in __init__",
    "an unpickler of ours": "loads is pickle's own there, with its own errors and its own way with names and buffers",
    "room beside a limit": "it takes and returns memory in large pieces, so that a limit says nothing about a dump",
    "arrays": "numpy makes the parts of an array anew each time it is asked, and which of them are one object varies",
    "signatures": "its pickle.load and pickle.loads show other parameters than CPython's",
    "types made in C": "those of its library are made in the interpreter or in Python: nobody can tell what they hold",
    "live attributes": "object.__reduce_ex__ takes a copy of an object's attributes, which then do not change",
}


def skip_on_pypy(lacking):
    """Leave the test that is running, on PyPy, which lacks what it needs."""
    if PYPY:
        pytest.skip(f"PyPy: {LACKING[lacking]}")


def not_on_pypy(lacking):
    """The mark of a test, or of a parameter, for which PyPy lacks what it needs."""
    return pytest.mark.skipif(PYPY, reason=f"PyPy: {LACKING[lacking]}")


def exact_bytes(obj, protocol):
    """The bytes of CPython's C pickler, or the nearest there is.

    On PyPy that is `pickle.py`, which is CPython's. It differs from the C pickler in how it batches the items of long
    containers.
    """
    return pickle._dumps(obj, protocol=protocol) if PYPY else pickle.dumps(obj, protocol=protocol)
