"""Instances: of classes that can be imported, in the order in which they were made and shuffled; and of `__main__`."""

from __future__ import annotations

import datetime
import decimal
import itertools
import random
from operator import attrgetter
from typing import Any, Callable

from workloads import Workload, importable, of_main

MANY = 100_000
Maker = Callable[[int], list[Any]]


def plain(count: int) -> list[Any]:
    return [importable.Plain(number, f"x{number}") for number in range(count)]


def data(count: int) -> list[Any]:
    return [importable.Data(number, f"x{number}", number * 0.5) for number in range(count)]


def slots(count: int) -> list[Any]:
    return [importable.Slots(number, number) for number in range(count)]


def named(count: int) -> list[Any]:
    return [importable.Named(number, number, number) for number in range(count)]


def datetimes(count: int) -> list[Any]:
    return [datetime.datetime(2020, 1, 1) + datetime.timedelta(number) for number in range(count)]


def decimals(count: int) -> list[Any]:
    return [decimal.Decimal(number) / 7 for number in range(count)]


def colors(count: int) -> list[Any]:
    return list(itertools.islice(itertools.cycle(importable.Color), count))


def tree(count: int) -> Any:
    """Nodes that know their parent and their three children."""
    nodes = [importable.Tree(None)]
    for number in range(count - 1):
        parent = nodes[number // 3]
        node = importable.Tree(parent)
        parent.children.append(node)
        nodes.append(node)
    return nodes[0]


def points(count: int) -> list[Any]:
    return [of_main("Point")(number) for number in range(count)]


def shuffled(make: Maker) -> Maker:
    """The same objects in an order that is not that of their addresses."""

    def make_shuffled(count: int) -> list[Any]:
        values = make(count)
        random.Random(1).shuffle(values)
        return values

    return make_shuffled


def same_by(*names: str) -> Callable[[Any, Any], bool]:
    """Whether two lists have instances of the same types with the same attributes."""
    attributes = attrgetter(*names)

    def same(mine: Any, loaded: Any) -> bool:
        return all(
            type(one) is type(other) and attributes(one) == attributes(other)
            for one, other in itertools.zip_longest(mine, loaded)
        )

    return same


def same_tree(mine: Any, loaded: Any) -> bool:
    """Without recursion, and with each parent looked at."""
    waiting = [(mine, loaded)]
    while waiting:
        one, other = waiting.pop()
        if len(one.children) != len(other.children) or any(child.parent is not other for child in other.children):
            return False
        waiting.extend(zip(one.children, other.children))
    return loaded.parent is None


def in_both_orders(name: str, make: Maker, same: Callable[[Any, Any], bool]) -> list[Workload]:
    return [
        Workload(name, make, MANY, same=same),
        Workload(f"{name}, shuffled", shuffled(make), MANY, same=same),
    ]


WORKLOADS = [
    *in_both_orders("plain instances", plain, same_by("a", "b")),
    *in_both_orders("dataclass instances", data, same_by("a", "b", "c")),
    *in_both_orders("slots instances", slots, same_by("x", "y")),
    *in_both_orders("namedtuples", named, same_by("a", "b", "c")),
    *in_both_orders("datetimes", datetimes, same_by("year", "month", "day", "tzinfo")),
    *in_both_orders("Decimals", decimals, lambda mine, loaded: list(map(str, mine)) == list(map(str, loaded))),
    Workload("enum members", colors, MANY, same=lambda mine, loaded: list(map(id, mine)) == list(map(id, loaded))),
    Workload("cyclic tree", tree, MANY // 10, same=same_tree),
    Workload("__main__ instances", points, MANY // 10, same=same_by("number", "name")),
]
