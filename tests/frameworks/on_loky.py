"""loky's reusable executor. Its pickler is a subclass of CloudPickler that adds the reducers of the executor."""

import contextlib
import io
import pickle

import cloudpickle

ENVIRONMENT = "frameworks"
DISTRIBUTION = "loky"
RERUNS_SCRIPT = False


@contextlib.contextmanager
def workers():
    from loky import get_reusable_executor

    executor = get_reusable_executor(max_workers=2)
    try:
        yield lambda function, *arguments: get_reusable_executor(max_workers=2).submit(function, *arguments).result()
    finally:
        executor.shutdown(kill_workers=True)


def its_pickler_is_ours(call):
    from loky.backend.reduction import get_loky_pickler

    def pickler_in_the_worker():
        return issubclass(get_loky_pickler(), cloudpickle.CloudPickler)

    assert issubclass(get_loky_pickler(), cloudpickle.CloudPickler)
    assert call(pickler_in_the_worker)


def reducers_of_one_pickler(call):
    """Reducers that loky is given hold for that pickler, and beside what cloudpickle itself does."""
    from loky.backend.reduction import get_loky_pickler

    class Handle:
        pass

    with_reducer, without = io.BytesIO(), io.BytesIO()
    get_loky_pickler()(with_reducer, reducers={Handle: lambda handle: (int, (42,))}).dump([Handle(), lambda: 1])
    get_loky_pickler()(without).dump([Handle(), lambda: 1])
    number, one = pickle.loads(with_reducer.getvalue())
    assert number == 42 and one() == 1
    assert type(pickle.loads(without.getvalue())[0]) is Handle


def reducers_of_the_executor(call):
    """`job_reducers` and `result_reducers` change what travels in each direction."""
    from loky import ProcessPoolExecutor

    from __main__ import Point, Point3

    executor = ProcessPoolExecutor(
        1,
        job_reducers={Point: lambda point: (complex, (point.x, point.y))},
        result_reducers={Point3: lambda point: (list, ((point.x, point.y, point.z),))},
    )
    with executor:
        assert executor.submit(lambda value: (value, Point3(1, 2, 3)), Point(4, 5)).result() == (4 + 5j, [1, 2, 3])


def a_wrapped_object(call):
    from loky import wrap_non_picklable_objects

    from __main__ import Point

    wrapped = wrap_non_picklable_objects(Point(3, 4))
    assert call(lambda value: value.length, wrapped) == 5
    assert pickle.loads(pickle.dumps(wrapped)).length == 5


def many_calls(call):
    from loky import get_reusable_executor

    base = 10
    assert list(get_reusable_executor(max_workers=2).map(lambda n: n + base, range(200), chunksize=7)) == [
        n + base for n in range(200)
    ]


SHIPMENTS = {
    "its_pickler_is_ours": its_pickler_is_ours,
    "reducers_of_one_pickler": reducers_of_one_pickler,
    "reducers_of_the_executor": reducers_of_the_executor,
    "a_wrapped_object": a_wrapped_object,
    "many_calls": many_calls,
}
