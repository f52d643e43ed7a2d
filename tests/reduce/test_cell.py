"""Cells on their own: full, empty, holding None, holding themselves."""

import types

from travel import round_trip, ship


def test_cell(protocol):
    loaded = round_trip(types.CellType([1, "x"]), protocol)
    assert type(loaded) is types.CellType and loaded.cell_contents == [1, "x"]


def test_empty_cell(protocol):
    loaded = round_trip(types.CellType(), protocol)
    assert type(loaded) is types.CellType and loaded == types.CellType()


def test_cell_holding_none():
    """None is a value: only a cell without one is empty."""
    assert round_trip(types.CellType(None)).cell_contents is None


def test_shared_cell():
    cell = types.CellType(1)
    first, second = round_trip([cell, cell])
    assert first is second


def test_cell_of_a_closure_elsewhere():
    source = "def make(x):\n    return lambda: x\nf = make({'a': 1})"
    use = "import types; [type(value) is types.CellType, value.cell_contents]"
    assert ship(source, "f.__closure__[0]", use) == [True, {"a": 1}]


def test_function_and_its_own_cell():
    """The cell that arrives beside the function is the function's: writing one is seen by the other."""
    source = "def make(x):\n    return lambda: x\nf = make(1)"
    use = "value[1].cell_contents = 9; [value[0](), value[0].__closure__[0] is value[1]]"
    assert ship(source, "(f, f.__closure__[0])", use) == [9, True]
