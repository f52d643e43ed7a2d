"""Every kind of table that CPython keeps a dict in, after all that can be done to it: the items, in their order.

Some of them are read without a call (`compat/dict_table.rs`).
"""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cloudpickle
from implementation import not_on_pypy

NAMES = [f"name{number}" for number in range(40)]


class Attributes:
    """Instances share a table of keys, until one of them does what the others did not."""


def attributes():
    return Attributes().__dict__


def apply(steps, table):
    for name, is_removal in steps:
        if is_removal:
            table.pop(name, None)
        else:
            table[name] = [name, len(table)]


# Names are few, so that they are removed and come again; more than 30 are not shared.
STEPS = st.lists(st.tuples(st.sampled_from(NAMES[:6]), st.booleans()), max_size=25)


@pytest.mark.parametrize("make", [dict, attributes, lambda: {1: 2}], ids=["dict", "attributes", "keys of all types"])
@given(STEPS)
def test_items_are_those_of_the_dict(make, steps):
    table = make()
    apply(steps, table)
    assert list(pickle.loads(cloudpickle.dumps(table)).items()) == list(table.items())


@given(STEPS, STEPS)
def test_instances_of_one_class_that_went_different_ways(first, second):
    instances = [Attributes(), Attributes(), Attributes()]
    for steps, instance in zip([first, second, second], instances):
        for name, is_removal in steps:
            if not is_removal:
                setattr(instance, name, [name])
            elif hasattr(instance, name):
                delattr(instance, name)
    loaded = pickle.loads(cloudpickle.dumps(instances))
    assert [list(vars(copy).items()) for copy in loaded] == [list(vars(instance).items()) for instance in instances]


@pytest.mark.parametrize("size", [1, 5, 29, 30, 31, 200, 300, 70_000])
@pytest.mark.parametrize("make", [dict, attributes])
def test_tables_of_every_width(make, size):
    """Indices have one, two or four bytes; tables that instances share end at 30 keys."""
    table = make()
    table.update((f"k{number}", number) for number in range(size))
    for number in range(0, size, 3):
        del table[f"k{number}"]
    table["k0"] = "again"
    assert list(pickle.loads(cloudpickle.dumps(table)).items()) == list(table.items())


def test_a_key_that_is_no_string_comes_late():
    table = {"a": 1, "b": 2}
    table[3] = table["a"]
    table[("a", 1)] = None
    assert list(pickle.loads(cloudpickle.dumps(table)).items()) == list(table.items())


@not_on_pypy("dicts of another kind")
def test_a_dict_that_turns_into_another_kind_of_table_while_it_is_walked():
    class Turn:
        def __reduce__(self):
            del table["c"]
            table[5] = "c"
            return int, ()

    table = {"a": Turn(), "b": 1, "c": 2, "d": 3}
    assert pickle.loads(cloudpickle.dumps(table)) == {"a": 0, "b": 1, "d": 3, 5: "c"}
