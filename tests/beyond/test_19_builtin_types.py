"""Types that C code defines and no module names travel, alone and in containers."""

import pytest

from travel import ship

EXPRESSIONS = [
    "{}.keys()",
    "{}.values()",
    "{}.items()",
    "iter({})",
    "iter({}.values())",
    "iter({}.items())",
    "iter([])",
    "reversed([])",
    "iter(())",
    "iter(set())",
    "iter('a')",
    "iter('\\u00e9')",
    "iter(b'')",
    "iter(bytearray())",
    "iter(range(1))",
    "iter(range(1 << 80))",
    "iter(int, 1)",
    "collections.OrderedDict().keys()",
    "collections.OrderedDict().values()",
    "collections.OrderedDict().items()",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_type_of(expression):
    use = f"import collections; value is type({expression})"
    assert ship("import collections", f"type({expression})", use) is True


def test_in_containers_and_functions():
    source = """
    kinds = [type({}.keys()), type(iter([]))]
    table = {type({}.values()): "values"}
    def is_view(x): return isinstance(x, (type({}.items()), kinds[0]))
    class Views:
        kind = kinds[1]
    """
    use = """
    kinds, table, is_view, views = value
    [isinstance({}.keys(), kinds[0]), kinds[1] is type(iter([])), table[type({}.values())], is_view({}.keys()),
     views.kind is kinds[1]]
    """
    assert ship(source, "(kinds, table, is_view, Views)", use) == [True, True, "values", True, True]
