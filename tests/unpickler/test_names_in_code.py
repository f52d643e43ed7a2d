"""The names in code are interned when they are read. Everywhere else a string of a pickle is an object of its own."""

import itertools
import pickle
import sys
import types
from io import BytesIO

import pytest
from outcomes import outcome

import cloudpickle
from implementation import FREE_THREADED, not_on_pypy

SOURCES = {
    "names": "def f(width, *rest, height=2, **more):\n    return width.depth + height + total(rest, key=more)\n",
    "closure": "def f(width):\n    def inner(height):\n        return width + height\n    return inner\n",
    "constants": "def f():\n    return ['name_like', 'two words', ('a_tuple', 'of two'), '', 'x', 'é'] + [name_like]\n",
    "sets": "def f(x):\n    return x in {'first_one', 'second one'}\n",
    "not ascii": "def f(größe):\n    return größe.überall\n",
    "long": f"def f({'a' * 23}, {'b' * 24}, {'c' * 200}):\n    return {'a' * 23}.{'d' * 25}\n",
    "class": "class width:\n    height = 1\n    def depth(self):\n        return super().depth()\n",
    "many": "def f(x):\n" + "".join(f"    x.attribute_{number}\n" for number in range(3000)),
}
NAMES = ("co_names", "co_varnames", "co_freevars", "co_cellvars")


def codes_in(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_in(constant)


def function_of(source):
    namespace = {"__name__": "__main__"}
    exec(compile(source, "<names>", "exec"), namespace)
    del namespace["__builtins__"]
    return namespace.get("f") or namespace["width"].depth


@pytest.mark.parametrize("kind", SOURCES)
def test_code_is_what_pickle_makes_of_it(kind):
    data = cloudpickle.dumps(function_of(SOURCES[kind]))
    for _ in range(2):  # the second time, the names are known
        mine = list(codes_in(cloudpickle.loads(data).__code__))
        theirs = list(codes_in(pickle.loads(data).__code__))
        assert mine == theirs
        for code, other in zip(mine, theirs):
            for field in (
                "co_name",
                "co_names",
                "co_varnames",
                "co_freevars",
                "co_cellvars",
                "co_filename",
                "co_consts",
            ):
                assert getattr(code, field) == getattr(other, field), field


@not_on_pypy("an unpickler of ours")
@pytest.mark.parametrize("kind", SOURCES)
def test_names_are_interned(kind):
    data = cloudpickle.dumps(function_of(SOURCES[kind]))
    for code in codes_in(cloudpickle.loads(data).__code__):
        for name in itertools.chain.from_iterable(getattr(code, field) for field in NAMES):
            assert name is sys.intern(name)


@not_on_pypy("an unpickler of ours")
@pytest.mark.skipif(FREE_THREADED, reason="without the global lock, loads is pickle's own")
@pytest.mark.parametrize("kind", [kind for kind in SOURCES if kind != "class"])
def test_a_loaded_function_has_the_same_pickle(kind):
    data = cloudpickle.dumps(function_of(SOURCES[kind]))
    assert cloudpickle.dumps(cloudpickle.loads(data)) == data


def test_strings_beside_code_are_their_own():
    def function(attribute):
        return attribute.some_name

    # None of them is the interned string.
    texts = ["".join(["some", "_name"]), "".join(["attri", "bute"])]
    data = cloudpickle.dumps([function, *texts, {"key": "".join(["some", "_", "name"])}])
    loaded, first, second, mapping = cloudpickle.loads(data)
    strings = [first, second, mapping["key"]]
    assert strings == [*texts, "some_name"]
    names = [*loaded.__code__.co_names, *loaded.__code__.co_varnames]
    assert len({id(text) for text in strings + names}) == len(strings) + len(names)


CODE_TYPE = b"\x8c\x05types\x8c\x08CodeType\x93"
WORD = b"\x8c\x09some_word"


@pytest.mark.parametrize(
    "pickled",
    [
        # The mark above the type of code is taken away: what follows is no part of code.
        b"(" + CODE_TYPE + b"(" + WORD + b"10" + WORD + WORD + b"t.",
        b"(" + CODE_TYPE + b"(" + WORD + b"t" + WORD + WORD + b"t.",
        b"(" + CODE_TYPE + b"((" + WORD + b"t" + b"t" + WORD + WORD + b"t.",
        b"(" + CODE_TYPE + b"(1" + WORD + WORD + b"t.",
        # There is no mark above it, or one only further below.
        b"(" + CODE_TYPE + WORD + WORD + b"t.",
        b"(" + CODE_TYPE + b"}" + WORD + WORD + b"t.",
    ],
)
def test_code_ends_with_its_mark(pickled):
    data = b"\x80\x04" + pickled
    *_, first, second = cloudpickle.loads(data)
    assert (first, second) == ("some_word", "some_word")
    assert first is not second
    assert outcome(cloudpickle.loads, data) == outcome(pickle.loads, data)


@pytest.mark.parametrize(
    "arguments",
    [
        b"t",
        WORD + b"t",
        WORD * 16 + b"t",
        b"K\x00" * 18 + b"t",
        b"K\x00" * 6 + b"C\x00" + b")(" + WORD + b"K\x01t" + WORD + WORD + b"t",
        b"\x8c\x02\xed\xa0" + b"t",
        b"\x8c\x00" + b"t",
        b"\x8c\x20short",
    ],
)
def test_what_is_no_code_is_refused_as_by_pickle(arguments):
    data = b"\x80\x04" + CODE_TYPE + b"(" + arguments + b"R."
    expected = outcome(pickle.loads, data)
    assert outcome(cloudpickle.loads, data) == expected
    assert outcome(lambda data: pickle.load(BytesIO(data)), data)[0] == expected[0]


def test_a_load_inside_another_has_names_of_its_own():
    class Inner:
        def __init__(self, data):
            self.loaded = cloudpickle.loads(data)

    def outer(some_name):
        return some_name.inner

    def inner(some_name):
        return some_name.outer

    class WhileLoading:
        def __reduce__(self):
            return Inner, (cloudpickle.dumps(inner),)

    data = cloudpickle.dumps([outer, WhileLoading(), outer.__code__.replace(co_name="third")])
    for _ in range(2):
        first, made, third = cloudpickle.loads(data)
        assert first.__code__.co_names == ("inner",)
        assert made.loaded.__code__.co_names == ("outer",)
        assert third.co_names == ("inner",)
