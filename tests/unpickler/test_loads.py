"""`loads` against `pickle.loads`: the same object, or the same exception in the same words, whatever the bytes are.

What it reads by itself and what it leaves to `pickle` is its own affair: every pickle here goes both ways.
"""

import gc
import pickle
import pickletools
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import outcome

import cloudpickle
from implementation import FREE_THREADED, not_on_pypy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "pickler"))
import corpus


class Plain:
    """An instance with a `__dict__`."""


class Slotted:
    __slots__ = ("a", "b")


def same(data):
    expected = outcome(pickle.loads, data)
    assert outcome(cloudpickle.loads, data) == expected
    return expected


PIECES = st.sampled_from(
    [
        b"N",
        b"\x88",
        b"\x89",
        b"K\x05",
        b"M\x01\x02",
        b"J\xff\xff\xff\xff",
        b"\x8a\x00",
        b"\x8a\x02\x00\xff",
        b"\x8a\x08" + b"\x80" * 8,
        b"\x8a\x09" + b"\x80" * 9,
        b"G" + struct.pack(">d", 1.5),
        b"\x8c\x00",
        b"\x8c\x01a",
        b"\x8c\x03abc",
        b"\x8c\x02\xc3\xa9",
        b"\x8c\x03\xed\xa0\x80",
        b"\x8c\x01\xff",
        b"X\x02\x00\x00\x00hi",
        b"C\x02xy",
        b"\x96\x02\x00\x00\x00\x00\x00\x00\x00xy",
        b"]",
        b"}",
        b")",
        b"\x8f",
        *[b"("] * 4,
        *[f"\x8c{chr(len(module))}{module}\x8c{chr(len(name))}{name}\x93".encode("latin-1") for module, name in [
            (__name__, "Plain"), (__name__, "Slotted"), (__name__, "Plain.missing"), (__name__, "missing"),
            ("no_such_module", "x"), ("builtins", "list"), ("builtins", "len"), ("builtins", "dict.fromkeys"),
            ("collections", "OrderedDict"), ("collections", "deque"), ("sys", "__name__"),
        ]],
    ]
)  # fmt: skip
ACTIONS = st.sampled_from(
    [b"a", b"e", b"s", b"u", b"t", b"\x85", b"\x86", b"\x87", b"\x94", b"h\x00", b"h\x01", b"j\x00\x00\x00\x00",
     b"q\x00", b"q\x02", b"r\x01\x00\x00\x00", b"0", b"1", b"2", b"\x90", b"\x91", b"R", b"\x81", b"b", b"\x85R", b"tR",
     b"ub", b"sb", b")\x81", b")\x81}", b")\x81}(\x8c\x01aK\x01ub", b")\x81\x94}(\x8c\x01ah\x00ub"]
)  # fmt: skip
OTHERS = st.sampled_from([info.code.encode("latin-1") for info in pickletools.opcodes])
PROGRAMS = st.lists(st.one_of(PIECES, PIECES, ACTIONS, ACTIONS, OTHERS), max_size=30).map(b"".join)


@not_on_pypy("an unpickler of ours")
@settings(max_examples=2000)
@given(st.sampled_from([b"\x80\x05", b"\x80\x04", b"\x80\x03", b""]), PROGRAMS, st.sampled_from([b".", b""]))
def test_any_program(head, program, stop):
    same(head + program + stop)


VALUES = {
    **corpus.CORPUS,
    **corpus.FROM_PROTOCOL_2,
    **corpus.CYCLES,
    "instances": lambda: [make_plain(a=1, b=[2]), make_plain(a=3, b=[4])],
}


def make_plain(**attributes):
    plain = Plain()
    plain.__dict__.update(attributes)
    return plain


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps], ids=["pickle", "cloudpickle"])
@pytest.mark.parametrize("name", VALUES)
def test_objects(name, dumps, protocol):
    expected = same(dumps(VALUES[name](), protocol))
    assert expected[0] == "returned"


@pytest.mark.parametrize("size", range(11))
def test_ints_of_all_lengths(size):
    edges = [edge + near for edge in (1 << 8 * size, 1 << (8 * size + 7)) for near in (-1, 0, 1)]
    for value in (*edges, *(-edge for edge in edges)):
        for protocol in (2, 4, 5):
            assert same(pickle.dumps(value, protocol))[0] == "returned"
    # In more bytes than it takes, too.
    for last in (b"", b"\0", b"\x7f", b"\x80", b"\xff"):
        digits = b"\x81" * size + last
        assert same(b"\x80\x04\x8a" + bytes([len(digits)]) + digits + b".")[0] == "returned"


@not_on_pypy("an unpickler of ours")
@pytest.mark.parametrize("protocol", [4, 5])
def test_a_pickle_cut_off_anywhere(protocol):
    data = pickle.dumps([make_plain(a=1, b={"c": (1, 2.5, None)}), {3, 4}, b"x" * 300, len, 1 << 90], protocol)
    for length in range(len(data)):
        assert same(data[:length])[0] == "raised"


@not_on_pypy("an unpickler of ours")
@given(st.data())
def test_a_pickle_with_a_wrong_byte(draw):
    data = bytearray(cloudpickle.dumps([make_plain(a=1, b={"c": (1, 2.5, None)}), {3, 4}, b"xyz", len, (), [], {}]))
    data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    same(bytes(data))


def frame(content, length=None):
    return b"\x95" + (len(content) if length is None else length).to_bytes(8, "little") + content


# Since Python 3.14 an opcode must not reach over the end of a frame, and no frame may begin in another.
@pytest.mark.parametrize(
    "program",
    [
        frame(b"K\x01."),
        frame(b"K\x01") + frame(b"\x85."),
        frame(b"") + b"K\x01.",
        frame(b"") + frame(b"K\x01."),
        frame(b"J\x01\x00\x00\x00.", 2),
        frame(b"\x8c\x03abc.", 3),
        frame(frame(b"K\x01") + b"."),
        frame(b"(K\x01" + frame(b"t.")),
        frame(b"(K\x01cbuiltins\nlen\n", 3) + b"t.",
        frame(b"(K\x01cbuiltins\nlen\n", 10) + b"t.",
        frame(b"(K\x01cbuiltins\nlen\n") + frame(b"t."),
        frame(b"K\x01.", 4),
        frame(b"K\x01.", 2**63),
        frame(b"K\x01.", 2**64 - 1),
    ],
)
def test_frames(program):
    same(b"\x80\x05" + program)


@pytest.mark.parametrize("wrap", [bytearray, memoryview], ids=["bytearray", "memoryview"])
def test_what_is_not_bytes(wrap):
    data = pickle.dumps(["a", 1])
    assert cloudpickle.loads(wrap(data)) == ["a", 1]


def test_arguments_are_those_of_pickle():
    data = pickle.dumps(["a", 1])
    assert cloudpickle.loads(data, fix_imports=False, encoding="latin-1", errors="ignore", buffers=None) == ["a", 1]
    with pytest.raises(TypeError):
        cloudpickle.loads()
    with pytest.raises(TypeError):
        cloudpickle.loads(data, 1)
    with pytest.raises(TypeError):
        cloudpickle.loads("text")


own_loads = pytest.mark.skipif(FREE_THREADED, reason="without the global lock, loads is pickle's own")


@not_on_pypy("an unpickler of ours")
@own_loads
@pytest.mark.parametrize("length", [2, 5, 999])
def test_lists_take_no_more_than_they_need(length):
    """`pickle` fills an empty one, which grows in steps."""
    data = cloudpickle.dumps(["x"] * length)
    assert sys.getsizeof(cloudpickle.loads(data)) == sys.getsizeof([None] * length) < sys.getsizeof(pickle.loads(data))


@not_on_pypy("an unpickler of ours")
@own_loads
@pytest.mark.skipif(sys.version_info < (3, 11), reason="every instance with attributes has a dict before Python 3.11")
def test_instances_have_no_dict_that_nobody_asked_for():
    def has_dict(instance):
        return any(type(part) is dict for part in gc.get_referents(instance))

    data = cloudpickle.dumps(make_plain(a=1, b=2))
    # Learned from the first instance: how attributes are shared.
    assert [has_dict(cloudpickle.loads(data)) for _ in range(2)] == [False, False]
    assert vars(cloudpickle.loads(data)) == {"a": 1, "b": 2}


@pytest.mark.parametrize("size", [(4 << 20) - 1, 4 << 20, 9_000_001])
@pytest.mark.parametrize("make", [bytes, bytearray])
def test_large_contents(make, size):
    value = make(range(251)) * (size // 251 + 1)
    value = value[:size]
    loaded = cloudpickle.loads(pickle.dumps([value, 1], 5))
    assert type(loaded[0]) is make
    assert loaded == [value, 1]


@pytest.mark.parametrize(
    "steps", [b"(]\x85R1", b"(]]\x86R1", b"((]tR1", b"(]\x85R0"], ids=["TUPLE1", "TUPLE2", "TUPLE", "POP"]
)
def test_a_call_does_not_reach_below_a_mark(steps):
    """What would be called stands before the mark, its arguments behind it."""
    data = b"\x80\x05\x8c\x08builtins\x8c\x03len\x93" + steps + b"."
    assert outcome(cloudpickle.loads, data) == outcome(pickle.loads, data)
