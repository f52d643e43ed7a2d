"""Globals by reference: their names on the wire, and the errors for names that lie."""

import pickle
import pickletools
import sys
import types

import corpus
import pytest

import cloudpickle
from travel import round_trip

IMPORTABLE = [len, int.__add__.__class__, dict.fromkeys, str.maketrans, pickle.dumps, corpus.Plain, Exception, sys.exit]


@pytest.mark.parametrize(
    "obj", [corpus.Plain, corpus.Plain.Nested, corpus.Plain.Nested.Deeper], ids=lambda c: c.__qualname__
)
def test_classes_by_qualified_name(obj, protocol):
    assert round_trip(obj, protocol) is obj


def test_method_of_a_nested_class_by_qualified_name(protocol):
    assert round_trip(corpus.Plain.Nested.method, protocol) is corpus.Plain.Nested.method


@pytest.mark.parametrize("obj", [len, print, sys.exit, pickle.dumps, complex, ValueError, object, type])
def test_builtins_by_name(obj, protocol):
    assert round_trip(obj, protocol) is obj


@pytest.mark.parametrize("obj", [dict.fromkeys, bytes.fromhex, str.maketrans, "text".upper, [1].index, (5).__add__])
def test_methods_of_builtins(obj, protocol):
    loaded = round_trip(obj, protocol)
    assert loaded == obj or (loaded.__self__ == obj.__self__ and loaded.__name__ == obj.__name__)


@pytest.mark.parametrize("obj", [str.upper, list.append, int.__add__, dict.__getitem__])
def test_unbound_methods_of_builtins(obj, protocol):
    assert round_trip(obj, protocol) is obj


@pytest.mark.parametrize("obj", [type(None), type(...), type(NotImplemented)])
def test_types_of_the_singletons(obj, protocol):
    """Plain pickle writes them as `type(None)` and so on, with no name of cloudpickle's."""
    data = cloudpickle.dumps(obj, protocol=protocol)
    assert pickle.loads(data) is obj
    assert b"cloudpickle" not in data
    assert pickletools.optimize(data) == pickletools.optimize(pickle.dumps(obj, protocol=protocol))


@pytest.mark.parametrize(
    "obj",
    [range, map, zip, ValueError, FileNotFoundError, ModuleNotFoundError, int, str, bytes, print, set, object],
    ids=lambda obj: obj.__name__,
)
def test_names_of_python_2(obj, protocol):
    """Below protocol 3 the names are those of Python 2 (`_compat_pickle`), as pickle's default `fix_imports` has it."""
    assert pickletools.optimize(cloudpickle.dumps(obj, protocol=protocol)) == pickletools.optimize(
        pickle.dumps(obj, protocol=protocol)
    )


def test_python_2_module_names():
    import builtins
    import collections
    import functools

    data = cloudpickle.dumps([builtins.len, collections.UserDict, functools.reduce], protocol=2)
    assert b"__builtin__" in data and b"UserDict" in data and b"builtins" not in data.replace(b"__builtin__", b"")
    assert pickle.loads(data) == [len, collections.UserDict, functools.reduce]


def test_names_beyond_ascii():
    module = types.ModuleType("modul\xe9")
    exec("class Gr\xf6sse: pass", module.__dict__)
    sys.modules[module.__name__] = module
    try:
        kind = getattr(module, "Gr\xf6sse")
        for protocol in (3, 4, 5):
            assert round_trip(kind, protocol) is kind
        with pytest.raises(pickle.PicklingError, match="can't pickle (global|module) identifier"):
            cloudpickle.dumps(kind, protocol=2)
    finally:
        del sys.modules[module.__name__]


def test_a_global_is_written_once(protocol):
    data = cloudpickle.dumps([corpus.Plain] * 3, protocol=protocol)
    assert data.count(b"Plain") == 1


def test_object_that_is_not_what_its_name_says():
    """A builtin-like object whose name leads to another object is refused, with pickle's words."""

    class Named:
        __module__ = __name__
        __qualname__ = "Named"

        def __reduce__(self):
            return "test_builtins_by_name"

    with pytest.raises(pickle.PicklingError, match=f"not the same object as {__name__}.test_builtins_by_name"):
        cloudpickle.dumps(Named())


def test_local_name_by_string_is_refused():
    class Named:
        def __reduce__(self):
            return "<locals>.x"

    Named.__module__ = __name__
    with pytest.raises((pickle.PicklingError, AttributeError)):
        cloudpickle.dumps(Named())


def test_string_reduction_in_a_module_that_does_not_exist():
    class Named:
        def __reduce__(self):
            return "name"

    Named.__module__ = "no.such.module"
    obj = Named()
    with pytest.raises(pickle.PicklingError):
        cloudpickle.dumps(obj)


def test_builtin_function_without_a_home():
    """A builtin whose module does not have it cannot travel by value."""
    assert round_trip(types.BuiltinFunctionType) is types.BuiltinFunctionType
    module = types.ModuleType("emptied")
    sys.modules["emptied"] = module
    try:

        class Posing:
            def __reduce__(self):
                return "absent"

        Posing.__module__ = "emptied"
        with pytest.raises(pickle.PicklingError, match="absent"):
            cloudpickle.dumps(Posing())
    finally:
        del sys.modules["emptied"]


def test_name_of_a_subclass_of_str():
    """Its methods are user code, and do not decide what is found."""

    class Name(str):
        def split(self, *args):
            return ["digits"]

    class Thing:
        def __reduce__(self):
            return Name("no such name")

    Thing.__module__ = "string"
    with pytest.raises(pickle.PicklingError, match="no such name"):
        cloudpickle.dumps(Thing())


class Reflexive:
    """An attribute of itself, under the name that it claims."""


Reflexive.itself = Reflexive
Reflexive.__qualname__ = "Reflexive.itself"


def test_class_that_is_its_own_attribute(protocol):
    assert round_trip(Reflexive, protocol) is Reflexive


class SelfNamed(str):
    """A string that is a global of its own name."""

    def __reduce__(self):
        return self


def test_string_that_names_itself(monkeypatch, protocol):
    """What goes on the wire is the name as a plain string, not the object again."""
    name = SelfNamed("self_named")
    monkeypatch.setitem(globals(), "self_named", name)
    assert round_trip(name, protocol) is name


def test_dotted_name_with_a_lone_surrogate(protocol):
    assert round_trip(Surrogate.instance, protocol) is Surrogate.instance


class Surrogate:
    def __reduce__(self):
        return "Surrogate.\ud800"


Surrogate.instance = Surrogate()
setattr(Surrogate, "\ud800", Surrogate.instance)
