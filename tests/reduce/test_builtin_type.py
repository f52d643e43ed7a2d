"""Types that have no importable name of their own: those that `types` names, and the singletons' types."""

import dataclasses
import types

import pytest

from travel import load_elsewhere, round_trip

NAMED = sorted(name for name, value in vars(types).items() if type(value) is type)


@pytest.mark.parametrize("name", NAMED)
def test_types_that_the_types_module_names(name, protocol):
    kind = getattr(types, name)
    assert round_trip(kind, protocol) is kind


def test_elsewhere():
    kinds = tuple(getattr(types, name) for name in NAMED)
    use = f"import types; value == tuple(getattr(types, name) for name in {NAMED!r})"
    assert load_elsewhere(kinds, use) is True


@pytest.mark.parametrize("value", [None, ..., NotImplemented])
def test_types_of_the_singletons(value, protocol):
    assert round_trip(type(value), protocol) is type(value)


def test_types_of_the_singletons_elsewhere():
    use = "value == (type(None), type(...), type(NotImplemented))"
    assert load_elsewhere((type(None), type(...), type(NotImplemented)), use) is True


@pytest.mark.parametrize(
    "sentinel", [dataclasses._FIELD, dataclasses._FIELD_CLASSVAR, dataclasses._FIELD_INITVAR], ids=lambda s: s.name
)
def test_dataclass_sentinels(sentinel):
    """`dataclasses` compares them with `is`."""
    assert round_trip(sentinel) is sentinel


def test_dataclass_sentinels_elsewhere():
    use = "import dataclasses; value is dataclasses._FIELD_INITVAR"
    assert load_elsewhere(dataclasses._FIELD_INITVAR, use) is True
