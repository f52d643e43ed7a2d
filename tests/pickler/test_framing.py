"""Frames of protocol 4 and 5, and what a file's `write` sees."""

import io
import pickle
import pickletools
import random
import struct

import pytest
from opcodes import without_frames
from recorder import Recorder

import cloudpickle
from implementation import not_on_pypy

FRAME = 64 * 1024


class Measuring:
    """A file that keeps only how much came and how much at a time."""

    def __init__(self):
        self.total = self.largest = self.calls = 0

    def write(self, piece):
        size = memoryview(piece).nbytes
        self.total, self.largest, self.calls = self.total + size, max(self.largest, size), self.calls + 1


def frames(data):
    """(start, end) of every frame's contents."""
    return [
        (position + 9, position + 9 + argument)
        for opcode, argument, position in pickletools.genops(data)
        if opcode.name == "FRAME"
    ]


OBJECTS = {
    "small": [1, 2, 3],
    "many small": list(range(200_000)),
    "many strings": [f"item {i}" for i in range(30_000)],
    "large text": "t\u20ac" * 100_000,
    "large bytes": [b"b" * 200_000, "between", b"c" * 200_000],
    "large bytearray": [bytearray(b"a") * 200_000, 1],
    "around the limit": [b"x" * (FRAME - 1), b"x" * FRAME, b"x" * (FRAME + 1), "y" * FRAME],
}


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("name", OBJECTS)
def test_frames_equal_pickles(name, protocol):
    """Same frames, same places: a reader with `readinto` depends on them (PEP 3154)."""
    obj = OBJECTS[name]
    ours, theirs = io.BytesIO(), io.BytesIO()
    cloudpickle.dump(obj, ours, protocol=protocol)
    pickle.dump(obj, theirs, protocol=protocol)
    assert pickle.loads(ours.getvalue()) == obj
    sizes = [end - start for start, end in frames(ours.getvalue())]
    assert bool(sizes) == bool(frames(theirs.getvalue()))
    assert all(size >= 4 for size in sizes)
    # A frame is closed at the first opcode boundary past 64 KiB; a single opcode here is never larger than that.
    assert all(size <= 2 * FRAME + 100 for size in sizes)


@pytest.mark.parametrize("name", OBJECTS)
def test_opcodes_do_not_straddle_frames(name):
    data = cloudpickle.dumps(OBJECTS[name])
    starts = {position for _, _, position in pickletools.genops(data)} | {len(data)}
    found = frames(data)
    for start, end in found:
        assert start in starts and end in starts
    assert all(first[1] <= second[0] for first, second in zip(found, found[1:]))


def shared_among_others(seed):
    """Some hundred objects that are met again and again, and many that are not; a few are large payloads."""
    choose = random.Random(seed)
    makers = [
        lambda: f"text {choose.random()}",
        lambda: b"b" * choose.randrange(300),
        lambda: (choose.random(),),
        lambda: [choose.random()],
        lambda: b"L" * choose.randrange(FRAME, FRAME + 3),
    ]
    weights = [10, 10, 10, 10, choose.choice([0, 0.5])]
    shared = [choose.choices(makers, weights)[0]() for _ in range(choose.choice([2, 200, 300, 1000]))]
    count = choose.choice([5, 300, 3000])

    def item():
        return choose.choice(shared) if choose.random() < 0.6 else choose.choices(makers, weights)[0]()

    return [item() for _ in range(count)]


@not_on_pypy("a C pickler")
@pytest.mark.parametrize("seed", range(40))
def test_memoized_is_what_pickletools_leaves(seed):
    """Each reference has the number of its object, whatever stands between them, and each frame its length."""
    obj = shared_among_others(seed)
    ours = cloudpickle.dumps(obj)
    optimized = pickletools.optimize(pickle.dumps(obj, protocol=5))

    assert without_frames(ours) == without_frames(optimized)
    # The one in Python checks that frames end where opcodes do.
    assert pickle._loads(ours) == obj


@pytest.mark.parametrize("protocol", [0, 1, 2, 3])
def test_no_frames_below_protocol_4(protocol):
    assert not frames(cloudpickle.dumps(list(range(100_000)), protocol=protocol))


@pytest.mark.parametrize(
    "payload", [b"P" * 300_000, "P" * 300_000, bytearray(b"P") * 300_000], ids=["bytes", "str", "bytearray"]
)
def test_large_payload_is_outside_the_frames(payload):
    data = cloudpickle.dumps(["before", payload, "after"])
    place = data.index(b"P" * 300_000)
    assert all(end <= place or start >= place + 300_000 for start, end in frames(data))
    assert pickle.loads(data) == ["before", payload, "after"]


def test_frame_header_counts_what_follows():
    data = cloudpickle.dumps(["a", 1])
    assert data[2:3] == b"\x95"
    assert struct.unpack("<Q", data[3:11])[0] == len(data) - 11


def test_tiny_pickles_have_no_frame():
    """Fewer than four bytes are not worth nine of header."""
    assert cloudpickle.dumps(None) == pickle.dumps(None, protocol=5) == b"\x80\x05N."


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", OBJECTS)
def test_dump_writes_a_pickle(name, protocol):
    file = Recorder()
    cloudpickle.dump(OBJECTS[name], file, protocol=protocol)
    assert pickle.loads(file.joined()) == OBJECTS[name]


@pytest.mark.parametrize("name", OBJECTS)
def test_dump_equals_dumps_when_optimized(name):
    file = Recorder()
    cloudpickle.dump(OBJECTS[name], file)
    assert pickletools.optimize(file.joined()) == pickletools.optimize(cloudpickle.dumps(OBJECTS[name]))


def test_dump_writes_in_pieces():
    """Twenty megabytes of small things leave in pieces: the whole is never held."""
    file = Measuring()
    cloudpickle.dump([f"{i:040}" for i in range(400_000)], file)
    assert file.total > 16_000_000
    assert file.calls > 100 and file.largest < 1_000_000


def test_large_bytes_are_handed_over_without_a_copy():
    """The very object, or a view of its memory, arrives in `write`."""
    payload = b"z" * 5_000_000
    file = Recorder()
    cloudpickle.dump(["head", payload, "tail"], file)
    large = [piece for piece in file.pieces if memoryview(piece).nbytes >= len(payload)]
    assert len(large) == 1
    assert large[0] is payload or (type(large[0]) is memoryview and large[0].obj is payload)
    assert max(memoryview(piece).nbytes for piece in file.pieces if piece is not large[0]) < 1000
    assert pickle.loads(file.joined()) == ["head", payload, "tail"]


def test_large_buffer_is_handed_over_without_a_copy():
    payload = bytearray(b"z" * 5_000_000)
    seen = []

    class File:
        def write(self, piece):
            if memoryview(piece).nbytes >= len(payload):
                seen.append(type(piece) is memoryview or type(piece) is pickle.PickleBuffer or piece is payload)

    cloudpickle.dump(pickle.PickleBuffer(payload), File())
    assert len(seen) == 1


def test_several_dumps_append():
    file = io.BytesIO()
    for i in range(3):
        cloudpickle.dump([i, "x" * 100_000], file)
    file.seek(0)
    assert [pickle.load(file)[0] for _ in range(3)] == [0, 1, 2]


def test_real_file(tmp_path):
    path = tmp_path / "data.pkl"
    captured = list(range(100_000))
    with open(path, "wb") as file:
        cloudpickle.dump(lambda: len(captured), file)
    with open(path, "rb") as file:
        assert cloudpickle.load(file)() == 100_000


def test_text_file_is_refused(tmp_path):
    with open(tmp_path / "data.txt", "w", encoding="utf-8") as file, pytest.raises(TypeError):
        cloudpickle.dump([1], file)


def test_write_that_raises():
    """The exception passes unchanged, also from the middle of a large dump."""

    class Full:
        def __init__(self):
            self.calls = 0

        def write(self, piece):
            self.calls += 1
            if self.calls > 3:
                raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        cloudpickle.dump([f"{i:040}" for i in range(400_000)], Full())


def test_write_may_answer_anything():
    class Odd(Recorder):
        def write(self, piece):
            super().write(piece)
            return "not a number"

    file = Odd()
    cloudpickle.dump({"a": 1}, file)
    assert pickle.loads(file.joined()) == {"a": 1}
