"""CPython's pickle tests bound to a module's pickler: the test cases, and nothing about running them.

The interpreter's `test.pickletester` holds abstract test cases that `test.test_pickle` binds to the C and the Python
pickler. Here the same cases are bound to a third one. What its Pickler writes is loaded back by the standard library's
unpickler, what its `dumps` and `dump` write by its own `loads` and `load`, which also have to pass the tests of
unpicklers.
"""

from __future__ import annotations

import collections
import io
import pickle
import unittest
from types import ModuleType
from typing import Any

from test import pickletester, test_pickle


def test_cases(module: ModuleType) -> list[type[unittest.TestCase]]:
    """The test cases of this interpreter's pickletester, bound to `module`."""
    pickler = module.Pickler
    unpickler = pickle.Unpickler

    def dumps_through_pickler(self: Any, obj: Any, protocol: Any = None, **options: Any) -> bytes:
        file = io.BytesIO()
        pickler(file, protocol, **options).dump(obj)
        return file.getvalue()

    def dumps_through_function(self: Any, obj: Any, protocol: Any = None, **options: Any) -> bytes:
        return module.dumps(obj, protocol, **options)

    def loads_through_unpickler(self: Any, data: bytes, **options: Any) -> Any:
        return unpickler(io.BytesIO(data), **options).load()

    def loads_through_function(self: Any, data: bytes, **options: Any) -> Any:
        return module.loads(data, **options)

    def dumps_through_file(self: Any, obj: Any, protocol: Any = None, **options: Any) -> bytes:
        file = io.BytesIO()
        module.dump(obj, file, protocol, **options)
        return file.getvalue()

    def loads_through_file(self: Any, data: bytes, **options: Any) -> Any:
        return module.load(io.BytesIO(data), **options)

    def loads_through_minimal_file(self: Any, data: bytes, **options: Any) -> Any:
        return module.load(MinimalFile(data), **options)

    classes = {"pickler": pickler, "unpickler": unpickler}
    through_pickler = {"dumps": dumps_through_pickler, "loads": loads_through_unpickler, **classes}
    cases = [
        bind("PicklerTests", pickletester.AbstractPickleTests, **through_pickler),
        bind(
            "InMemoryTests",
            pickletester.AbstractPickleTests,
            dumps=dumps_through_function,
            loads=loads_through_function,
            test_framed_write_sizes_with_delayed_writer=None,  # needs a file
            **classes,
        ),
        bind(
            "FileTests",
            pickletester.AbstractPickleTests,
            dumps=dumps_through_file,
            loads=loads_through_file,
            **classes,
        ),
        bind("PersistentIdTests", *persistent_id_bases(), **classes),
        bind(
            "ObjectTests",
            pickletester.AbstractPicklerUnpicklerObjectTests,
            pickler_class=pickler,
            unpickler_class=unpickler,
        ),
        bind(
            "DispatchTableTests",
            pickletester.AbstractDispatchTableTests,
            pickler_class=pickler,
            get_dispatch_table=lambda self: pickle.dispatch_table.copy(),
        ),
        bind(
            "ChainDispatchTableTests",
            pickletester.AbstractDispatchTableTests,
            pickler_class=pickler,
            get_dispatch_table=lambda self: collections.ChainMap({}, pickle.dispatch_table),
        ),
        bind(
            "ModuleTests",
            pickletester.AbstractPickleModuleTests,
            dump=staticmethod(module.dump),
            dumps=staticmethod(module.dumps),
            load=staticmethod(module.load),
            loads=staticmethod(module.loads),
            Pickler=pickler,
            Unpickler=unpickler,
        ),
        # The pickler has a reducer_override of its own, so the one under test comes first, as in a user's subclass.
        bind(
            "HookTests",
            pickletester.AbstractHookTests,
            pickler_class=type("CustomPickler", (pickletester.AbstractCustomPicklerClass, pickler), {}),
        ),
    ]
    # Persistent ids chosen by identity, and reference cycles through the hooks.
    if hasattr(test_pickle, "PyIdPersPicklerTests"):
        cases.append(bind("IdentityPersistentIdTests", test_pickle.PyIdPersPicklerTests, **classes))
    # The C unpickler's, with what this interpreter expects of it; those of the class Unpickler load through it.
    if hasattr(test_pickle, "CUnpicklerTests"):
        cases.append(bind("LoadsTests", test_pickle.CUnpicklerTests, loads=loads_through_function))
        cases.append(bind("LoadTests", test_pickle.CUnpicklerTests, loads=loads_through_file))
        cases.append(bind("LoadMinimalTests", test_pickle.CUnpicklerTests, loads=loads_through_minimal_file))
    # Python 3.13.1 and its contemporaries moved the tests of errors into a case of their own.
    if hasattr(pickletester, "AbstractPicklingErrorTests"):
        cases.append(bind("PicklingErrorTests", pickletester.AbstractPicklingErrorTests, **through_pickler))
    return cases


class MinimalFile:
    """What an unpickler needs of a file, and no more."""

    def __init__(self, data: bytes) -> None:
        file = io.BytesIO(data)
        self.read = file.read
        self.readline = file.readline


def bind(name: str, *bases: type, **attributes: Any) -> type[unittest.TestCase]:
    """A concrete test case. It must be reachable by name in this module: some tests pickle what they find in it."""
    if not any(issubclass(base, unittest.TestCase) for base in bases):
        bases = (*bases, unittest.TestCase)
    case = type(name, bases, {**attributes, "__module__": __name__})
    globals()[name] = case
    return case


def persistent_id_bases() -> tuple[type, ...]:
    """`AbstractPersistentPicklerTests` with the `dumps` and `loads` that test_pickle gives it."""
    mixin = getattr(test_pickle, "PersistentPicklerUnpicklerMixin", None)
    if mixin is None:  # before Python 3.13: they are methods of the concrete case
        concrete = test_pickle.PyPersPicklerTests
        mixin = type("PersistentPicklerUnpickler", (), {"dumps": concrete.dumps, "loads": concrete.loads})
    return (pickletester.AbstractPersistentPicklerTests, mixin)
