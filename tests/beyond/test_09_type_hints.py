"""`typing.get_type_hints` works in the worker where annotations are text that names things of `__main__`."""

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
