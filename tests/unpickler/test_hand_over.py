"""What `loads` does not read by itself, `pickle` goes on with: the objects made so far are the ones in the result."""

import copyreg
import pickle
import sys

import pytest
from outcomes import outcome

import cloudpickle
from implementation import not_on_pypy

# GLOBAL is not written any more from protocol 4 on.
DOUBT = b"cbuiltins\nlen\n0"
BEFORE = b"\x80\x05"


class Calls:
    """What is called, in its order."""

    made = []

    def __init__(self, *arguments):
        self.made.append(arguments)


def same(data):
    expected = outcome(pickle.loads, data)
    assert outcome(cloudpickle.loads, data) == expected
    return expected


@pytest.mark.parametrize(
    "program",
    [
        b"](K\x01" + DOUBT + b"K\x02e.",
        b"]\x94(h\x00" + DOUBT + b"h\x00e.",
        b"((((" + DOUBT + b"tttt.",
        b"(K\x01(K\x02(" + DOUBT + b"K\x03ttt.",
        b"}(\x8c\x01aK\x01" + DOUBT + b"\x8c\x01bK\x02u.",
        b"K\x01\x94K\x02\x94" + DOUBT + b"h\x00h\x01\x86\x94h\x02\x86.",
        b"K\x01\x94K\x02\x94" + DOUBT + b"K\x03\x94h\x02.",
        b"N" + DOUBT + b"(1.",
        DOUBT + b"K\x01.",
    ],
)
def test_in_the_middle(program):
    assert same(BEFORE + program)[0] == "returned"


def test_identity_is_kept():
    loaded = cloudpickle.loads(BEFORE + b"]\x94(]\x94h\x01" + DOUBT + b"h\x01h\x00e.")
    first, second, third, itself = loaded
    assert first is second is third
    assert itself is loaded


def test_nothing_is_called_twice():
    module, name = (b"\x8c" + bytes([len(text)]) + text.encode() for text in (__name__, "Calls"))
    Calls.made.clear()
    cloudpickle.loads(BEFORE + module + name + b"\x93\x94K\x01\x85R0h\x00K\x02\x85R0" + DOUBT + b"h\x00K\x03\x85R.")
    assert Calls.made == [(1,), (2,), (3,)]


def test_nothing_is_called_twice_where_nothing_of_it_is_left():
    module, name = (b"\x8c" + bytes([len(text)]) + text.encode() for text in (__name__, "Calls"))
    Calls.made.clear()
    assert cloudpickle.loads(BEFORE + module + name + b"\x93K\x01\x85R0" + DOUBT + b"K\x05.") == 5
    assert Calls.made == [(1,)]


@pytest.mark.parametrize(
    "program", [b"K\x05\x97.", b"K\x05" + DOUBT + b"\x97.", b"\x97\x98.", b"K\x05" + DOUBT + b"\x98."]
)
def test_buffers_that_are_not_given(program):
    assert same(BEFORE + program)[0] == "raised"


BUFFERS = {
    "none": lambda: None,
    "empty": lambda: [],
    "one": lambda: [b"first"],
    "two": lambda: (b"first", bytearray(b"second")),
    "not a buffer": lambda: [1],
    "an iterator": lambda: iter([b"first", b"second"]),
    "one that fails": lambda: (1 // 0 for _ in range(1)),
    "no iterable": lambda: 5,
}


@pytest.mark.parametrize(
    "program",
    [
        b"(\x97t.",
        b"(\x97\x98t.",
        b"(\x97\x97t.",
        b"(\x97" + DOUBT + b"\x97t.",
        b"(" + DOUBT + b"\x97\x98t.",
        b"c\n\n.",
        b"N.",
        b"\x98.",
    ],
)
@pytest.mark.parametrize("buffers", BUFFERS)
def test_buffers_that_are_given(buffers, program):
    def with_buffers(loads):
        return lambda data: loads(data, buffers=BUFFERS[buffers]())

    data = BEFORE + program
    assert outcome(with_buffers(cloudpickle.loads), data) == outcome(with_buffers(pickle.loads), data)


@pytest.mark.parametrize("program", [b"(\x97\x97t.", b"(\x97" + DOUBT + b"\x97t."])
def test_the_buffers_themselves_are_in_the_result(program):
    buffers = [b"first", bytearray(b"second")]
    loaded = cloudpickle.loads(BEFORE + program, buffers=buffers)
    assert loaded[0] is buffers[0]
    assert loaded[1] is buffers[1]


@not_on_pypy("an unpickler of ours")
def test_buffers_are_iterated_once():
    class Buffers:
        asked = 0

        def __iter__(self):
            self.asked += 1
            return iter([b"first"])

    buffers = Buffers()
    assert cloudpickle.loads(BEFORE + DOUBT + b"\x97.", buffers=buffers) == b"first"
    assert buffers.asked == 1


@pytest.mark.parametrize("program", [b"K\x05Q.", b"K\x05Pname\n.", b"K\x05" + DOUBT + b"K\x01Q."])
def test_persistent_ids(program):
    assert same(BEFORE + program)[0] == "raised"


def test_the_extension_registry():
    copyreg.add_extension("builtins", "len", 0xF1)
    try:
        data = pickle.dumps([1, len, 2], 5)
        assert b"\x82\xf1" in data
        assert cloudpickle.loads(data) == [1, len, 2]
    finally:
        copyreg.remove_extension("builtins", "len", 0xF1)


def test_keyword_arguments_of_new():
    data = pickle.dumps([1, WithKeywords(a=1), 2], 5)
    assert b"\x92" in data
    assert cloudpickle.loads(data)[1].a == 1


class WithKeywords:
    def __new__(cls, *, a):
        instance = super().__new__(cls)
        instance.a = a
        return instance

    def __getnewargs_ex__(self):
        return (), {"a": self.a}


@pytest.mark.parametrize("put", [b"q\x05", b"r\x05\x00\x00\x00", b"p5\n"])
def test_gaps_in_the_memo(put):
    assert same(BEFORE + b"K\x01" + put + b"0h\x05.")[0] == "returned"


def test_older_protocols():
    for protocol in range(4):
        assert cloudpickle.loads(pickle.dumps([1, "a", {2: len}], protocol)) == [1, "a", {2: len}]


@not_on_pypy("an unpickler of ours")
@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x05", b"\x80\x06.", b"\x80\x05.", b"\x80\x05C\0", b"N", b"."])
def test_hardly_anything(data):
    assert same(data)[0] == "raised"


def test_many_objects_before_the_doubt():
    count = 100_000
    numbers = b"".join(b"J" + number.to_bytes(4, "little") + b"\x94" for number in range(count))
    loaded = cloudpickle.loads(BEFORE + b"](" + numbers + DOUBT + b"j" + (count - 1).to_bytes(4, "little") + b"e.")
    assert loaded == [*range(count), count - 1]


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_nesting_takes_no_native_stack(depth):
    loaded = cloudpickle.loads(BEFORE + b"]" * depth + b"a" * (depth - 1) + b".")
    for _ in range(depth - 1):
        [loaded] = loaded
    assert loaded == []
    assert sys.getrecursionlimit() < 100_000
