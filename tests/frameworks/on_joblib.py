"""joblib.Parallel with its loky backend. Up to 1.5 joblib carries a copy of cloudpickle, which the tests replace."""

import contextlib

import cloudpickle

ENVIRONMENT = "frameworks"
DISTRIBUTION = "joblib"
RERUNS_SCRIPT = False
VENDORED = "joblib"


@contextlib.contextmanager
def workers():
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    def call(function, *arguments):
        # Two tasks, since joblib runs a single one in the driver.
        return Parallel(n_jobs=2, backend="loky")([delayed(run)(function, *arguments), delayed(run)(int)])[0]

    try:
        yield call
    finally:
        get_reusable_executor().shutdown(kill_workers=True)


def run(function, *arguments):
    return function(*arguments)


def its_pickler_is_ours(call):
    from joblib.externals.loky.backend.reduction import get_loky_pickler

    assert issubclass(get_loky_pickler(), cloudpickle.CloudPickler)


def many_closures(call):
    from joblib import Parallel, delayed

    from __main__ import Point

    functions = [lambda point, n=n: point.moved(n) for n in range(100)]
    moved = Parallel(n_jobs=2, backend="loky")(delayed(function)(Point(1, 1)) for function in functions)
    assert moved == [Point(1 + n, 1 + n) for n in range(100)]


def large_arrays_are_mapped(call):
    """joblib's reducer for large arrays stands beside ours: an array that goes with a closure arrives memory-mapped."""
    import numpy
    from joblib import Parallel, delayed

    def kind(array, factor):
        return type(array).__name__, float(array.sum()) * factor()

    array = numpy.ones(500_000)
    task = delayed(kind)(array, lambda: 2)
    assert Parallel(n_jobs=2, backend="loky", max_nbytes=1_000)([task, task]) == [("memmap", 1_000_000.0)] * 2


SHIPMENTS = {
    "its_pickler_is_ours": its_pickler_is_ours,
    "many_closures": many_closures,
    "large_arrays_are_mapped": large_arrays_are_mapped,
}
