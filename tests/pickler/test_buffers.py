"""PickleBuffer in band and out of band (PEP 574)."""

import pickle
import pickletools
from pickle import PickleBuffer

import pytest

import cloudpickle
from implementation import not_on_pypy
from travel import round_trip


def out_of_band(obj, keep=bool):
    """The pickle and the buffers that were taken out of it."""
    buffers = []

    def callback(buffer):
        buffers.append(buffer)
        return keep(False)

    return cloudpickle.dumps(obj, protocol=5, buffer_callback=callback), buffers


@pytest.mark.parametrize("size", [0, 1, 255, 256, 70_000])
def test_in_band(size):
    """Readonly memory loads as bytes, writable memory as a bytearray."""
    readonly, writable = b"r" * size, bytearray(b"w" * size)
    first, second = round_trip([PickleBuffer(readonly), PickleBuffer(writable)])
    assert (type(first), first) == (bytes, readonly)
    assert (type(second), second) == (bytearray, writable)


@not_on_pypy("a C pickler")
@pytest.mark.parametrize("size", [0, 1, 70_000])
def test_in_band_equals_pickle(size):
    data = [PickleBuffer(b"r" * size), PickleBuffer(bytearray(b"w" * size))]
    assert pickletools.optimize(cloudpickle.dumps(data)) == pickletools.optimize(pickle.dumps(data, protocol=5))


@pytest.mark.parametrize("memory", [b"readonly" * 100, bytearray(b"writable" * 100)], ids=["readonly", "writable"])
def test_out_of_band(memory):
    data, buffers = out_of_band([PickleBuffer(memory), "rest"])
    assert bytes(memory) not in data and len(buffers) == 1
    assert type(buffers[0]) is PickleBuffer and buffers[0].raw().obj is memory
    loaded, rest = pickle.loads(data, buffers=buffers)
    assert rest == "rest" and bytes(memoryview(loaded)) == bytes(memory)
    assert memoryview(loaded).readonly == memoryview(memory).readonly


def test_out_of_band_memory_is_shared():
    memory = bytearray(b"shared")
    data, buffers = out_of_band(PickleBuffer(memory))
    loaded = pickle.loads(data, buffers=buffers)
    memory[:2] = b"SH"
    assert bytes(memoryview(loaded)) == b"SHared"


def test_readonly_memory_loaded_into_a_writable_buffer_is_readonly():
    data, _ = out_of_band(PickleBuffer(b"abc"))
    loaded = pickle.loads(data, buffers=[bytearray(b"abc")])
    assert memoryview(loaded).readonly


@pytest.mark.parametrize("answer", [True, 1, "in band"])
def test_callback_that_answers_true_keeps_the_buffer_in_band(answer):
    data = cloudpickle.dumps(PickleBuffer(b"kept" * 10), buffer_callback=lambda buffer: answer)
    assert pickle.loads(data) == b"kept" * 10


@pytest.mark.parametrize("answer", [None, False, 0, [], ""])
def test_callback_that_answers_false_takes_the_buffer_out(answer):
    data = cloudpickle.dumps(PickleBuffer(b"taken" * 10), buffer_callback=lambda buffer: answer)
    assert b"taken" not in data
    assert bytes(pickle.loads(data, buffers=[b"taken" * 10])) == b"taken" * 10


def test_callback_that_raises():
    with pytest.raises(ZeroDivisionError):
        cloudpickle.dumps(PickleBuffer(b"x"), buffer_callback=lambda buffer: 1 / 0)


def test_non_contiguous_memory_is_refused():
    view = memoryview(bytes(range(10)))[::2]
    with pytest.raises(pickle.PicklingError, match="non-contiguous"):
        cloudpickle.dumps(PickleBuffer(view))
    with pytest.raises(pickle.PicklingError, match="non-contiguous"):
        cloudpickle.dumps(PickleBuffer(view), buffer_callback=[].append)


def test_released_buffer_is_refused():
    buffer = PickleBuffer(b"x")
    buffer.release()
    with pytest.raises(ValueError):
        cloudpickle.dumps(buffer)


@pytest.mark.parametrize("protocol", range(5))
def test_below_protocol_5(protocol):
    with pytest.raises(pickle.PicklingError, match="PickleBuffer can only (be )?pickled with protocol >= 5"):
        cloudpickle.dumps(PickleBuffer(b"x"), protocol=protocol)
    with pytest.raises(ValueError, match="buffer_callback needs protocol >= 5"):
        cloudpickle.dumps(1, protocol=protocol, buffer_callback=print)


def test_same_buffer_twice():
    """Each occurrence is given to the callback, as in pickle."""
    buffer = PickleBuffer(b"x" * 10)
    ours, theirs = [], []
    data = cloudpickle.dumps([buffer, buffer], buffer_callback=ours.append)
    theirs_data = pickle.dumps([buffer, buffer], protocol=5, buffer_callback=theirs.append)
    assert pickletools.optimize(data) == pickletools.optimize(theirs_data)
    assert len(ours) == len(theirs)


def test_object_that_reduces_to_a_buffer():
    data, buffers = out_of_band([Zero(bytearray(b"payload")) for _ in range(3)])
    assert len(buffers) == 3
    assert [bytes(item.memory) for item in pickle.loads(data, buffers=buffers)] == [b"payload"] * 3


class Zero:
    """An object whose memory goes out of band."""

    def __init__(self, memory):
        self.memory = memoryview(memory)

    def __reduce_ex__(self, protocol):
        return Zero, (PickleBuffer(self.memory),)


def test_numpy_arrays():
    numpy = pytest.importorskip("numpy", reason="numpy has no wheel for this Python")
    arrays = [numpy.arange(100_000), numpy.ones((3, 4)), numpy.asfortranarray(numpy.ones((3, 4)))]
    data, buffers = out_of_band({"arrays": arrays})
    assert len(buffers) == 3 and len(data) < 2000
    for loaded, array in zip(pickle.loads(data, buffers=buffers)["arrays"], arrays):
        assert (loaded == array).all() and loaded.dtype == array.dtype and loaded.flags.writeable
        assert loaded.flags.f_contiguous == array.flags.f_contiguous
        assert numpy.shares_memory(loaded, array)


def test_numpy_array_of_a_closure():
    numpy = pytest.importorskip("numpy", reason="numpy has no wheel for this Python")
    array = numpy.arange(10.0)
    data, buffers = out_of_band(lambda: array.sum())
    assert len(buffers) == 1 and pickle.loads(data, buffers=buffers)() == 45.0


def test_numpy_array_in_band_and_not_contiguous(protocol):
    numpy = pytest.importorskip("numpy", reason="numpy has no wheel for this Python")
    for array in (numpy.arange(20)[::2], numpy.arange(5), numpy.array("x", dtype=object), numpy.arange(70_000)):
        assert (round_trip(array, protocol) == array).all()
