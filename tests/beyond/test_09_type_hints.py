"""`typing.get_type_hints` works in the worker where annotations are text that names things of `__main__`."""

import pytest

from travel import ship

SOURCE = """
from __future__ import annotations
import dataclasses, decimal
from typing import ClassVar, List, Optional
class Node: pass
Pair = List[Node]
def f(a: Node, b: List[Node] = None, c: decimal.Decimal = 0) -> Pair: ...
class C:
    node: Node
    others: ClassVar[List[C]]
    price: decimal.Decimal
    plain: int
    def method(self, n: Node) -> C: ...
    @staticmethod
    def static(n: Optional[Node]): ...
@dataclasses.dataclass
class D:
    node: Node
    next: Optional[D] = None
"""


def test_of_a_function():
    use = """
        import typing, decimal
        f, Node = value
        hints = typing.get_type_hints(f)
        [hints['a'] is Node, hints['return'] == typing.List[Node],
         hints['c'] is decimal.Decimal, f.__annotations__['a']]
    """
    assert ship(SOURCE, "(f, Node)", use) == [True, True, True, "Node"]


def test_of_a_class():
    use = """
        import typing, decimal
        C, Node = value
        hints = typing.get_type_hints(C)
        [hints['node'] is Node, hints['others'] == typing.ClassVar[typing.List[C]], hints['price'] is decimal.Decimal,
         hints['plain'] is int]
    """
    assert ship(SOURCE, "(C, Node)", use) == [True, True, True, True]


def test_of_methods():
    use = """
        import typing
        C, Node = value
        method, static = typing.get_type_hints(C.method), typing.get_type_hints(C.static)
        [method == {'n': Node, 'return': C}, static == {'n': typing.Optional[Node]}]
    """
    assert ship(SOURCE, "(C, Node)", use) == [True, True]


def test_of_a_dataclass():
    use = """
        import typing, dataclasses
        D, Node = value
        hints = typing.get_type_hints(D)
        [hints == {'node': Node, 'next': typing.Optional[D]}, [field.name for field in dataclasses.fields(D)],
         D(1).node]
    """
    assert ship(SOURCE, "(D, Node)", use) == [True, ["node", "next"], 1]


def test_of_text_inside_types():
    source = """
    from typing import Dict, List, Optional
    class Node:
        next: Optional["Node"]
    def f(x: Dict[str, List["Node"]]): ...
    """
    use = """
        import typing
        f, Node = value
        [typing.get_type_hints(f)['x'] == typing.Dict[str, typing.List[Node]],
         typing.get_type_hints(Node)['next'] == typing.Optional[Node]]
    """
    assert ship(source, "(f, Node)", use) == [True, True]


def test_text_that_cannot_be_evaluated_is_kept():
    """It does not keep the rest from being evaluated either."""
    source = "class K: pass\nclass C:\n    a: 'K.Nothing'\n    b: 'K'\n    c: 'no type at all'"
    use = "value[0].__annotations__['a'], value[0].__annotations__['b'] is value[1], value[0].__annotations__['c']"
    assert ship(source, "(C, K)", use) == ("K.Nothing", True, "no type at all")


def test_of_an_attribute_with_the_name_of_its_type():
    """What the module has counts before the attributes of the class, as where the class was defined."""
    source = """
    from __future__ import annotations
    class Date: pass
    class C:
        Date: Date = None
    """
    assert ship(source, "(C, Date)", "import typing; typing.get_type_hints(value[0])['Date'] is value[1]") is True


LOCKED = """
from __future__ import annotations
import threading
lock = threading.Lock()
class Connection:
    lock = lock
class Other: pass
"""


@pytest.mark.also_upstream
@pytest.mark.parametrize(
    "source",
    [
        "def f(x: Connection, y: Other = None): return x",
        "def f(x: 'a lock is held'): return x",
        "class C:\n    c: Connection\n    def f(self, c: Connection): return self\n    __call__ = f\nf = C()",
    ],
)
def test_what_cannot_be_pickled_is_no_obstacle(source):
    """Code runs without what its annotations name."""
    use = "value(3) is not None"
    assert ship(LOCKED + source, "f", use) is True


def test_beside_what_cannot_be_pickled():
    source = LOCKED + "def f(x: Connection, y: Other): ..."
    use = "[value.__globals__['Other'].__name__, 'Connection' in value.__globals__, value.__annotations__['x']]"
    assert ship(source, "f", use) == ["Other", False, "Connection"]


@pytest.mark.also_upstream
def test_prose_takes_nothing_along():
    """Annotations may be any text, such as an explanation."""
    source = "data = list(range(1000))\ndef f(x: 'what the data says', y: \"Literal['data of all']\"): ..."
    assert ship(source, "f", "'data' in value.__globals__") is False
