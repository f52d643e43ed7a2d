"""Sentinels of the standard library keep their identity, so that code which compares them works on."""

import sys

import pytest

from travel import ship

POINT = """
import dataclasses
from dataclasses import dataclass, field
@dataclass
class Point:
    x: int
    y: list = field(default_factory=list)
    z: int = 3
"""


def test_subclassing_a_shipped_dataclass_in_the_worker():
    use = """
    import dataclasses
    @dataclasses.dataclass
    class Named(value):
        name: str = "origin"
    first, second = Named(1), Named(1)
    first.y.append(5)
    [repr(second), first.y]
    """
    assert ship(POINT, "Point", use) == ["Named(x=1, y=[], z=3, name='origin')", [5]]


def test_required_field_stays_required_in_a_subclass():
    use = """
    import dataclasses
    @dataclasses.dataclass
    class Same(value):
        pass
    try:
        Same()
    except TypeError as error:
        outcome = "missing" in str(error)
    outcome
    """
    assert ship(POINT, "Point", use) is True


def test_fields_tell_the_truth():
    use = """
    import dataclasses
    fields = {field.name: field for field in dataclasses.fields(value)}
    missing = dataclasses.MISSING
    [fields["x"].default is missing, fields["x"].default_factory is missing, fields["y"].default is missing,
     fields["y"].default_factory is list, fields["z"].default, fields["z"].default_factory is missing]
    """
    assert ship(POINT, "Point", use) == [True, True, True, True, 3, True]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="keyword-only fields came with Python 3.10")
def test_keyword_only_fields():
    source = """
    import dataclasses
    @dataclasses.dataclass
    class Point:
        x: int
        _: dataclasses.KW_ONLY
        y: int = 4
    """
    use = """
    import dataclasses, inspect
    @dataclasses.dataclass
    class Named(value):
        name: str
    fields = {field.name: field.kw_only for field in dataclasses.fields(value)}
    [str(inspect.signature(Named)), fields, value.__annotations__["_"] is dataclasses.KW_ONLY]
    """
    expected = ["(x: int, name: str, *, y: int = 4) -> None", {"x": False, "y": True}, True]
    assert ship(source, "Point", use) == expected


NAMES = ["MISSING", "_HAS_DEFAULT_FACTORY", *(["KW_ONLY"] if sys.version_info >= (3, 10) else [])]


@pytest.mark.parametrize("name", NAMES)
def test_sentinels_of_dataclasses(name, protocol):
    use = f"import dataclasses; value is dataclasses.{name}"
    assert ship("import dataclasses", f"dataclasses.{name}", use, protocol) is True


def test_sentinel_as_a_default():
    source = "import dataclasses\ndef f(x=dataclasses.MISSING): return x"
    assert ship(source, "f", "import dataclasses; value() is dataclasses.MISSING") is True


def test_sentinel_of_context_variables():
    source = "import contextvars"
    use = "import contextvars; value is contextvars.Token.MISSING"
    assert ship(source, "contextvars.Token.MISSING", use) is True
