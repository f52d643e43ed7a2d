"""Code objects travel whole: flags, constants, names, line table and exception table."""

import types

import pytest

from travel import Peer, round_trip, ship

FIELDS = [
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_nlocals",
    "co_stacksize",
    "co_flags",
    "co_code",
    "co_names",
    "co_varnames",
    "co_filename",
    "co_name",
    "co_qualname",
    "co_firstlineno",
    "co_linetable",
    "co_exceptiontable",
    "co_freevars",
    "co_cellvars",
]

SOURCES = {
    "expression": "1 + x",
    "empty": "",
    "function": "def f(a, /, b=1, *c, d, **e):\n    return [a for a in c], (lambda: b), d",
    "class": "class A:\n    x: int = 1\n    def f(self): return super().f()",
    "exceptions": "try:\n    f()\nexcept (A, B) as e:\n    raise C from e\nfinally:\n    g()",
    "async": "async def f():\n    async with a as b:\n        async for c in d:\n            yield await c",
    "many names": "\n".join(f"n{i} = {i}.5" for i in range(400)),
    "unicode": "gr\xf6sse = '\U0001f40d \u20ac'\nb'\\xff'",
    "nested": "def a():\n    x = 1\n    def b():\n        nonlocal x\n"
    "        def c():\n            return x\n        return c\n    return b",
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_field(name, protocol):
    code = compile(SOURCES[name], "some file.py", "exec")
    loaded = round_trip(code, protocol)
    assert loaded == code
    for field in FIELDS:
        if hasattr(code, field):
            assert getattr(loaded, field) == getattr(code, field), field
    assert [type(const) for const in loaded.co_consts] == [type(const) for const in code.co_consts]
    assert list(loaded.co_lines() if hasattr(code, "co_lines") else loaded.co_lnotab) == list(
        code.co_lines() if hasattr(code, "co_lines") else code.co_lnotab
    )


def test_fields_cover_the_constructor():
    """Every argument of the constructor is compared above, `co_consts` by way of equality."""
    names = {name for name in dir(types.CodeType) if name.startswith("co_")}
    derived = {"co_consts", "co_lines", "co_positions", "co_lnotab", "co_branches"}
    assert names - derived <= set(FIELDS)


def test_constants_keep_their_types():
    """`1`, `1.0` and `True` are equal and are three constants."""
    code = compile("x = (1, 1.0, True, 0.0, -0.0, 1j, ..., frozenset({1}), b'1', '1', None)", "f", "exec")
    assert repr(round_trip(code).co_consts) == repr(code.co_consts)


def test_executed_elsewhere():
    use = "space = {'y': 4}; exec(value, space); space['x']"
    assert ship("code = compile('x = y * y', 'made.py', 'exec')", "code", use) == 16


def test_positions_in_a_traceback():
    source = """
    def f():
        return (1 +
                undefined)
    """
    use = """
    import traceback
    try:
        value()
    except NameError as error:
        line = traceback.extract_tb(error.__traceback__)[-1].lineno
    line
    """
    with Peer() as driver, Peer() as worker:
        driver.run(source)
        worker.load(driver.pickle("f"))
        assert driver.evaluate(use.replace("value()", "f()")) == worker.evaluate(use) == 4
