"""multiprocessing with spawn and its ForkingPickler replaced by a CloudPickler, so that it sends everything directly.

It keeps multiprocessing's own reducers, which pass connections, locks and queues to a process that is being started.
"""

import contextlib
import io
import multiprocessing
import multiprocessing.connection
import multiprocessing.queues
from multiprocessing import reduction

import cloudpickle

ENVIRONMENT = "frameworks"
DISTRIBUTION = None
RERUNS_SCRIPT = True


class ForkingCloudPickler(cloudpickle.CloudPickler):
    """What `reduction.ForkingPickler` is, with functions and classes by value."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.dispatch_table = {**self.dispatch_table, **reduction.ForkingPickler._extra_reducers}

    @classmethod
    def dumps(cls, value, protocol=None):
        file = io.BytesIO()
        cls(file, protocol).dump(value)
        return file.getbuffer()

    loads = staticmethod(cloudpickle.loads)


def replace():
    """In the driver, and in each worker before its first task."""
    reduction.dump = lambda value, file, protocol=None: ForkingCloudPickler(file, protocol).dump(value)
    for module in (multiprocessing.connection, multiprocessing.queues):
        module._ForkingPickler = ForkingCloudPickler


@contextlib.contextmanager
def workers():
    replace()
    with multiprocessing.get_context("spawn").Pool(2, initializer=replace) as pool:
        yield lambda function, *arguments: pool.apply(function, arguments)


def a_closure_with_a_queue(call):
    """A queue may travel only while a process is being started, through multiprocessing's own reducers."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    words = ["a", "b"]
    process = spawn.Process(target=lambda: results.put([word * 2 for word in words]))
    process.start()
    try:
        assert results.get() == ["aa", "bb"]
    finally:
        process.join()


def connections_travel_beside_closures(call):
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()

    def serve(connection):
        function = connection.recv()
        connection.send(function(20))

    process = spawn.Process(target=serve, args=(there,))
    process.start()
    try:
        offset = 1
        here.send(lambda x: 2 * (x + offset))
        assert here.recv() == 42
    finally:
        process.join()


SHIPMENTS = {
    "a_closure_with_a_queue": a_closure_with_a_queue,
    "connections_travel_beside_closures": connections_travel_beside_closures,
}
