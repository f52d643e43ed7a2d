"""Views: of dicts and ordered dicts, mappingproxy, memoryview."""

from collections import OrderedDict
from types import MappingProxyType

import pytest

from travel import load_elsewhere, round_trip

DATA = {"a": 1, "b": [2], 3: ("c",)}


@pytest.mark.parametrize("kind", [dict, OrderedDict])
@pytest.mark.parametrize("name", ["keys", "values", "items"])
def test_views(kind, name, protocol):
    view = getattr(kind(DATA), name)()
    loaded = round_trip(view, protocol)
    assert type(loaded) is type(view) and list(loaded) == list(view)


@pytest.mark.parametrize("kind", [dict, OrderedDict])
@pytest.mark.parametrize("name", ["keys", "values", "items"])
def test_views_elsewhere(kind, name):
    view = getattr(kind(DATA), name)()
    assert load_elsewhere(view, "[type(value).__name__, list(value)]") == [type(view).__name__, list(view)]


@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_empty_views(kind):
    assert [len(round_trip(view)) for view in (kind().keys(), kind().values(), kind().items())] == [0, 0, 0]


def test_keys_do_not_take_the_values_along():
    """Only what the view shows is shipped: the values may be secret, or impossible to pickle."""
    import threading

    import cloudpickle

    assert list(round_trip({"k": threading.Lock()}.keys())) == ["k"]
    assert b"secret" not in cloudpickle.dumps({"k": "secret"}.keys())
    assert b"secret" not in cloudpickle.dumps({"secret": "v"}.values())


def test_values_that_cannot_be_hashed():
    assert list(round_trip({1: [1], 2: {}}.values())) == [[1], {}]


def test_mappingproxy(protocol):
    loaded = round_trip(MappingProxyType(DATA), protocol)
    assert type(loaded) is MappingProxyType and dict(loaded) == DATA
    with pytest.raises(TypeError):
        loaded["a"] = 2


def test_mappingproxy_elsewhere():
    use = "import types; [type(value) is types.MappingProxyType, dict(value)]"
    assert load_elsewhere(MappingProxyType({"a": 1}), use) == [True, {"a": 1}]


@pytest.mark.parametrize(
    "view",
    [memoryview(b"abc"), memoryview(bytearray(b"abc")), memoryview(b"abcdef")[::2], memoryview(b"abcdef")[1:4]],
    ids=["readonly", "writable", "strided", "sliced"],
)
def test_memoryview(view, protocol):
    """A memoryview travels as the bytes that it shows."""
    loaded = round_trip(view, protocol)
    assert type(loaded) is bytes and loaded == view.tobytes()


def test_memoryview_of_a_large_buffer():
    memory = bytearray(range(256)) * 4000
    assert round_trip(memoryview(memory)) == bytes(memory)


def test_memoryview_of_many_dimensions():
    view = memoryview(bytes(range(24))).cast("B", (2, 3, 4))
    assert round_trip(view) == bytes(range(24))


def test_released_memoryview():
    view = memoryview(b"x")
    view.release()
    with pytest.raises(ValueError):
        round_trip(view)
