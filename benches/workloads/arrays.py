"""Arrays, large buffers and a frame. numpy and pandas are imported when the first of them is made."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from ways import OutOfBand
from workloads import Workload

MODERATE = 100_000
HUGE = 100_000_000


def small_arrays(count: int) -> Any:
    import numpy

    return [numpy.arange(number, number + 10) for number in range(count)]


def dict_of_arrays(count: int) -> Any:
    import numpy

    return {f"column {number}": numpy.arange(count) * 0.5 for number in range(20)}


def huge_array(count: int) -> Any:
    import numpy

    return numpy.arange(count // 8)


def frame(count: int) -> Any:
    import numpy
    import pandas

    return pandas.DataFrame(
        {
            "number": numpy.arange(count),
            "value": numpy.arange(count) * 0.5,
            "name": [f"n{number}" for number in range(count)],
            "kind": pandas.Categorical([f"kind {number % 5}" for number in range(count)]),
            "day": pandas.date_range("2020-01-01", periods=count, freq="min"),
        }
    )


def same_arrays(mine: Sequence[Any], loaded: Sequence[Any]) -> bool:
    return len(mine) == len(loaded) and all(map(same_array, mine, loaded))


def same_array(mine: Any, loaded: Any) -> bool:
    return bool(mine.dtype == loaded.dtype and (mine == loaded).all())


def same_values(mine: dict[str, Any], loaded: dict[str, Any]) -> bool:
    return list(mine) == list(loaded) and same_arrays(list(mine.values()), list(loaded.values()))


def same_frame(mine: Any, loaded: Any) -> bool:
    return bool(mine.equals(loaded)) and list(mine.dtypes) == list(loaded.dtypes)


def same_buffer(mine: Any, loaded: Any) -> bool:
    return memoryview(mine) == memoryview(loaded)


WORKLOADS = [
    Workload("small ndarrays", small_arrays, 10_000, same=same_arrays, needs=("numpy",)),
    Workload("dict of arrays", dict_of_arrays, 10_000, same=same_values, needs=("numpy",)),
    Workload("bytes, 100 kB", lambda count: b"x" * count, MODERATE, marshal=True),
    Workload("ndarray, 100 kB", huge_array, MODERATE, same=same_array, needs=("numpy",)),
    Workload("bytes, 100 MB", lambda count: b"x" * count, HUGE, marshal=True),
    Workload("bytearray, 100 MB", lambda count: bytearray(b"x" * count), HUGE),
    Workload("ndarray, 100 MB", huge_array, HUGE, same=same_array, needs=("numpy",)),
    Workload(
        "bytes, 100 MB, out of band",
        lambda count: pickle.PickleBuffer(b"x" * count),
        HUGE,
        same=same_buffer,
        way=OutOfBand(),
    ),
    Workload(
        "bytearray, 100 MB, out of band",
        lambda count: pickle.PickleBuffer(bytearray(b"x" * count)),
        HUGE,
        same=same_buffer,
        way=OutOfBand(),
    ),
    Workload("ndarray, 100 MB, out of band", huge_array, HUGE, same=same_array, needs=("numpy",), way=OutOfBand()),
    Workload("pandas frame", frame, 10_000, same=same_frame, needs=("numpy", "pandas")),
]
