"""Closures that share a variable still do, and loading leaves the originals as they are."""

import pytest

from travel import Peer, ship

COUNTER = """
def make():
    n = 0
    def increment():
        nonlocal n
        n += 1
    def get():
        return n
    return increment, get
pair = make()
"""


def test_two_closures():
    assert ship(COUNTER, "pair", "value[0](); value[0](); value[1]()") == 2


def test_a_closure_and_a_method():
    source = """
    def make():
        n = 0
        class A:
            def increment(self):
                nonlocal n
                n += 1
        return A, lambda: n
    """
    assert ship(source, "make()", "value[0]().increment(); value[1]()") == 1


def test_a_variable_that_is_not_set_yet():
    source = """
    def make():
        def put(x):
            nonlocal n
            n = x
        def get():
            return n
        if False:
            n = 0
        return put, get
    """
    assert ship(source, "make()", "value[0](5); value[1]()") == 5


@pytest.mark.also_upstream
def test_loading_where_it_was_made_leaves_the_originals():
    with Peer() as peer:
        peer.run(COUNTER)
        peer.load(peer.pickle("pair"))
        use = "value[0](); pair[0](); pair[0](); [pair[1](), pair[0].__closure__[0] is pair[1].__closure__[0]]"
        assert peer.evaluate(use) == [2, True]


def test_a_copy_made_where_it_was_made_shares_its_own():
    with Peer() as peer:
        peer.run(COUNTER)
        peer.load(peer.pickle("pair"))
        assert peer.evaluate("value[0](); [value[1](), pair[1]()]") == [1, 0]
