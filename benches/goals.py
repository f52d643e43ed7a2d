"""What is promised: how many times quicker than upstream and than C `pickle`, by workload.

The median ratio of a full run on each of `VERSIONS` has to reach it. Besides, no workload may be slower than upstream
or, where it can do the same, than C `pickle`, and no pickle larger than upstream's.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSIONS = ("3.11", "3.12", "3.13")


@dataclass(frozen=True)
class Goal:
    """A row of the table. `upstream` and `c` are the wanted ratios; None where nothing is promised."""

    workload: str
    upstream: float | None = None
    c: float | None = None


def each(upstream: float | None, c: float | None, *workloads: str) -> list[Goal]:
    return [Goal(workload, upstream, c) for workload in workloads]


DUMPS = [
    *each(10, None, "lambda", "closure", "40-line function"),
    *each(18, None, "cold function"),
    *each(15, None, "function using packages, 200 modules"),
    *each(25, None, "function using packages, 3000 modules"),
    *each(10, None, "class", "dataclass"),
    *each(16, None, "100 closures"),
    *each(8, None, "enum"),
    *each(6, 1.3, "None", "small tuple"),
    *each(4.5, 2.8, "config dict"),
    *each(2.3, 2.2, "ints", "floats"),
    *each(9, 9, "strs"),
    *each(4.5, 4.5, "strs, shuffled"),
    *each(2.5, 2.5, "set"),
    *each(4.5, 4.5, "json-like records", "pairs", "dict of lists of tuples"),
    *each(18, 9, "plain instances", "dataclass instances"),
    *each(5, 3, "plain instances, shuffled", "dataclass instances, shuffled"),
    *each(30, 15, "slots instances", "namedtuples", "datetimes"),
    *each(15, 6, "Decimals", "cyclic tree", "__main__ instances"),
    *each(25, 15, "small ndarrays"),
    *each(1.4, 1.4, "bytes, 100 MB", "bytearray, 100 MB", "ndarray, 100 MB"),
    *each(2.5, 1, "bytes, 100 MB, out of band", "bytearray, 100 MB, out of band", "ndarray, 100 MB, out of band"),
]

LOADS = [
    *each(1.5, None, "lambda", "40-line function", "closure"),
    *each(1.6, None, "class"),
    *each(1.3, None, "new class"),
    *each(1.8, None, "100 closures"),
    *each(1.2, 1.2, "json-like records", "strs"),
    *each(1.2, 1.2, "plain instances", "dataclass instances", "slots instances", "namedtuples", "datetimes"),
    *each(1.2, 1.2, "__main__ instances"),
]

GOALS = {"dumps": DUMPS, "loads": LOADS}
# Of all workloads, in both directions. From NOISE below it on, a ratio cannot be told from 1: so far apart are, now and
# then, two runs of the same code over the same bytes.
FLOOR = 1.0
NOISE = 0.03

# The time for a function must not depend on how many modules are loaded: with many against with few.
FLAT = ("function using packages, 3000 modules", "function using packages, 200 modules")
FLAT_WITHIN = 1.25

# Peak memory, over that of C `pickle` for the same: what the measurement itself may be off by.
MEMORY_TOLERANCE_BYTES = 512 * 1024
# `dump` of a gigabyte of arrays to a file adds less than this.
MEMORY_OF_DUMP_BYTES = 64 * 1024 * 1024

# Time per object, the dearest size over the cheapest.
LINEAR_WITHIN = 2.0
