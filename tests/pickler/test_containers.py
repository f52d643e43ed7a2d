"""Containers: sizes around the batches, sharing, and every kind of cycle."""

import pickle
import pickletools

import corpus
import pytest

import cloudpickle
from implementation import PYPY
from travel import round_trip


@pytest.mark.parametrize("size", range(6))
def test_tuples(size, protocol):
    value = tuple(range(size))
    assert round_trip(value, protocol) == value


def test_empty_tuple_is_the_empty_tuple():
    assert round_trip([(), ()]) == [(), ()]


@pytest.mark.parametrize("size", corpus.BATCHES)
@pytest.mark.parametrize(
    "make",
    [list, tuple, set, frozenset, dict.fromkeys, corpus.MyList, corpus.MySet, corpus.MyDict.fromkeys],
    ids=["list", "tuple", "set", "frozenset", "dict", "list subclass", "set subclass", "dict subclass"],
)
def test_sizes_around_batches(make, size, protocol):
    value = make(range(size))
    loaded = round_trip(value, protocol)
    assert type(loaded) is type(value) and loaded == value


def longest_batch(data):
    """The largest number of integers that a pickle holds between a MARK and the opcode that takes them."""
    longest = count = 0
    for opcode, _, _ in pickletools.genops(data):
        # Behind its batches a container may have a single item that takes no MARK.
        takes = opcode.name in ("MARK", "APPENDS", "SETITEMS", "ADDITEMS")
        count = 0 if takes else count + opcode.name.startswith("BININT")
        longest = max(longest, count)
    return longest


@pytest.mark.parametrize("size", [999, 1000, 1001, 1002, 2000, 2001, 5000])
@pytest.mark.parametrize("make", [list, dict.fromkeys, set])
def test_batches_are_of_a_thousand(make, size):
    """An unpickler never has more than 1000 items on its stack (`_pickle.c`, BATCHSIZE)."""
    value = make(range(size))
    data = cloudpickle.dumps(value)
    assert longest_batch(data) == min(size, 1000)
    if not PYPY:  # whose batches are longer by one
        assert longest_batch(data) == longest_batch(pickle.dumps(value, protocol=5))


def test_a_string_that_a_list_holds_often_is_written_once():
    """PyPy keeps lists of strings without their objects, and makes others whenever somebody looks."""
    text = "a string of some length" * 10
    value = [text] * 50
    assert len(cloudpickle.dumps(value)) < 2 * len(text)
    assert cloudpickle.loads(cloudpickle.dumps(value)) == value


def test_dict_order_is_kept(protocol):
    value = {"z": 1, "a": 2, 3: "m", None: 0}
    assert list(round_trip(value, protocol).items()) == list(value.items())


def test_keys_of_every_hashable_kind(protocol):
    value = {None: 0, 1.5: 1, "s": 2, b"b": 3, (1, (2,)): 4, frozenset([1]): 5, 2j: 6, corpus.Pair(1, 2): 7}
    assert round_trip(value, protocol) == value


def test_shared_objects_stay_shared(protocol):
    child, text, pair = [1], "text", (1, [2])
    first, second, (third, word), table, left, right = round_trip(
        [child, child, (child, text), {text: child}, pair, pair], protocol
    )
    assert first is second is third is table["text"]
    assert left is right and left[1] is right[1]


def test_equal_objects_stay_apart(protocol):
    first, second = round_trip([[1], [1]], protocol)
    assert first == second and first is not second


def test_shared_frozenset_and_set(protocol):
    one, two = frozenset([1, 2]), {3}
    a, b, c, d = round_trip([one, one, two, two], protocol)
    assert a is b and c is d


def test_list_in_itself(protocol):
    value = []
    value.append(value)
    loaded = round_trip(value, protocol)
    assert len(loaded) == 1 and loaded[0] is loaded


def test_tuple_through_a_list(protocol):
    inner = []
    value = (inner, 1)
    inner.append(value)
    loaded = round_trip(value, protocol)
    assert type(loaded) is tuple and loaded[0][0] is loaded


@pytest.mark.parametrize("size", range(1, 6))
def test_tuples_of_every_size_through_a_list(size, protocol):
    """Short tuples have opcodes of their own, each with its way out when the items turn out to hold the tuple."""
    inner = []
    value = (inner,) * size
    inner.append(value)
    loaded = round_trip(value, protocol)
    assert len(loaded) == size and all(item is loaded[0] for item in loaded) and loaded[0][0] is loaded


def test_list_through_a_tuple(protocol):
    value = []
    value.append((value,))
    loaded = round_trip(value, protocol)
    assert loaded[0][0] is loaded


def test_dict_as_its_own_value(protocol):
    value = {}
    value["me"] = value
    loaded = round_trip(value, protocol)
    assert loaded["me"] is loaded


class Node:
    """Hashed by identity, so that it can be in a set and a key of a dict."""


@pytest.mark.parametrize("kind", [set, frozenset])
def test_set_through_an_object(kind, protocol):
    node = Node()
    node.group = kind([node])
    loaded = round_trip(node, protocol)
    assert type(loaded.group) is kind and loaded in loaded.group and len(loaded.group) == 1


@pytest.mark.parametrize("kind", [set, frozenset])
def test_object_through_a_set(kind, protocol):
    """Entered from the set: a frozenset must not be built twice."""
    node = Node()
    node.group = kind([node])
    loaded = round_trip(node.group, protocol)
    (member,) = loaded
    assert type(loaded) is kind and type(member) is Node
    assert member.group == loaded


def test_dict_key_through_an_object(protocol):
    node = Node()
    node.table = {node: "me"}
    loaded = round_trip(node, protocol)
    assert loaded.table == {loaded: "me"}


def test_object_in_itself(protocol):
    node = Node()
    node.me, node.inside = node, ([node], {"k": node})
    loaded = round_trip(node, protocol)
    assert loaded.me is loaded and loaded.inside[0][0] is loaded and loaded.inside[1]["k"] is loaded


@pytest.mark.parametrize("kind", [corpus.MyList, corpus.MyDict, corpus.MySet])
def test_subclass_of_a_container_in_itself(kind):
    value = kind()
    value.me = value
    loaded = round_trip(value)
    assert type(loaded) is kind and loaded.me is loaded


def test_memo_of_more_than_65536_objects():
    """PUT and GET change their width at 256 and 65536 entries."""
    items = [[i] for i in range(70_000)]
    loaded = round_trip([items, items[::-1]], 2)
    assert loaded[0] == items
    assert all(left is right for left, right in zip(loaded[0], reversed(loaded[1])))


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_memo_numbers_at_their_boundaries(protocol):
    items = [(str(i),) for i in range(300)]
    value = [items, items]
    assert pickletools.optimize(cloudpickle.dumps(value, protocol=protocol)) == pickletools.optimize(
        pickle.dumps(value, protocol=protocol)
    )
