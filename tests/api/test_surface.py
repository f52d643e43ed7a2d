"""The names, signatures and relations that others rely on."""

import inspect
import io
import pickle
import subprocess
import sys
import types
from pathlib import Path

import pytest

import cloudpickle
import cloudpickle.cloudpickle as implementation
from cloudpickle import cloudpickle_fast
from implementation import skip_on_pypy

PUBLIC = [
    "__version__",
    "CloudPickler",
    "Pickler",
    "dump",
    "dumps",
    "load",
    "loads",
    "register_pickle_by_value",
    "unregister_pickle_by_value",
]
PUBLIC_BY_CUSTOM = [
    "DEFAULT_PROTOCOL",
    "dynamic_subimport",
    "instance",
    "is_tornado_coroutine",
    "list_registry_pickle_by_value",
    "subimport",
]
# On the wire, or imported by upstream's own suite and by other packages.
PRIVATE = [
    "PYPY",
    "CellType",
    "_BUILTIN_TYPE_NAMES",
    "_PICKLE_BY_VALUE_MODULES",
    "_builtin_type",
    "_class_setstate",
    "_empty_cell_value",
    "_extract_class_dict",
    "_extract_code_globals",
    "_file_reconstructor",
    "_function_setstate",
    "_get_dataclass_field_type_sentinel",
    "_get_or_create_tracker_id",
    "_is_registered_pickle_by_value",
    "_lookup_class_or_track",
    "_lookup_module_and_qualname",
    "_make_cell",
    "_make_dict_items",
    "_make_dict_keys",
    "_make_dict_values",
    "_make_empty_cell",
    "_make_function",
    "_make_skeleton_class",
    "_make_skeleton_enum",
    "_make_typevar",
    "_should_pickle_by_reference",
    "_whichmodule",
    "builtin_code_type",
]


def test_all_is_explicit():
    assert set(PUBLIC) <= set(cloudpickle.__all__)
    assert all(hasattr(cloudpickle, name) for name in cloudpickle.__all__)


@pytest.mark.parametrize("name", PUBLIC + PUBLIC_BY_CUSTOM)
def test_public_names(name):
    assert hasattr(cloudpickle, name)
    if name != "__version__":
        assert getattr(implementation, name) is getattr(cloudpickle, name)
        assert getattr(cloudpickle_fast, name) is getattr(cloudpickle, name)


@pytest.mark.parametrize("name", PRIVATE)
def test_private_names_that_others_import(name):
    assert hasattr(implementation, name)
    assert getattr(cloudpickle_fast, name) is getattr(implementation, name)


def test_version():
    """A local version of PEP 440: it satisfies every pin on upstream 3.1.2."""
    assert cloudpickle.__version__.startswith("3.1.2+rust.")
    assert cloudpickle.__version__[len("3.1.2+rust.") :].isdigit()


def test_version_is_the_distributions():
    import importlib.metadata

    assert importlib.metadata.version("cloudpickle") == cloudpickle.__version__


def test_star_import():
    space = {}
    exec("from cloudpickle import *", space)
    assert set(PUBLIC) <= set(space)


def test_star_import_of_the_implementation():
    """PySpark re-exports it in this way: pyspark/cloudpickle/__init__.py"""
    space = {}
    exec("from cloudpickle.cloudpickle import *", space)
    assert {"Pickler", "CloudPickler", "dumps", "dump", "loads", "load", "register_pickle_by_value"} <= set(space)
    assert set(PUBLIC_BY_CUSTOM) <= set(space)


def test_fast_module_refuses_what_is_not_there():
    with pytest.raises(AttributeError):
        cloudpickle_fast.no_such_name
    with pytest.raises(AttributeError):
        cloudpickle.no_such_name


def test_one_pickler_class():
    assert cloudpickle.CloudPickler is cloudpickle.Pickler
    assert issubclass(cloudpickle.Pickler, pickle.Pickler)
    assert isinstance(cloudpickle.Pickler(io.BytesIO()), pickle.Pickler)
    assert cloudpickle.Pickler.__name__ == "Pickler"
    assert cloudpickle.Pickler.__module__ == "cloudpickle.cloudpickle"


@pytest.mark.parametrize("name", ["load", "loads"])
def test_load_and_loads_are_called_as_pickles(name):
    """They are functions of their own only to say more when something is missing."""
    skip_on_pypy("signatures")
    ours, theirs = getattr(cloudpickle, name), getattr(pickle, name)
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert getattr(cloudpickle.cloudpickle, name) is ours

    def outcome(function, *arguments, **options):
        try:
            return function(*(make() if callable(make) else make for make in arguments), **options)
        except Exception as error:
            return type(error)

    def source(data):
        return data if name == "loads" else lambda: io.BytesIO(data)

    for data in (pickle.dumps({"a": [1]}), b"", b"garbage", b"cno_such_module\nname\n.", b"cos\nno_such_name\n."):
        assert outcome(ours, source(data)) == outcome(theirs, source(data))
    data = pickle.dumps(pickle.PickleBuffer(b"abc"), protocol=5, buffer_callback=lambda buffer: None)
    assert outcome(ours, source(data), buffers=[b"xyz"]) == b"xyz"
    for options in ({"encoding": "bytes"}, {"encoding": "latin1", "errors": "strict", "fix_imports": False}):
        assert outcome(ours, source(b"U\x01\xe9."), **options) == outcome(theirs, source(b"U\x01\xe9."), **options)
    assert outcome(ours) is outcome(theirs) is TypeError
    assert outcome(ours, source(b"N."), unknown=1) is outcome(theirs, source(b"N."), unknown=1) is TypeError


def test_default_protocol():
    assert cloudpickle.DEFAULT_PROTOCOL == pickle.HIGHEST_PROTOCOL == 5


def test_dumps_arguments_by_position_and_by_name():
    """PySpark passes the protocol by position, dask by name."""
    expected = cloudpickle.dumps([1], protocol=4)
    assert cloudpickle.dumps([1], 4) == cloudpickle.dumps(obj=[1], protocol=4, buffer_callback=None) == expected
    buffers = []
    cloudpickle.dumps(pickle.PickleBuffer(b"abc"), 5, buffers.append)
    assert len(buffers) == 1


def test_dump_arguments_by_position_and_by_name():
    first, second = io.BytesIO(), io.BytesIO()
    assert cloudpickle.dump([1], first, 4, None) is None
    cloudpickle.dump(obj=[1], file=second, protocol=4, buffer_callback=None)
    assert first.getvalue() == second.getvalue() and pickle.loads(first.getvalue()) == [1]


def test_pickler_arguments_by_position_and_by_name():
    file = io.BytesIO()
    cloudpickle.Pickler(file, 2, None).dump([1])
    assert file.getvalue()[:2] == b"\x80\x02"
    cloudpickle.Pickler(file=file, protocol=2, buffer_callback=None).dump([1])


def test_protocol_none_is_the_default():
    assert cloudpickle.dumps([1], protocol=None) == cloudpickle.dumps([1])


@pytest.mark.parametrize(
    "name, parameters",
    [
        ("dumps", ["obj", "protocol", "buffer_callback"]),
        ("dump", ["obj", "file", "protocol", "buffer_callback"]),
        ("register_pickle_by_value", ["module"]),
        ("unregister_pickle_by_value", ["module"]),
        ("list_registry_pickle_by_value", []),
        ("subimport", ["name"]),
        ("dynamic_subimport", ["name", "vars"]),
        ("instance", ["cls"]),
    ],
)
def test_signatures(name, parameters):
    """The same names in the same places; what this package adds can be given by keyword only."""
    found = inspect.signature(getattr(cloudpickle, name)).parameters.values()
    assert [parameter.name for parameter in found if parameter.kind is not inspect.Parameter.KEYWORD_ONLY] == parameters


def test_loads_with_an_encoding():
    """PySpark: `loads(obj, encoding="bytes")`, for pickles of Python 2."""
    assert cloudpickle.loads(b"U\x01\xe9.", encoding="latin1") == "\xe9"
    assert cloudpickle.loads(b"U\x01\xe9.", encoding="bytes") == b"\xe9"


def test_instance_and_subimport():
    import os.path

    assert type(cloudpickle.instance(OrderedThing)) is OrderedThing
    assert cloudpickle.subimport("os.path") is os.path
    module = cloudpickle.dynamic_subimport("made", {"x": 1})
    assert isinstance(module, types.ModuleType) and module.__name__ == "made" and module.x == 1


class OrderedThing:
    """Something for `instance` to make."""


def test_is_tornado_coroutine_is_deprecated():
    with pytest.warns(DeprecationWarning):
        assert cloudpickle.is_tornado_coroutine(len) is False


def test_the_module_functions_are_pickled_by_reference():
    for function in (cloudpickle.dumps, cloudpickle.dump, cloudpickle.register_pickle_by_value, cloudpickle.subimport):
        assert pickle.loads(pickle.dumps(function)) is function
        assert pickle.loads(cloudpickle.dumps(function)) is function


@pytest.mark.parametrize("name", ["dumps", "dump", "Pickler", "register_pickle_by_value"])
def test_documented(name):
    assert inspect.getdoc(getattr(cloudpickle, name))


def test_typed():
    """`py.typed` (PEP 561) and the stubs of the native module are installed."""
    folder = Path(cloudpickle.__file__).parent
    assert (folder / "py.typed").exists()
    assert (folder / "_native.pyi").exists()


def test_import_is_quiet():
    """Importing writes nothing and warns of nothing."""
    command = [sys.executable, "-I", "-W", "error", "-c", "import cloudpickle"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
