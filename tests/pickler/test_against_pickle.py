"""The engine against `pickle.dumps`: the same bytes once needless memo entries are taken out of both."""

import io
import pickle
import pickletools
import sys
from types import MappingProxyType

import corpus
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cloudpickle
from implementation import PYPY, exact_bytes, not_on_pypy, skip_on_pypy

NAMED = {**corpus.CORPUS, **corpus.FROM_PROTOCOL_2}


def lowest_protocol(name):
    return 2 if name in corpus.FROM_PROTOCOL_2 else 0


def globals_named(data):
    """Every module that a pickle names, whichever opcode says so."""
    modules, strings = set(), []
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("GLOBAL", "INST"):
            modules.add(argument.split(" ")[0])
        elif opcode.name == "STACK_GLOBAL":
            modules.update(strings)
        if isinstance(argument, str):
            strings.append(argument)
    return modules


def assert_equals_pickle(obj, protocol):
    """Equal after `pickletools.optimize` of both; the memo entries that nobody reads are each pickler's own affair."""
    ours, theirs = cloudpickle.dumps(obj, protocol=protocol), exact_bytes(obj, protocol)
    assert pickletools.optimize(ours) == pickletools.optimize(theirs)


def written_as_since_python_3_13(name, protocol):
    """Dotted names without STACK_GLOBAL: `pickle` before 3.13 saves each class on the way by itself, and memoizes it.

    Here the way of 3.13 is taken on every Python: the other one never ends for a class that is its own attribute.
    """
    return sys.version_info < (3, 13) and name in ("nested names", "newargs_ex") and protocol in (2, 3)


@pytest.mark.parametrize("name", NAMED)
def test_bytes_equal(name, protocol):
    if protocol < lowest_protocol(name):
        pytest.skip("pickle refuses this under protocols 0 and 1, or writes what cannot be loaded: see test_reduce")
    if name.endswith("around batches"):
        skip_on_pypy("a C pickler")
    if written_as_since_python_3_13(name, protocol):
        assert corpus.same(pickle.loads(cloudpickle.dumps(NAMED[name](), protocol=protocol)), NAMED[name]())
    else:
        assert_equals_pickle(NAMED[name](), protocol)


@pytest.mark.parametrize("name", corpus.CYCLES)
def test_bytes_equal_for_cycles(name, protocol):
    if name == "slotted" and protocol < 2:
        pytest.skip("pickle refuses __slots__ without __getstate__ under protocols 0 and 1")
    assert_equals_pickle(corpus.CYCLES[name](), protocol)


@pytest.mark.parametrize("name", NAMED)
def test_round_trip(name, protocol):
    if protocol < lowest_protocol(name):
        pytest.skip("pickle refuses this under protocols 0 and 1, or writes what cannot be loaded: see test_reduce")
    if protocol == 0 and name in ("floats", "complex"):
        skip_on_pypy("infinity as text")
    obj = NAMED[name]()
    assert corpus.same(pickle.loads(cloudpickle.dumps(obj, protocol=protocol)), obj)


@pytest.mark.parametrize("name", NAMED)
def test_plain_data_names_no_cloudpickle_global(name):
    """What plain pickle can represent must pass a restricted unpickler and load where cloudpickle is not installed."""
    data = cloudpickle.dumps(NAMED[name]())
    assert not {module for module in globals_named(data) if module.partition(".")[0] == "cloudpickle"}


def test_the_check_for_globals_sees_them():
    assert "cloudpickle.cloudpickle" in globals_named(cloudpickle.dumps(lambda: 0))
    assert "cloudpickle.cloudpickle" in globals_named(cloudpickle.dumps(lambda: 0, protocol=2))


def test_loads_under_a_restricted_unpickler():
    class Restricted(pickle.Unpickler):
        def find_class(self, module, name):
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")

    obj = {"a": [1, 2.5, ("x", b"y", None)], "b": {1, 2}, "c": frozenset("q")}
    assert Restricted(io.BytesIO(cloudpickle.dumps(obj))).load() == obj


ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats(allow_nan=False)  # a NaN equals nothing; test_atoms has it
    | st.text(st.characters(), max_size=20)
    | st.binary(max_size=20)
    | st.complex_numbers(allow_nan=False)
)
HASHABLE = st.recursive(ATOMS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4), max_leaves=5)
DATA = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=5)
        | st.sets(HASHABLE, max_size=4)
        | st.binary(max_size=6).map(bytearray)
    ),
    max_leaves=25,
)


@not_on_pypy("a C pickler")
@given(DATA, st.integers(min_value=0, max_value=5))
def test_bytes_equal_for_any_data(obj, protocol):
    assert_equals_pickle(obj, protocol)


# PyPy does not read the infinities that protocol 0 writes as text: see `LACKING`.
@given(DATA, st.integers(min_value=1 if PYPY else 0, max_value=5))
def test_round_trip_for_any_data(obj, protocol):
    assert pickle.loads(cloudpickle.dumps(obj, protocol=protocol)) == obj


@given(DATA)
def test_bytes_do_not_depend_on_reference_counts(obj):
    """dask.tokenize dumps several times and compares the bytes."""
    first = cloudpickle.dumps(obj)
    held = [obj, obj, [obj]]
    assert cloudpickle.dumps(held[0]) == first


def test_default_protocol_is_the_highest():
    assert cloudpickle.dumps([1])[:2] == bytes([0x80, pickle.HIGHEST_PROTOCOL])
    assert cloudpickle.dumps([1], protocol=-1) == cloudpickle.dumps([1], protocol=pickle.HIGHEST_PROTOCOL)


def test_read_only_views_of_data_are_the_exception():
    """`mappingproxy` is beyond pickle, so this is where a cloudpickle-made pickle differs: it is refused there."""
    with pytest.raises(pickle.PicklingError if PYPY else TypeError):
        pickle.dumps(MappingProxyType({}))
    assert dict(pickle.loads(cloudpickle.dumps(MappingProxyType({"a": 1})))) == {"a": 1}
