"""Classes that both ends can import: their instances travel with the class's name."""

from __future__ import annotations

import collections
import dataclasses
import enum


class Plain:
    def __init__(self, a: int, b: str) -> None:
        self.a = a
        self.b = b


@dataclasses.dataclass
class Data:
    a: int
    b: str
    c: float


class Slots:
    __slots__ = ("x", "y")

    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y


Named = collections.namedtuple("Named", "a b c")


class Color(enum.Enum):
    RED = 1
    GREEN = 2
    BLUE = 3


class Tree:
    def __init__(self, parent: Tree | None) -> None:
        self.parent = parent
        self.children: list[Tree] = []
