"""What cannot be pickled, and wrong arguments: the exception that `pickle` or upstream raises."""

import io
import mmap
import os
import pickle
import re
import socket
import struct
import sys
import sysconfig
import threading

import pytest

import cloudpickle
from cloudpickle import Pickler
from implementation import PYPY, not_on_pypy
from travel import run_script


def a_generator():
    yield 1


async def a_coroutine():
    pass


def unpicklable_values():
    coroutine = a_coroutine()
    coroutine.close()
    return {
        "lock": threading.Lock(),
        "generator": a_generator(),
        "coroutine": coroutine,
        "frame": sys._getframe(),
        "thread": threading.Thread(target=a_generator),
        "socket": socket.socket(),
    }


@pytest.mark.parametrize("name", ["lock", "generator", "coroutine", "frame", "thread", "socket"])
def test_unpicklable(name):
    """The same exception type and text as CPython's `pickle` has for it."""
    value = unpicklable_values()[name]
    with pytest.raises((TypeError, pickle.PicklingError)) as theirs:
        pickle.dumps(value, protocol=5)
    with pytest.raises(TypeError if PYPY else theirs.type) as ours:
        cloudpickle.dumps(value)
    if PYPY:  # whose own text says that the type has no importable name
        assert str(ours.value).startswith("cannot pickle '")
    elif name != "thread":
        assert str(ours.value) == str(theirs.value)
    if name == "socket":
        value.close()


def a_traceback():
    try:
        raise ValueError
    except ValueError as error:
        return error.__traceback__


BELONGS_TO_THE_PROCESS = {
    "reentrant lock": threading.RLock,
    "thread's data": threading.local,
    "mapped memory": lambda: mmap.mmap(-1, 10),
    "match": lambda: re.match("a", "a"),
    "compiled format": lambda: struct.Struct("i"),
    "folder that is read": os.scandir,
    "traceback": a_traceback,
}


# Under protocols 0 and 1 CPython's `copyreg` lets some of these pass.
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", BELONGS_TO_THE_PROCESS)
def test_what_belongs_to_the_process(name, protocol):
    """Refused, and not taken apart by the default reduction, which would leave out what they hold."""
    value = BELONGS_TO_THE_PROCESS[name]()
    for refused in (value, {"a": [value]}, lambda: value):
        with pytest.raises(TypeError, match="cannot pickle '.*' object"):
            cloudpickle.dumps(refused, protocol=protocol)


def test_lock_message():
    with pytest.raises(TypeError) as caught:
        cloudpickle.dumps({"a": [threading.Lock()]})
    # Before Python 3.11, where exceptions have no notes, a second line says where it is.
    assert str(caught.value).splitlines()[0] == "cannot pickle '_thread.lock' object"


def test_lock_captured_by_a_function():
    lock = threading.Lock()
    with pytest.raises(TypeError, match="cannot pickle '_thread.lock' object"):
        cloudpickle.dumps(lambda: lock)


def test_iterator_of_a_library_in_c():
    import ssl

    in_c = "_cffi_backend._CDataBase" if PYPY else "SSLContext"
    with pytest.raises(TypeError, match=f"cannot pickle '{in_c}' object"):
        cloudpickle.dumps(ssl.create_default_context())


def test_file_opened_for_writing(tmp_path):
    with open(tmp_path / "f", "w", encoding="utf-8") as file:
        with pytest.raises(pickle.PicklingError, match="Cannot pickle files that are not opened for reading: w"):
            cloudpickle.dumps(file)


@pytest.mark.parametrize("bad", [threading.Lock(), lambda: threading.Lock], ids=["lock", "lock in a function"])
def test_nothing_is_returned_or_written_as_if_whole(bad):
    lock = threading.Lock()
    file = io.BytesIO()
    with pytest.raises(TypeError):
        cloudpickle.dump(["x" * 200_000, b"y" * 200_000, lock, bad], file)
    with pytest.raises((EOFError, pickle.UnpicklingError)):
        pickle.loads(file.getvalue())


def test_pickler_is_usable_after_a_refusal():
    file = io.BytesIO()
    pickler = Pickler(file)
    for _ in range(3):
        with pytest.raises(TypeError):
            pickler.dump([1, threading.Lock()])
    pickler.clear_memo()
    start = file.tell()
    pickler.dump({"fine": lambda: 1})
    assert pickle.loads(file.getvalue()[start:])["fine"]() == 1


def test_protocol_too_high():
    for call in (lambda: cloudpickle.dumps(1, protocol=6), lambda: Pickler(io.BytesIO(), protocol=6)):
        with pytest.raises(ValueError, match="^pickle protocol must be <= 5$"):
            call()
    with pytest.raises(ValueError):
        cloudpickle.dump(1, io.BytesIO(), 10**6)


def test_negative_protocol_is_the_highest():
    assert cloudpickle.dumps(1, protocol=-1) == cloudpickle.dumps(1, protocol=-5) == cloudpickle.dumps(1)


@pytest.mark.parametrize("protocol", ["5", [], object()], ids=repr)
def test_protocol_of_the_wrong_type(protocol):
    with pytest.raises(TypeError):
        cloudpickle.dumps(1, protocol=protocol)


def test_protocol_true_is_one():
    assert cloudpickle.dumps([1], protocol=True) == pickle.dumps([1], protocol=1)


@pytest.mark.parametrize("file", [None, 5, "name", object(), b"bytes"], ids=repr)
def test_file_without_write(file):
    with pytest.raises(TypeError, match="^file must have a 'write' attribute$"):
        cloudpickle.dump(1, file)
    with pytest.raises(TypeError, match="^file must have a 'write' attribute$"):
        Pickler(file)


def test_write_that_cannot_be_called():
    class File:
        write = 5

    with pytest.raises(TypeError):
        cloudpickle.dump(1, File())


def test_buffer_callback_below_protocol_5():
    for call in (
        lambda: cloudpickle.dumps(1, 4, print),
        lambda: cloudpickle.dump(1, io.BytesIO(), 4, print),
        lambda: Pickler(io.BytesIO(), 4, print),
    ):
        with pytest.raises(ValueError, match="^buffer_callback needs protocol >= 5$"):
            call()


def test_buffer_callback_that_cannot_be_called():
    with pytest.raises(TypeError):
        cloudpickle.dumps(pickle.PickleBuffer(b"x"), buffer_callback=5)


@pytest.mark.parametrize("arguments", [(), (1, 2, 3, 4)])
def test_wrong_number_of_arguments(arguments):
    with pytest.raises(TypeError):
        cloudpickle.dumps(*arguments)


def test_unknown_keyword():
    with pytest.raises(TypeError):
        cloudpickle.dumps(1, unknown=True)
    with pytest.raises(TypeError):
        Pickler(io.BytesIO(), unknown=True)


@pytest.mark.parametrize("data", [b"", b"\x80\x05", b"\x80\x05K", b"garbage", b"\x80\x06N."], ids=repr)
def test_loads_of_what_is_no_pickle(data):
    with pytest.raises((EOFError, pickle.UnpicklingError, ValueError, IndexError, KeyError)):
        cloudpickle.loads(data)


def test_failed_dump_leaves_nothing_in_the_memo():
    """What was written is no pickle, so that later pickles must not refer to what it held."""

    class Bad:
        def __reduce__(self):
            raise ValueError("bad")

    shared = [1]
    file = io.BytesIO()
    pickler = Pickler(file)
    with pytest.raises(ValueError, match="bad"):
        pickler.dump([shared, Bad()])
    end = file.tell()
    pickler.dump([shared, shared])
    loaded = pickle.loads(file.getvalue()[end:])
    assert loaded == [[1], [1]]
    assert loaded[0] is loaded[1]


def test_failed_dump_leaves_in_the_memo_what_earlier_ones_wrote():
    class Bad:
        def __reduce__(self):
            raise ValueError("bad")

    earlier, shared = [1], [2]
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dump(earlier)
    first = file.getvalue()
    with pytest.raises(ValueError, match="bad"):
        pickler.dump([earlier, shared, Bad()])
    end = file.tell()
    pickler.dump([earlier, shared, shared])
    unpickler = pickle.Unpickler(io.BytesIO(first + file.getvalue()[end:]))
    loaded_first, loaded = unpickler.load(), unpickler.load()
    assert loaded == [[1], [2], [2]]
    assert loaded[0] is loaded_first
    assert loaded[1] is loaded[2]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="pickle adds notes since Python 3.14")
def test_notes_say_where_it_happened():
    """The words are the C pickler's."""

    class Bad:
        def __reduce__(self):
            raise ValueError("bad")

    class Holder:
        pass

    holder = Holder()
    holder.attribute = [1, {"key": (Bad(),)}]
    with pytest.raises(ValueError, match="bad") as caught:
        cloudpickle.dumps(holder)
    name = f"{Holder.__module__}.{Holder.__qualname__}"
    assert caught.value.__notes__ == [
        "when serializing tuple item 0",
        "when serializing dict item 'key'",
        "when serializing list item 1",
        "when serializing dict item 'attribute'",
        f"when serializing {name} state",
        f"when serializing {name} object",
    ]


def test_failed_write_leaves_nothing_in_the_memo():
    class Full:
        data = None

        def write(self, data):
            if self.data is None:
                self.data = b""
                raise OSError("full")
            self.data = bytes(data)

    file, shared = Full(), ["abc"]
    pickler = Pickler(file)
    with pytest.raises(OSError, match="full"):
        pickler.dump(shared)
    pickler.dump(shared)
    assert pickle.loads(file.data) == ["abc"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no limit on memory elsewhere")
@pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")), reason="its allocator has mapped memory ahead, beside the limit"
)
@not_on_pypy("room beside a limit")
def test_no_memory_left():
    """A `MemoryError`, whether a large payload finds no room or the last of many small ones, and life goes on."""
    result = run_script(
        """
        import cloudpickle
        def told(dump):
            try:
                dump()
            except MemoryError:
                return "MemoryError", len(cloudpickle.dumps(["goes", "on"]))
            return "none", 0
        piece, large = b"x" * 60_000, b"y" * 120_000_000
        many = [piece] * 1
        many *= 2_000
        distinct = [piece[:50_000 + i] for i in range(2_000)]
        report(
            large=told(lambda: cloudpickle.dumps(large)),
            many=told(lambda: cloudpickle.dumps(distinct)),
            shared=told(lambda: cloudpickle.dumps(many)),
            usable=len(cloudpickle.dumps(large[:100])) > 100,
        )
        """,
        memory=290_000_000,
    )
    assert result["large"] == result["many"] == ["MemoryError", len(cloudpickle.dumps(["goes", "on"]))]
    assert result["shared"] == ["none", 0] and result["usable"]
