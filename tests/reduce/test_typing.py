"""TypeVars and other things of `typing`, by name and by value."""

import sys
import typing

import pytest

from travel import load_elsewhere, round_trip, run_script, ship, ship_and_return

SOURCE = """
import typing
T = typing.TypeVar("T")
B = typing.TypeVar("B", bound=int, covariant=True)
C = typing.TypeVar("C", int, str)
D = typing.TypeVar("D", contravariant=True)
"""


def test_type_variable(protocol):
    use = "[value.__name__, value.__bound__, value.__constraints__, value.__covariant__, value.__contravariant__]"
    assert ship(SOURCE, "T", use, protocol) == ["T", None, (), False, False]


def test_bound_constraints_and_variance():
    use = """
    b, c, d = value
    [b.__bound__ is int, b.__covariant__, c.__constraints__ == (int, str), d.__contravariant__]
    """
    assert ship(SOURCE, "(B, C, D)", use) == [True, True, True, True]


def test_type_variable_twice_is_one():
    assert ship(SOURCE, "(T, [T], typing.List[T])", "value[0] is value[1][0] is value[2].__parameters__[0]") is True


def test_type_variable_comes_back_as_the_original():
    assert ship_and_return(SOURCE, "T", "value", "returned is T") is True


def test_typing_that_a_reducer_imports():
    """What it has travels from then on, in the same dump too."""
    result = run_script(
        """
        import pickle
        import cloudpickle
        class Plain: pass
        class Imports:
            def __reduce__(self):
                import typing
                kinds.extend([typing.TypeVar("T"), typing.NewType("Number", int)])
                return int, ()
        kinds = [Plain(), Imports()]
        variable, new = pickle.loads(cloudpickle.dumps(kinds))[2:4]
        report(same=variable is kinds[2], name=new.__name__)
        """
    )
    assert result == {"same": True, "name": "Number"}


def test_type_variable_bound_to_a_class_of_the_script():
    source = "import typing\nclass A: pass\nT = typing.TypeVar('T', bound=A)"
    assert ship(source, "(T, A)", "value[0].__bound__ is value[1]") is True


def test_importable_type_variable_travels_by_name():
    assert load_elsewhere(typing.AnyStr, "import typing; value is typing.AnyStr") is True


def test_function_with_hints():
    source = SOURCE + "\ndef f(x: typing.List[T], y: typing.Optional[C] = None) -> T:\n    return x[0]\n"
    use = "import typing; hints = typing.get_type_hints(value); [value([1]), hints['return'].__name__, sorted(hints)]"
    assert ship(source, "f", use) == [1, "T", ["return", "x", "y"]]


CONSTRUCTS = {
    "Any": typing.Any,
    "List[int]": typing.List[int],
    "Optional": typing.Optional[str],
    "Union": typing.Union[int, str],
    "Callable": typing.Callable[[int], str],
    "Literal": typing.Literal["a", 1],
    "ClassVar": typing.ClassVar[int],
    "Final": typing.Final[int],
    "Tuple": typing.Tuple[int, ...],
    "Dict": typing.Dict[str, typing.List[int]],
    "Generic": typing.Generic,
    "NoReturn": typing.NoReturn,
    "list[int]": list[int],
    "dict[str, list[int]]": dict[str, list[int]],
    "Annotated": typing.Annotated[int, "note"],
    "ForwardRef": typing.List["Undefined"],  # noqa: F821
}


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_constructs(name):
    assert round_trip(CONSTRUCTS[name]) == CONSTRUCTS[name]


def test_aliases_of_a_class_of_the_script():
    source = "import typing\nclass A: pass\n"
    use = "[typing_alias.__args__[0] is value[1] for typing_alias in value[0]]"
    assert ship(source, "([typing.List[A], list[A], typing.Optional[A], dict[A, int]], A)", use) == [True] * 4


@pytest.mark.skipif(sys.version_info < (3, 10), reason="int | str came with Python 3.10")
def test_union_operator():
    assert round_trip(eval("int | None")) == eval("int | None")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement is syntax of Python 3.12")
def test_function_using_a_type_alias():
    source = "def f():\n    type Pair = tuple[int, int]\n    return Pair.__name__"
    assert ship(source, "f", "value()") == "Pair"
