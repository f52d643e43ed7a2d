"""Random graphs of data, with sharing and cycles: the same shape after the journey, and pickle's own bytes."""

import pickle
import pickletools

from hypothesis import given
from hypothesis import strategies as st

import cloudpickle
from implementation import not_on_pypy


class Node:
    """A vertex with attributes, hashable by identity."""


KINDS = {"list": list, "dict": dict, "set": set, "node": Node, "tuple": None, "frozenset": None}

GRAPHS = st.lists(
    st.tuples(
        st.sampled_from(sorted(KINDS)),
        st.lists(st.integers(min_value=0, max_value=12), max_size=5),
        st.integers() | st.text(max_size=3) | st.none() | st.floats(allow_nan=False),
    ),
    min_size=1,
    max_size=12,
)


def build(description):
    """A graph by its description: vertices in order, with edges to those before and, where mutable, after them."""
    made = []
    for kind, edges, atom in description:
        if kind in ("tuple", "frozenset"):
            earlier = [made[edge] for edge in edges if edge < len(made)]
            if kind == "tuple":
                made.append((*earlier, atom))
            else:
                made.append(frozenset([item for item in earlier if type(item) in (Node,)] + [atom]))
        else:
            made.append(KINDS[kind]())
    for vertex, (kind, edges, atom) in zip(made, description):
        targets = [made[edge] for edge in edges if edge < len(made)]
        if kind == "list":
            vertex.extend([*targets, atom])
        elif kind == "dict":
            vertex.update({f"edge {i}": target for i, target in enumerate(targets)}, atom=atom)
        elif kind == "set":
            vertex.update([target for target in targets if type(target) is Node][:1] or [atom])
        elif kind == "node":
            vertex.edges, vertex.atom = targets, atom
    return made


def shape(top):
    """What is equal for two graphs of the same shape: a walk depth first that numbers each object once."""
    numbers, told, todo, kept = {}, [], [top], []
    while todo:
        obj = todo.pop()
        if type(obj) in (int, str, float, type(None)):
            told.append(repr(obj))
            continue
        if id(obj) in numbers:
            told.append(numbers[id(obj)])
            continue
        numbers[id(obj)] = len(numbers)
        kept.append(obj)
        told.append(type(obj).__name__)
        if type(obj) in (list, tuple):
            children = list(obj)
        elif type(obj) is dict:
            children = [part for item in obj.items() for part in item]
        elif type(obj) in (set, frozenset):
            children = sorted(obj, key=lambda item: (type(item).__name__, repr(item) if type(item) is not Node else ""))
            nodes = [child for child in children if type(child) is Node]
            # The order among several nodes of a frozenset is not determined: count them, and follow a single one.
            if len(nodes) > 1:
                told.append(len(nodes))
                children = [child for child in children if type(child) is not Node]
        else:
            children = [part for item in vars(obj).items() for part in item]
        told.append(len(children))
        todo.extend(reversed(children))
    return told


@given(GRAPHS, st.integers(min_value=0, max_value=5))
def test_shape_is_kept(description, protocol):
    graph = build(description)
    assert shape(pickle.loads(cloudpickle.dumps(graph, protocol=protocol))) == shape(graph)


@not_on_pypy("a C pickler")
@given(GRAPHS, st.integers(min_value=0, max_value=5))
def test_bytes_are_pickles(description, protocol):
    graph = build(description)
    ours, theirs = (module.dumps(graph, protocol=protocol) for module in (cloudpickle, pickle))
    assert pickletools.optimize(ours) == pickletools.optimize(theirs)


@given(GRAPHS)
def test_three_dumps_give_the_same_bytes(description):
    graph = build(description)
    assert cloudpickle.dumps(graph) == cloudpickle.dumps(graph) == cloudpickle.dumps(graph)


@given(GRAPHS)
def test_functions_that_hold_a_graph(description):
    """A closure over the graph brings back the same shape."""
    graph = build(description)
    assert shape(pickle.loads(cloudpickle.dumps(lambda: graph))()) == shape(graph)
