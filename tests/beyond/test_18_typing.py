"""What annotations are made of: parameters of every kind, `NewType`, aliases, and the syntax of PEP 695."""

import sys

import pytest

from travel import Peer, ship

needs_3_10 = pytest.mark.skipif(sys.version_info < (3, 10), reason="ParamSpec, and NewType as a class, came with 3.10")
needs_3_11 = pytest.mark.skipif(sys.version_info < (3, 11), reason="TypeVarTuple and generic NamedTuple came with 3.11")
needs_3_12 = pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 is syntax of Python 3.12")
needs_3_13 = pytest.mark.skipif(sys.version_info < (3, 13), reason="defaults of type parameters came with Python 3.13")


@needs_3_10
def test_new_type():
    source = "import typing\nUser = typing.NewType('User', int)\ndef f(x: User) -> User: return x"
    use = """
    import typing
    kind, f = value
    [kind.__name__, kind.__supertype__ is int, kind(5), f.__annotations__["x"] is kind, kind.__module__]
    """
    assert ship(source, "(User, f)", use) == ["User", True, 5, True, "__main__"]


@needs_3_10
def test_new_type_is_one_however_often_it_arrives():
    with Peer() as driver, Peer() as worker:
        driver.run("import typing\nUser = typing.NewType('User', int)")
        worker.load(driver.pickle("User"), "first")
        worker.load(driver.pickle("[User]"), "second")
        assert worker.evaluate("first is second[0]") is True
        driver.load(worker.pickle("first"), "returned")
        assert driver.evaluate("returned is User") is True


@needs_3_10
def test_param_spec():
    source = """
    import typing
    P = typing.ParamSpec("P")
    T = typing.TypeVar("T")
    def f(x: typing.Callable[P, T]) -> typing.Callable[P, T]: return x
    def g(*args: P.args, **kwargs: P.kwargs): pass
    """
    use = """
    p, f, g = value
    hints = g.__annotations__
    [p.__name__, str(f.__annotations__["x"]), f.__annotations__["x"].__args__[0] is p, hints["args"].__origin__ is p]
    """
    assert ship(source, "(P, f, g)", use) == ["P", "typing.Callable[~P, ~T]", True, True]


@needs_3_11
def test_type_var_tuple():
    source = """
    import typing
    Ts = typing.TypeVarTuple("Ts")
    class Array(typing.Generic[typing.Unpack[Ts]]): pass
    """
    use = "ts, array, ints = value\n[ts.__name__, array.__parameters__[0] is ts, ints.__args__ == (int, str)]"
    assert ship(source, "(Ts, Array, Array[int, str])", use) == ["Ts", True, True]


@needs_3_13
def test_defaults_of_type_parameters():
    source = """
    import typing
    T = typing.TypeVar("T", default=int)
    P = typing.ParamSpec("P", default=[int])
    """
    assert ship(source, "(T, P)", "[value[0].__default__ is int, value[1].__default__ == [int]]") == [True, True]


@needs_3_12
def test_inferred_variance():
    source = "import typing\nT = typing.TypeVar('T', infer_variance=True, bound=int)"
    assert ship(source, "T", "[value.__infer_variance__, value.__bound__ is int]") == [True, True]


@needs_3_12
def test_type_statement():
    source = "type Number = int | float\ntype Table[T] = dict[str, T]"
    use = """
    number, table, ints = value
    [number.__name__, number.__value__ == int | float, table.__type_params__[0] is table.__value__.__args__[1],
     ints.__origin__ is table]
    """
    assert ship(source, "(Number, Table, Table[int])", use) == ["Number", True, True, True]


@needs_3_12
def test_functions_and_classes_with_type_parameters():
    source = """
    def f[T: int](x: T) -> T: return x
    class C[T, *Ts, **P]:
        def m[U](self, x: U, y: T) -> U: return x
    """
    use = """
    f, c = value
    [f.__type_params__[0].__bound__ is int, f.__annotations__["x"] is f.__type_params__[0], f(3),
     [str(p) for p in c.__type_params__], c.m.__annotations__["y"] is c.__type_params__[0],
     c.m.__type_params__[0] is c.m.__annotations__["x"], c.__parameters__ == c.__type_params__,
     c[int, str, [int]]().m(1, 2)]
    """
    expected = [True, True, 3, ["T", "Ts", "P"], True, True, True, 1]
    assert ship(source, "(f, C)", use) == expected


@needs_3_11
def test_generic_named_tuple():
    source = """
    import typing
    T = typing.TypeVar("T")
    class Pair(typing.NamedTuple, typing.Generic[T]):
        x: T
        y: int = 3
    """
    use = """
        kind, pair = value
        [kind(1).y, pair.x, isinstance(pair, kind), kind.__parameters__[0].__name__, kind[int](1).x]
    """
    assert ship(source, "(Pair, Pair(5))", use) == [3, 5, True, "T", 1]
