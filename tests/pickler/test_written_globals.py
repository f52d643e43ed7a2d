"""What functions of one namespace share is written once, and each of them finds its globals where it arrives."""

import io
import json
import pickle
import pickletools

import pytest
from running import Runs

import cloudpickle
from cloudpickle import Pickler, _native
from implementation import PYPY

# What PyPy makes of code has not all of the code's names, and is given them.
NEED_A_STATE = PYPY


def functions(*sources, **namespace):
    """Functions that share a namespace like a script's."""
    namespace["__name__"] = "__main__"
    return [eval(source, namespace) for source in sources], namespace


def bytes_of(obj):
    """The pickle, which is the same the long way."""
    data = cloudpickle.dumps(obj)
    assert data == _native.dumps_without_shortcuts(obj)
    return data


def state_setters(data):
    """How many functions were given a state."""
    reduced = [opcode.name for opcode, _, _ in pickletools.genops(data)]
    # The first result that nobody wants is that of the check of the version.
    return sum(reduced[at : at + 2] == ["REDUCE", "POP"] for at in range(len(reduced))) - 1


def test_atoms_are_there_when_the_function_is_made():
    (first,), _ = functions("lambda: (i, f, s, b, y, n)", i=1, f=2.5, s="text", b=True, y=b"bytes", n=None)
    data = bytes_of(first)
    assert NEED_A_STATE or state_setters(data) == 0
    assert pickle.loads(data)() == (1, 2.5, "text", True, b"bytes", None)


def test_what_one_function_brought_the_next_one_leaves_out():
    pair, _ = functions("lambda: table", "lambda: table", table=[1])
    data = bytes_of(pair)
    assert NEED_A_STATE or state_setters(data) == 1
    first, second = pickle.loads(data)
    assert first() == second() == [1]
    assert first() is second()
    assert first.__globals__ is second.__globals__


def test_what_is_not_there_yet_is_brought_by_each():
    """A function among the globals of another is whole before the other one is."""
    (outer, inner), namespace = functions("lambda: (table, inner)", "lambda: table", table=[1])
    namespace["inner"] = inner
    data = bytes_of(outer)
    assert state_setters(data) == 2
    table, arrived = pickle.loads(data)()
    assert arrived() is table


def test_global_that_changes_in_the_middle_of_a_dump():
    (first, second), namespace = functions("lambda: (value, table)", "lambda: (value, table)", value=1, table=[1])

    def change():
        namespace.update(value=2, table=[2])

    first, _, second = pickle.loads(cloudpickle.dumps([first, Runs(change), second]))
    assert first() == second() == (2, [2])


def test_text_need_not_be_one_object():
    text = "not interned: " + str(len("text"))
    pair, namespace = functions("lambda: text", "lambda: text", text=text)

    def change():
        namespace["text"] = "not interned: " + str(len("text"))

    same, other = ([pair[0], Runs(call), pair[1]] for call in (lambda: None, change))
    assert cloudpickle.dumps(same) == cloudpickle.dumps(other)


def test_names_that_relative_imports_need():
    (function,), _ = functions("lambda: (__name__, __file__)", __file__="".join(["scr", "ipt.py"]))
    assert pickle.loads(bytes_of(function))() == ("__main__", "script.py")


def test_closure_that_reaches_itself():
    (make,), _ = functions("lambda: [me := (lambda: (me, scale))][0]", scale=5)
    me = make()
    data = bytes_of(me)
    # Before Python 3.11, code does not know its qualified name: it takes a state to set it.
    assert (b"_function_setstate" in data) == (NEED_A_STATE or not hasattr(me.__code__, "co_qualname"))
    arrived = pickle.loads(data)
    assert arrived() == (arrived, 5)


def unpickler_of_two_dumps(first, second):
    """Of one pickler."""
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dump(first)
    pickler.dump(second)
    file.seek(0)
    return pickle.Unpickler(file)


def test_each_dump_of_a_pickler_is_whole():
    (first, second), _ = functions("lambda: (value, table)", "lambda: (table, value)", value=1, table=[1])
    unpickler = unpickler_of_two_dumps(first, second)
    # The reader may do what it likes with what it has.
    unpickler.load().__globals__.clear()
    assert unpickler.load()() == ([1], 1)


def test_each_dump_of_a_pickler_has_the_names_that_relative_imports_need():
    (first, second), _ = functions("lambda: __file__", "lambda: [__file__]", __file__="script.py")
    unpickler = unpickler_of_two_dumps(first, second)
    unpickler.load().__globals__.clear()
    assert unpickler.load()() == ["script.py"]


def test_hooks_see_all_that_a_function_has():
    pair, _ = functions("lambda: (value, table)", "lambda: (value, table)", value=1, table=[1])
    seen = []

    class Watching(Pickler):
        def reducer_override(self, obj):
            reduction = super().reducer_override(obj)
            if obj in pair:
                seen.append(reduction[2][1]["__globals__"])
            return reduction

    class Numbering(Pickler):
        def persistent_id(self, obj):
            seen.append(obj)

    Watching(io.BytesIO()).dump(pair)
    assert seen == [{"value": 1, "table": [1]}] * 2
    seen.clear()
    Numbering(io.BytesIO()).dump(pair)
    assert sum(obj is pair[0].__globals__["table"] for obj in seen) == 2


@pytest.mark.parametrize("default", [1, "text", None, (1,), [1]], ids=repr)
def test_defaults(default):
    (function,), _ = functions("lambda a=1, *, b=2: (a, b)")
    function.__defaults__ = (default,)
    data = bytes_of(function)
    arrived = pickle.loads(data)
    assert arrived.__defaults__ == (default,)
    assert arrived() == (default, 2)
    # A container may refer to the function.
    assert (b"__defaults__" in data) == isinstance(default, (tuple, list))


def test_default_that_refers_to_the_function():
    (function,), _ = functions("lambda a=None: a")
    function.__defaults__ = ([function],)
    arrived = pickle.loads(bytes_of(function))
    assert arrived.__defaults__[0][0] is arrived


def many(make, **changes):
    """Three closures by one factory, of which the middle one is something special."""
    closures = [make(number) for number in range(3)]
    for name, value in changes.items():
        setattr(closures[1], name, value)
    return closures


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"note": 1},
        {"__doc__": "another"},
        {"__defaults__": (1,)},
        {"__kwdefaults__": {"a": 1}},
        {"__name__": "another"},
        {"__qualname__": "another"},
        {"__module__": "another"},
        {"__annotations__": {"return": int}},
    ],
    ids=lambda changes: "".join(changes) or "nothing",
)
def test_closures_that_one_factory_made(changes):
    (make,), _ = functions("lambda number: lambda: (number, scale)", scale=5)
    closures = many(make, **changes)
    arrived = pickle.loads(bytes_of(closures))
    assert [closure.__closure__[0].cell_contents for closure in arrived] == [0, 1, 2]
    for name, value in changes.items():
        assert [getattr(closure, name, None) for closure in arrived] == [
            getattr(closure, name, None) for closure in closures
        ]
        assert getattr(arrived[1], name) == value
    # Asking for these leaves an empty dict behind.
    for closure in closures:
        assert closure.__dict__ is not None and closure.__annotations__ is not None
    bytes_of(closures)


def test_closures_around_packages():
    (make,), _ = functions("lambda package: lambda: package.decoder")
    plain, of_package, other = make("text"), make(json), make(2)
    for closures in [[plain, of_package, other], [of_package, other, plain]]:
        assert b"json.decoder" in bytes_of(closures)


def test_closures_whose_globals_change_in_the_middle_of_a_dump():
    (make,), namespace = functions("lambda number: lambda: (number, scale)", scale=5)
    first, second, third = many(make)
    data = cloudpickle.dumps([first, second, Runs(lambda: namespace.update(scale=6)), third])
    first, second, _, third = pickle.loads(data)
    assert [first(), second(), third()] == [(0, 6), (1, 6), (2, 6)]


def test_closure_that_has_itself_in_it_and_others_like_it():
    (make,), _ = functions("lambda number: [me := (lambda: (me, number, scale)), number][0]", scale=5)
    arrived = pickle.loads(bytes_of(many(make)))
    assert [closure() for closure in arrived] == [(closure, number, 5) for number, closure in enumerate(arrived)]


def test_what_a_pickler_wrote_does_not_stay_in_what_it_writes_after_clear_memo():
    (secretive, shadowing), namespace = functions("lambda: token", "lambda: max(1, 2)", token="secret", max=min)
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dump([secretive, shadowing])
    pickler.clear_memo()
    del namespace["max"], namespace["token"]
    file.seek(0)
    file.truncate()
    pickler.dump(shadowing)
    assert b"secret" not in file.getvalue()
    assert pickle.loads(file.getvalue())() == 2


def test_what_a_failed_dump_wrote_does_not_stay():
    (shadowing,), namespace = functions("lambda: max(1, 2)", max=min)
    file = io.BytesIO()
    pickler = Pickler(file)
    with pytest.raises(TypeError):
        pickler.dump([shadowing, (number for number in [1])])
    del namespace["max"]
    file.seek(0)
    file.truncate()
    pickler.dump(shadowing)
    assert pickle.loads(file.getvalue())() == 2
