"""Atoms at the edges: of their opcodes, of the memory at hand, and of frames; and the tables of dicts that change.

`pickletools.optimize` takes out what `dumps` does not write in the first place.
"""

import pickle
import pickletools
import threading

import pytest
from opcodes import without_frames
from running import Runs

import cloudpickle
from cloudpickle import _native
from implementation import not_on_pypy

EDGES = [edge + near for edge in (0, 1 << 8, 1 << 16, 1 << 30, 1 << 31, 1 << 32, 1 << 60) for near in (-1, 0, 1)]
INTS = [*EDGES, *(-edge for edge in EDGES)]


def assert_same_bytes(obj, protocol=5):
    """Ours are those of the long way, and of `pickle`."""
    written = cloudpickle.dumps(obj, protocol)
    assert written == _native.dumps_without_shortcuts(obj, protocol)
    if protocol >= 4:
        assert written == pickletools.optimize(pickle.dumps(obj, protocol))
    else:
        assert written == pickle.dumps(obj, protocol)


@pytest.mark.parametrize("protocol", range(6))
def test_ints(protocol):
    assert_same_bytes(INTS, protocol)
    assert_same_bytes([dict(enumerate(INTS)), *((number,) for number in INTS)], protocol)


@pytest.mark.parametrize("protocol", range(6))
def test_strings_of_all_lengths(protocol):
    texts = ["abcdefghij"[length % 10] * length for length in range(300)]
    assert_same_bytes(texts, protocol)
    assert_same_bytes(dict.fromkeys(texts), protocol)
    assert_same_bytes([f"{text}é" for text in texts], protocol)


def in_a_new_thread(function):
    """Runs it with nothing at hand from earlier dumps."""
    failures = []

    def run():
        try:
            function()
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize(
    "atom", [None, True, 7, 70_000, 1.5, "text", "a" * 255, ("tuple",), [], {}, ["item"], {"key": 1}]
)
def test_the_end_of_the_memory_at_hand(atom):
    """As much is written before it as there is room for, more or less."""

    def fill():
        for filled in range(700, 1400, 3):
            assert_same_bytes([b"." * filled, atom, atom, "end"])

    in_a_new_thread(fill)


@pytest.mark.parametrize(
    "atom", [None, 7, 1.5, "text", "a" * 255, ("tuple", 1), ["item", "item"], {"key": 1, "other": 2}]
)
def test_the_end_of_a_frame(atom):
    """A frame may end later than in `pickle`, where something is written at once."""
    for filled in range(65_200, 65_560, 7):
        obj = [b"." * filled, atom, "between", atom, b"." * 70_000, atom, "end", atom]
        written = cloudpickle.dumps(obj)
        assert pickle.loads(written) == obj
        assert without_frames(written) == without_frames(pickletools.optimize(pickle.dumps(obj, 5)))


def grow_and_shrink(attributes):
    """Takes another table of keys, of another size."""
    attributes.update((f"more{number}", number) for number in range(300))
    for number in range(300):
        del attributes[f"more{number}"]


def mix(attributes):
    """Takes a table of keys that are not all strings."""
    attributes[0] = attributes.pop("b")


def replace(attributes):
    attributes["c"] = "replaced"


def take_out_and_put_in(attributes):
    attributes["d"] = attributes.pop("d")


@not_on_pypy("dicts of another kind")
@pytest.mark.parametrize("change", [grow_and_shrink, mix, replace, take_out_and_put_in])
@pytest.mark.parametrize("at", ["a", "b"])
def test_a_dict_whose_table_changes_in_the_middle(change, at):
    def make():
        attributes = dict.fromkeys("abcde")
        attributes[at] = Runs(lambda: change(attributes))
        return attributes

    ours, theirs = make(), make()
    assert pickle.loads(cloudpickle.dumps(ours)) == pickle.loads(pickle.dumps(theirs))


def test_gaps_in_dicts():
    attributes = {f"k{number}": [number] for number in range(100)}
    for number in (0, 1, 50, 98, 99):
        del attributes[f"k{number}"]
    assert_same_bytes(attributes)
    assert_same_bytes([attributes, dict(attributes)])
    attributes[1] = "a key of another type"
    assert_same_bytes(attributes)
