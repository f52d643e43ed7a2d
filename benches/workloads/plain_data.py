"""What plain `pickle` writes without calling anything: numbers, text, containers."""

from __future__ import annotations

import random
from typing import Any

from workloads import Workload

MANY = 100_000
# Within what C pickle and upstream, which recurse, can do with Python's default limit.
DEEP = 200


def config(_: int) -> Any:
    return {
        "name": "experiment-7",
        "learning_rate": 0.001,
        "layers": [64, 64, 32],
        "optimizer": {"kind": "adam", "betas": (0.9, 0.999), "weight_decay": 1e-5},
        "seed": 42,
        "tags": ["baseline", "small", "ablation"],
        "data": {"path": "/data/sets/train", "shards": 16, "shuffle": True, "cache": None},
        "schedule": [{"epoch": 10, "factor": 0.5}, {"epoch": 20, "factor": 0.1}],
        "flags": {"amp": True, "compile": False},
    }


def strs(count: int) -> list[str]:
    return [f"s{number}" for number in range(count)]


def shuffled_strs(count: int) -> list[str]:
    values = strs(count)
    random.Random(1).shuffle(values)
    return values


def repeated_strs(count: int) -> list[str]:
    """A thousand different ones, again and again."""
    return random.Random(1).choices(strs(1000), k=count)


def records(count: int) -> Any:
    """As from JSON: dicts with the same keys."""
    return [
        {"id": number, "name": f"n{number}", "tags": ["a", f"b{number}"], "value": number * 0.5}
        for number in range(count)
    ]


def lists_of_tuples(count: int) -> Any:
    return {f"k{i}": [(i, f"x{i}"), (i + 1, f"y{i}")] for i in range(count)}


def nested_lists(count: int) -> Any:
    """Lists of lists of ten numbers."""
    return [[list(range(i * 100 + j, i * 100 + j + 10)) for j in range(10)] for i in range(count // 100)]


def deep(count: int) -> Any:
    """Lists and dicts in each other, so many levels of each."""
    value: Any = []
    for _ in range(count):
        value = [{"next": value}]
    return value


WORKLOADS = [
    Workload("None", lambda _: None, marshal=True),
    Workload("small tuple", lambda _: (1, "a", 2.0), marshal=True),
    Workload("config dict", config, marshal=True),
    Workload("ints", lambda count: list(range(1000, 1000 + count)), MANY, marshal=True),
    Workload("ints of 100 bits", lambda count: [(1 << 100) + number for number in range(count)], MANY, marshal=True),
    Workload("floats", lambda count: [number * 1.5 for number in range(count)], MANY, marshal=True),
    Workload("strs", strs, MANY, marshal=True),
    Workload("strs, shuffled", shuffled_strs, MANY, marshal=True),
    Workload("strs, repeated", repeated_strs, MANY, marshal=True),
    Workload("strs of 1000 characters", lambda count: [f"{number:1000}" for number in range(count)], MANY // 100),
    Workload("strs, non-ASCII", lambda count: [f"é日{number}" for number in range(count)], MANY, marshal=True),
    Workload("bytes", lambda count: [b"%d" % number for number in range(count)], MANY, marshal=True),
    Workload("pairs", lambda count: [(number, f"p{number}") for number in range(count)], MANY, marshal=True),
    Workload("json-like records", records, MANY // 10, marshal=True),
    Workload("dict of lists of tuples", lists_of_tuples, MANY // 10, marshal=True),
    Workload("set", lambda count: set(strs(count)), MANY, marshal=True),
    Workload("nested lists", nested_lists, MANY, marshal=True),
    Workload("deep nesting", deep, DEEP, marshal=True),
]
