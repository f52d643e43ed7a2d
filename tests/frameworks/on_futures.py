"""concurrent.futures with spawn: a small wrapper makes any function and any result travel by cloudpickle.

The buffers of a call travel beside its pickle, out of band.
"""

import concurrent.futures
import contextlib
import multiprocessing
import pickle

import numpy

import cloudpickle

ENVIRONMENT = "frameworks"
DISTRIBUTION = None
RERUNS_SCRIPT = True


class Shipped:
    """A value that plain pickle sends as cloudpickle would; it arrives as the value itself."""

    def __init__(self, value):
        self.value = value

    def __reduce__(self):
        buffers = []
        payload = cloudpickle.dumps(self.value, protocol=5, buffer_callback=buffers.append)
        return unpack, (payload, [buffer.raw().tobytes() for buffer in buffers])


def unpack(payload, buffers):
    return pickle.loads(payload, buffers=buffers)


def run(function, *arguments):
    """In the worker. What it returns or raises is unwrapped when it arrives in the driver."""
    try:
        return Shipped((function(*arguments), None))
    except Exception as error:
        return Shipped((None, error))


@contextlib.contextmanager
def workers():
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:

        def call(function, *arguments):
            value, error = executor.submit(run, *map(Shipped, (function, *arguments))).result()
            if error is not None:
                raise error
            return value

        yield call


def arrays_travel_out_of_band(call):
    array = numpy.arange(100_000)
    unpacking, (payload, buffers) = Shipped([array, lambda: array.sum()]).__reduce__()
    assert len(payload) < 5_000 and [len(buffer) for buffer in buffers] == [array.nbytes]
    # An array that was rebuilt on a buffer of bytes cannot be written to; one from the pickle itself can.
    assert call(lambda array: not array.flags.writeable and int(array.sum()), array) == array.sum()
    assert not call(lambda: numpy.arange(1000)).flags.writeable


SHIPMENTS = {"arrays_travel_out_of_band": arrays_travel_out_of_band}
