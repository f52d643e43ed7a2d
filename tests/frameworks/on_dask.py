"""dask.distributed: a LocalCluster whose workers are processes, and dask's own scheduler of processes."""

import contextlib

import numpy

import cloudpickle

ENVIRONMENT = "frameworks"
DISTRIBUTION = "distributed"
RERUNS_SCRIPT = True


@contextlib.contextmanager
def workers():
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, memory_limit=0
    )
    with cluster, Client(cluster) as client:
        yield lambda function, *arguments: client.submit(function, *arguments, pure=False).result()


def its_dumps_is_ours(call):
    def used():
        from distributed.protocol import pickle

        return pickle.cloudpickle.__version__, pickle.cloudpickle.dumps.__module__

    assert used() == call(used) == (cloudpickle.__version__, cloudpickle.dumps.__module__)


def buffers_travel_out_of_band(call):
    """In both directions the array is a frame of its own, neither in the pickle nor copied."""

    def frames():
        from distributed.protocol import deserialize, serialize

        array = numpy.arange(10_000.0)
        header, parts = serialize({"sum": lambda: array.sum(), "array": array}, serializers=("pickle",))
        back = deserialize(header, parts)
        assert back["sum"]() == array.sum() and numpy.array_equal(back["array"], array)
        assert [numpy.shares_memory(back["array"], array)] == [True]
        return [memoryview(part).nbytes for part in parts]

    for sizes in (frames(), call(frames)):
        assert sizes[0] < 5_000 and sizes[1:] == [80_000], sizes


def an_image_out_of_band(call):
    from distributed.protocol import deserialize, serialize

    from __main__ import Image

    pixels = bytearray(50_000)
    header, parts = serialize(Image(100, pixels), serializers=("pickle",))
    assert [memoryview(part).nbytes for part in parts][1:] == [50_000]
    back = deserialize(header, parts)
    pixels[0] = 9
    assert type(back) is Image and back.pixels[0] == 9


def scattered_data(call):
    """What is scattered is pickled once and travels between the workers."""
    from distributed import get_client

    from __main__ import Point

    client = get_client()
    future = client.scatter({"point": Point(3, 4), "f": lambda n: n + 1}, broadcast=True, hash=False)
    assert client.submit(lambda data: data["f"](data["point"].length), future).result() == 6


def a_map_and_a_graph(call):
    import dask
    from distributed import get_client

    client = get_client()
    scale = numpy.float64(0.5)
    assert client.gather(client.map(lambda n: n * scale, range(50))) == [n * 0.5 for n in range(50)]

    @dask.delayed
    def add(a, b):
        return a + b

    assert add(add(1, 2), dask.delayed(lambda: 4)()).compute() == 7


def an_actor(call):
    from distributed import get_client

    class Counter:
        n = 0

        def __init__(self, start):
            self.n = start

        def add(self, n):
            self.n += n
            return self.n

    actor = get_client().submit(Counter, 5, actor=True).result()
    assert actor.add(2).result() == 7 and actor.n == 7


def equal_functions_have_equal_tokens(call):
    """dask names tasks by the bytes of pickled functions: the same on each call, in the driver and in a worker."""
    from dask.base import tokenize

    from __main__ import Box, Point, Point3, Slotted

    weights = numpy.arange(3)

    def token(factor):
        return tokenize(lambda x: weights.dot(x) * factor)

    def token_of_classes():
        return tokenize(lambda: (Box, Point, Point3, Slotted))

    assert token(3) == token(3) == call(token, 3)
    assert token(3) != token(4)
    assert token_of_classes() == call(token_of_classes)


def the_scheduler_of_processes(call):
    """`scheduler="processes"` pickles tasks with cloudpickle for concurrent.futures workers."""
    import dask

    from __main__ import Point

    offset = 2
    tasks = [dask.delayed(lambda n: Point(n, n).moved(offset))(n) for n in range(4)]
    results = dask.compute(*tasks, scheduler="processes", num_workers=2)
    assert results == tuple(Point(n + offset, n + offset) for n in range(4))


SHIPMENTS = {
    "its_dumps_is_ours": its_dumps_is_ours,
    "buffers_travel_out_of_band": buffers_travel_out_of_band,
    "an_image_out_of_band": an_image_out_of_band,
    "scattered_data": scattered_data,
    "a_map_and_a_graph": a_map_and_a_graph,
    "an_actor": an_actor,
    "equal_functions_have_equal_tokens": equal_functions_have_equal_tokens,
    "the_scheduler_of_processes": the_scheduler_of_processes,
}
