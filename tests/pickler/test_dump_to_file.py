"""`dump` to a file: when the pickle is whole, if it is short and runs no code of others; else piece by piece."""

import collections
import contextlib
import io
import pickle
import random

import pytest
from recorder import Recorder

import cloudpickle
from implementation import FREE_THREADED, PYPY

needs_counts = pytest.mark.skipif(
    PYPY or FREE_THREADED, reason="where counts of references are not exact, dump goes piece by piece"
)

FRAME = 64 * 1024
MOST_AT_ONCE = 512 * 1024


def dumped(obj, **options):
    file = Recorder()
    cloudpickle.dump(obj, file, **options)
    assert file.joined() == file_of(obj, **options)
    return file.pieces


def file_of(obj, **options):
    file = io.BytesIO()
    cloudpickle.dump(obj, file, **options)
    return file.getvalue()


def piece_by_piece(obj):
    """What a Pickler writes, which may be used again."""
    file = io.BytesIO()
    cloudpickle.Pickler(file).dump(obj)
    return file.getvalue()


def fresh(count):
    return [f"item {number}" for number in range(count)]


def records(count):
    return [{"id": number, "name": f"name {number}", "tags": ["a", number]} for number in range(count)]


SHORT = {
    "None": None,
    "number": 1 << 100,
    "texts": fresh(100),
    "records": records(1000),
    "many numbers": [number * 1.5 for number in range(40_000)],
    "shared": [fresh(10)] * 3,
    "contents": [b"x" * 20_000, "y" * 20_000, bytearray(20_000)],
    "counter": {"a": [(1, 2.5, None), {3, 4}, frozenset([5])]},
}


@needs_counts
@pytest.mark.parametrize("name", SHORT)
def test_short_data_has_the_bytes_of_dumps(name):
    assert b"".join(map(bytes, dumped(SHORT[name]))) == cloudpickle.dumps(SHORT[name])
    assert pickle.loads(file_of(SHORT[name])) == SHORT[name]


@needs_counts
def test_a_short_pickle_comes_in_one_piece():
    assert len(dumped(records(1000))) == 1


@needs_counts
def test_several_frames_come_one_by_one_or_all_at_once():
    """All at once where they stand in one object already; never in two halves."""
    data = records(8000)
    for _ in range(3):
        pieces = dumped(data)
        assert len(pieces) == 1 or all(FRAME <= len(piece) < 2 * FRAME for piece in pieces[:-1])
        assert b"".join(pieces) == cloudpickle.dumps(data)


@pytest.mark.parametrize(
    "data", [fresh(100_000), {text: text for text in fresh(60_000)}, [fresh(30_000), records(9000)]]
)
def test_long_data_comes_piece_by_piece(data):
    """With all in the memo, and no piece much longer than a frame."""
    pieces = dumped(data)
    assert len(pieces) > 5
    assert max(map(len, pieces)) < 2 * FRAME
    assert b"".join(pieces) == piece_by_piece(data)
    assert pickle.loads(b"".join(pieces)) == data


@pytest.mark.parametrize(
    "data", [fresh(1000) * 100, [text * 400 for text in "abcdefgh" * 100], ["x" * 500 + text for text in fresh(900)]]
)
def test_what_gains_nothing_in_memory_comes_piece_by_piece(data):
    """References, of which there would be a list in memory that C pickle does not need, and contents."""
    pieces = dumped(data)
    assert len(pieces) > 1
    assert b"".join(pieces) == piece_by_piece(data)


def test_around_the_greatest_length():
    """The list is as long, or shorter, or longer by a few bytes."""
    for count in range(58_240, 58_260):
        data = [float(number) for number in range(count)]
        assert pickle.loads(file_of(data)) == data
    for excess in range(-20, 20):
        data = [fresh(100), "x" * (FRAME - 1000), *["y" * 60_000] * 3, b"z" * (MOST_AT_ONCE - 5 * FRAME + excess)]
        assert pickle.loads(file_of(data)) == data


def test_contents_are_not_copied_twice():
    """A large one is handed over as it is, and what was written before it comes before it."""
    large = b"x" * FRAME
    for before in ([], fresh(1000), records(5000)):
        pieces = dumped([before, large, 1])
        assert any(piece is large for piece in pieces)
        assert pickle.loads(b"".join(pieces)) == [before, large, 1]


class Counting:
    """Counts how often it is reduced, and what the file had then."""

    file: Recorder
    seen: list

    def __init__(self, attribute=None):
        self.attribute = attribute

    def __reduce__(self):
        Counting.seen.append(len(Counting.file.pieces))
        return Counting, (self.attribute,)

    def __eq__(self, other):
        return type(other) is Counting and other.attribute == self.attribute


@pytest.mark.parametrize("before", [0, 10, 5000, 60_000])
@pytest.mark.parametrize("after", [0, 5000])
def test_reducers_run_once(before, after):
    """Whatever was tried before."""
    Counting.file, Counting.seen = Recorder(), []
    data = [fresh(before), Counting(1), [Counting(2), Counting(3)], fresh(after)]
    cloudpickle.dump(data, Counting.file)
    assert len(Counting.seen) == 3
    assert pickle.loads(Counting.file.joined()) == data


def test_a_reducer_that_hands_out_what_was_written_before():
    """It is referred to, and not written again."""
    inner = [fresh(3)]

    class Holder:
        def __reduce__(self):
            return list, ((inner[0], inner[0]),)

    for data in ([inner, Holder()], [fresh(1000), inner, Holder()]):
        loaded = pickle.loads(file_of(data))
        assert loaded[-1][0] is loaded[-1][1] is loaded[-2][0]


@needs_counts
@pytest.mark.parametrize("levels", [1, 31, 32, 33, 34, 40, 200])
def test_bytes_do_not_depend_on_who_else_holds_the_objects(levels):

    def nested():
        value = ("innermost",)
        for level in range(levels):
            value = (value, str(level))
        return value

    held = [nested()]
    while type(held[-1]) is tuple and type(held[-1][0]) is tuple:
        held.append(held[-1][0])
    assert file_of(held[0]) == file_of(nested()) == cloudpickle.dumps(nested())


def test_a_tuple_that_holds_itself():
    inner = []
    recursive = (inner, *fresh(3))
    inner.append(recursive)
    loaded = pickle.loads(file_of([recursive, fresh(100)]))
    assert loaded[0][0][0] is loaded[0]


@needs_counts
def test_an_error_leaves_the_file_as_it_was():
    """Where nothing was handed over yet."""
    function = eval("lambda: generator", {"generator": (number for number in ())})
    file = Recorder()
    with pytest.raises(TypeError, match="generator"):
        cloudpickle.dump([fresh(10), function], file)
    assert file.pieces == []


class Refusing:
    def __init__(self, after):
        self.after = after

    def write(self, piece):
        self.after -= 1
        if self.after < 0:
            raise OSError("disk full")


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_file_that_refuses(after):
    """Its error passes, and the next dump is whole."""
    for data in ([1], records(8000), fresh(100_000), [b"x" * FRAME] * 3):
        file = Refusing(after)
        with contextlib.suppress(OSError):
            cloudpickle.dump(data, file)
        assert (file.after < 0) == (after < len(dumped(data)))
        assert pickle.loads(file_of(data)) == data


def test_a_file_that_dumps():
    """While the pickle stands in the memory of the thread."""

    class Dumping(Recorder):
        def write(self, piece):
            assert pickle.loads(file_of(records(100))) == records(100)
            return super().write(piece)

    for data in ([1], records(2000), records(8000), fresh(100_000)):
        file = Dumping()
        cloudpickle.dump(data, file)
        assert pickle.loads(file.joined()) == data


def test_options_that_go_piece_by_piece():
    """Their bytes are those of a Pickler."""
    data = [fresh(10), {1, 2}, OrderedPairs([("a", [1])])]
    for protocol in range(6):
        assert pickle.loads(file_of(data, protocol=protocol)) == data
    assert pickle.loads(file_of(data, deterministic=True)) == data
    buffers = []
    pickled = file_of(
        [fresh(10), pickle.PickleBuffer(b"contents")], buffer_callback=lambda buffer: buffers.append(buffer)
    )
    assert pickle.loads(pickled, buffers=buffers[:1])[0] == fresh(10)


class OrderedPairs(collections.OrderedDict):
    """Reduced by the code of the library."""


def test_random_graphs():
    """Against `pickle`, with shared objects and contents around the lengths at which something changes."""
    choose = random.Random(5)
    lengths = [0, 1, 255, 256, 8191, 8192, 16_000, 16_500, FRAME - 1, FRAME, 70_000]

    def graph(depth, known):
        if known and choose.random() < 0.2:
            return choose.choice(known)
        kind = choose.choice(
            ["list", "tuple", "dict", "text", "bytes", "number"] if depth else ["text", "bytes", "number"]
        )
        if kind == "list":
            made = [graph(depth - 1, known) for _ in range(choose.randrange(6))]
        elif kind == "tuple":
            made = tuple(graph(depth - 1, known) for _ in range(choose.randrange(6)))
        elif kind == "dict":
            made = {f"key {number}": graph(depth - 1, known) for number in range(choose.randrange(6))}
        elif kind == "text":
            made = choose.choice(["x", "\u00e9", "\u20ac"]) * choose.choice(lengths)
        elif kind == "bytes":
            made = bytes([choose.randrange(256)]) * choose.choice(lengths)
        else:
            made = choose.choice([choose.random(), choose.getrandbits(choose.choice([8, 40, 70, 3000]))])
        known.append(made)
        return made

    for _ in range(300):
        data = graph(4, [])
        written = file_of(data)
        assert (
            pickle.loads(written) == data == pickle.loads(cloudpickle.dumps(data)) == pickle.loads(piece_by_piece(data))
        )
        assert len(written) <= len(piece_by_piece(data))
