"""Ray: tasks and actors in worker processes. Its copy of cloudpickle is replaced before it starts."""

import contextlib
import os
import tempfile

import numpy

import cloudpickle

ENVIRONMENT = "ray"
DISTRIBUTION = "ray"
RERUNS_SCRIPT = False
VENDORED = "ray"


@contextlib.contextmanager
def workers():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    import ray
    from ray.exceptions import RayTaskError

    # A short path: Ray puts sockets into it, whose names may have no more than 107 characters.
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        ray.init(
            num_cpus=2,
            object_store_memory=100_000_000,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
        )

        @ray.remote(num_cpus=0.5)
        def run(function, *arguments):
            return function(*arguments)

        def call(function, *arguments):
            try:
                return ray.get(run.remote(function, *arguments))
            except RayTaskError as error:
                raise error.cause from error

        try:
            yield call
        finally:
            ray.shutdown()


def its_pickler_is_ours(call):
    import ray.cloudpickle

    def used():
        import ray.cloudpickle

        return ray.cloudpickle.CloudPickler.__module__, ray.cloudpickle.dumps.__module__

    assert ray.cloudpickle.CloudPickler is cloudpickle.CloudPickler
    assert used() == call(used) == (cloudpickle.CloudPickler.__module__, cloudpickle.dumps.__module__)


def remote_functions_and_options(call):
    import ray

    from __main__ import Point

    offset = numpy.arange(3)

    @ray.remote(num_returns=2)
    def both(point):
        return point.moved(1), offset + point.x

    point, array = ray.get(both.remote(Point(1, 2)))
    assert type(point) is Point and point == Point(2, 3) and array.tolist() == [1, 2, 3]


def an_actor(call):
    import ray

    from __main__ import Point

    class Trail:
        """Its class travels by value, and so do its state and results."""

        def __init__(self, start):
            self.points = [start]

        def move(self, by):
            self.points.append(self.points[-1].moved(by()))
            return self.points

    actor = ray.remote(Trail).options(num_cpus=0).remote(Point(0, 0))
    step = 2
    ray.get(actor.move.remote(lambda: step))
    points = ray.get(actor.move.remote(lambda: step + 1))
    assert points == [Point(0, 0), Point(2, 2), Point(5, 5)] and type(points[0]) is Point
    # A handle that is captured by a function travels with it.
    assert call(lambda: len(ray.get(actor.move.remote(lambda: 1)))) == 4
    ray.kill(actor)


def an_object_reference_in_a_closure(call):
    import ray

    reference = ray.put({"n": 20})
    held = [reference]
    assert call(lambda: ray.get(held[0])["n"] + ray.get(reference)["n"] + 2) == 42
    # As an argument it is resolved, inside a container it is not.
    assert call(lambda value: value["n"], reference) == 20
    assert call(lambda values: ray.get(values[0])["n"], [reference]) == 20


def buffers_travel_out_of_band(call):
    """Arrays go into the store of shared memory beside their pickle, so they come out read-only and are not copied."""
    import ray

    array = numpy.arange(300_000.0)
    offset = 1

    def work(array):
        return not array.flags.writeable and not array.flags.owndata, array + offset

    in_store, back = call(work, array)
    assert in_store and not back.flags.writeable and numpy.array_equal(back, array + 1)
    stored = ray.put({"f": lambda: offset, "array": array})
    first, second = ray.get(stored), ray.get(stored)
    assert first["f"]() == 1 and first["array"].ctypes.data == second["array"].ctypes.data


def a_registered_serializer(call):
    """ray.util.register_serializer assigns to `CloudPickler.dispatch` and takes away from it."""
    import threading

    import ray

    class Guarded:
        def __init__(self, n):
            self.n = n
            self.lock = threading.Lock()

    def make(n):
        return Guarded(n)

    ray.util.register_serializer(Guarded, serializer=lambda guarded: guarded.n, deserializer=make)
    try:
        assert call(lambda guarded: (guarded.n, guarded.lock.locked()), Guarded(3)) == (3, False)
    finally:
        ray.util.deregister_serializer(Guarded)
    try:
        ray.put(Guarded(3))
    except TypeError as error:
        assert "lock" in str(error)
    else:
        raise AssertionError("the lock was pickled")


def the_pickler_s_dispatch(call):
    """`CloudPickler.dispatch[cls] = reducer`, as Ray's own code does, holds for later pickles in this process."""
    import pickle

    import ray.cloudpickle

    class Handle:
        pass

    dispatch = ray.cloudpickle.CloudPickler.dispatch
    assert dispatch is ray.cloudpickle.CloudPickler.dispatch_table
    dispatch[Handle] = lambda handle: (int, (42,))
    try:
        assert pickle.loads(ray.cloudpickle.dumps([Handle(), lambda: 1]))[0] == 42
        assert call(lambda value: value, Handle()) == 42
    finally:
        dispatch.pop(Handle)
    assert isinstance(pickle.loads(ray.cloudpickle.dumps(Handle())), Handle)


def an_exception_is_of_its_class(call):
    """Outside `call`: the error that ray.get raises is both Ray's and of the class that the task raised."""
    import ray

    from __main__ import Refused

    @ray.remote
    def refuse():
        raise Refused("no", 7)

    try:
        ray.get(refuse.remote())
    except Refused as error:
        assert isinstance(error, ray.exceptions.RayTaskError) and error.cause.code == 7
    else:
        raise AssertionError("nothing was raised")


def what_cannot_travel_is_explained(call):
    import threading

    import ray

    lock = threading.Lock()
    try:
        ray.remote(lambda: lock).remote()
    except TypeError as error:
        assert "serialize" in str(error) and "lock" in str(error)
    else:
        raise AssertionError("the lock was pickled")


SHIPMENTS = {
    "its_pickler_is_ours": its_pickler_is_ours,
    "remote_functions_and_options": remote_functions_and_options,
    "an_actor": an_actor,
    "an_object_reference_in_a_closure": an_object_reference_in_a_closure,
    "buffers_travel_out_of_band": buffers_travel_out_of_band,
    "a_registered_serializer": a_registered_serializer,
    "the_pickler_s_dispatch": the_pickler_s_dispatch,
    "an_exception_is_of_its_class": an_exception_is_of_its_class,
    "what_cannot_travel_is_explained": what_cannot_travel_is_explained,
}
