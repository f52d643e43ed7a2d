"""What `reprlib.recursive_repr` and dataclasses put around a `__repr__`: made anew where it arrives."""

import io
import pickle
import reprlib
import threading
import types

import pytest

import cloudpickle
from cloudpickle import _native
from travel import round_trip, ship

SCRIPT = """
import dataclasses, reprlib

@dataclasses.dataclass
class Node:
    name: str
    next: "Node" = None

class Tree:
    def __init__(self): self.children = [self]

    @reprlib.recursive_repr(fillvalue="<tree>")
    def __repr__(self):
        "Shows the children."
        return f"Tree({self.children!r}, {LIMIT})"

@reprlib.recursive_repr()
def shown(nested): return shown(nested) if nested else shown.__name__

LIMIT = 3
"""
# What another function has in its code, and in nothing else.
CODE = b"repr_running"


def namespace_of_script():
    namespace = {"__name__": "__main__"}
    exec(SCRIPT, namespace)
    return namespace


@pytest.fixture
def script():
    return namespace_of_script()


@pytest.fixture
def wrapper(script):
    """A function that `recursive_repr` made."""
    return script["Tree"].__repr__


# Fields of dataclasses have slots, which protocols 0 and 1 cannot write.
@pytest.mark.parametrize("protocol", range(2, 6))
def test_dataclass_elsewhere(protocol):
    use = "node = value('a'); node.next = node; repr(node), value.__repr__.__qualname__, value.__repr__.__module__"
    # Python 3.9 leaves the qualified name of the function inside.
    qualname = namespace_of_script()["Node"].__repr__.__qualname__
    assert ship(SCRIPT, "Node", use, protocol) == ("Node(name='a', next=...)", qualname, "__main__")


@pytest.mark.parametrize("protocol", range(6))
def test_class_elsewhere(protocol):
    use = "repr(value()), value.__repr__.__doc__, value.__repr__.__name__, value.__repr__.__qualname__"
    expected = ("Tree([<tree>], 3)", "Shows the children.", "__repr__", "Tree.__repr__")
    assert ship(SCRIPT, "Tree", use, protocol) == expected


def test_function_that_refers_to_what_is_around_it():
    use = """
        inner = value.__closure__[-1].cell_contents
        inner.__globals__["shown"] is value, value(1), value(0), value.__name__, value.__qualname__, value.__module__
    """
    assert ship(SCRIPT, "shown", use) == (True, "...", "shown", "shown", "shown", "__main__")


def test_attributes_that_the_maker_copies(script):
    for function in (script["Node"].__repr__, script["Tree"].__repr__, script["shown"]):
        loaded = round_trip(function)
        assert loaded is not function
        for name in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__", "__defaults__"):
            assert getattr(loaded, name) == getattr(function, name)
        assert hasattr(loaded, "__wrapped__") == hasattr(function, "__wrapped__")
        assert loaded.__closure__[-1].cell_contents.__code__ == function.__closure__[-1].cell_contents.__code__


def test_code_of_the_library_stays_behind(script):
    for obj in (script["Node"], script["Tree"], script["shown"]):
        assert CODE not in cloudpickle.dumps(obj)


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("name", ["Node", "Tree", "shown"])
def test_bytes_of_the_long_way(script, name, protocol):
    for obj in (script[name], [script[name], script["shown"], script[name]]):
        assert cloudpickle.dumps(obj, protocol) == _native.dumps_without_shortcuts(obj, protocol)


@pytest.mark.parametrize("name", ["Node", "Tree", "shown"])
def test_hooks_that_leave_it_to_the_base_class(script, name):
    class Overriding(cloudpickle.Pickler):
        def reducer_override(self, obj):
            return super().reducer_override(obj)

    file = io.BytesIO()
    Overriding(file).dump(script[name])
    assert CODE not in file.getvalue()
    assert pickle.loads(file.getvalue()).__name__ == name


def test_reduce_tuple_makes_the_function(script):
    for function in (script["Node"].__repr__, script["Tree"].__repr__, script["shown"]):
        maker, args, state = cloudpickle.Pickler(io.BytesIO()).reducer_override(function)[:3]
        made = maker(*args)
        assert made.__code__ is function.__code__ and state[1]["__qualname__"] == function.__qualname__


def test_copy_that_came_by_value(script):
    """Upstream sends the function itself: what arrives is another one, with globals of its own."""
    original = script["Node"].__repr__
    globals_of_copy = {name: original.__globals__.get(name) for name in original.__code__.co_names}
    globals_of_copy = {name: value for name, value in globals_of_copy.items() if value is not None}
    copy = types.FunctionType(
        original.__code__.replace(), {"__name__": "dataclasses", **globals_of_copy}, None, None, original.__closure__
    )
    copy.__dict__.update(original.__dict__)
    copy.__module__, copy.__qualname__ = original.__module__, original.__qualname__
    assert CODE not in cloudpickle.dumps(copy)
    assert round_trip(copy)(script["Node"]("a")) == "Node(name='a', next=None)"


def with_globals_of_its_own(wrapper):
    return types.FunctionType(wrapper.__code__, {"id": lambda obj: 0}, "__repr__", None, wrapper.__closure__)


def edited(name, value):
    def edit(wrapper):
        setattr(wrapper, name, value)
        return wrapper

    return edit


def in_progress(wrapper):
    (running,) = (cell.cell_contents for cell in wrapper.__closure__ if isinstance(cell.cell_contents, set))
    running.add((1, 2))
    return wrapper


def edited_within(name, value):
    def edit(wrapper):
        setattr(wrapper.__closure__[-1].cell_contents, name, value)
        return wrapper

    return edit


EDITS = {
    "globals": with_globals_of_its_own,
    "attribute": edited("note", 1),
    "defaults": edited("__defaults__", (1,)),
    "annotations": edited("__annotations__", {"return": str}),
    "inner attribute": edited_within("note", 1),
    "inner annotations": edited_within("__annotations__", {"return": str}),
    "inner keyword defaults": edited_within("__kwdefaults__", {"x": 1}),
    "in progress": in_progress,
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_edited_functions_travel_as_they_are(wrapper, edit):
    function = edit(wrapper)
    payload = cloudpickle.dumps(function)
    assert CODE in payload and payload == _native.dumps_without_shortcuts(function)
    loaded = pickle.loads(payload)
    assert vars(loaded).get("note") == vars(function).get("note")
    assert (loaded.__defaults__, loaded.__annotations__) == (function.__defaults__, function.__annotations__)
    inner, inner_of = loaded.__closure__[-1].cell_contents, function.__closure__[-1].cell_contents
    assert (vars(inner).keys(), inner.__annotations__) == (vars(inner_of).keys(), inner_of.__annotations__)
    assert inner.__kwdefaults__ == inner_of.__kwdefaults__


def test_wrapped_is_what_the_maker_leaves(wrapper):
    """`__wrapped__` came with Python 3.13: what was taken away, or added, before is not to come back or be lost."""
    if hasattr(wrapper, "__wrapped__"):
        del wrapper.__wrapped__
    else:
        wrapper.__wrapped__ = wrapper.__closure__[-1].cell_contents
    assert hasattr(round_trip(wrapper), "__wrapped__") == hasattr(wrapper, "__wrapped__")


def test_wrapped_that_is_another_function(wrapper):
    wrapper.__wrapped__ = lambda: "another"
    payload = cloudpickle.dumps(wrapper)
    assert payload == _native.dumps_without_shortcuts(wrapper)
    assert pickle.loads(payload).__wrapped__() == "another"


def test_names_that_were_edited(wrapper):
    wrapper.__name__, wrapper.__qualname__, wrapper.__doc__, wrapper.__module__ = "a", "b", None, "c"
    loaded = round_trip(wrapper)
    assert CODE not in cloudpickle.dumps(wrapper)
    assert (loaded.__name__, loaded.__qualname__, loaded.__doc__, loaded.__module__) == ("a", "b", None, "c")


def test_class_made_under_observation():
    """The class is made from its attributes, and the function inside refers to it."""
    script = """
        import reprlib
        class Base:
            def __init_subclass__(cls): cls.seen = sorted(name for name in vars(cls) if name.startswith("__repr"))
        class Derived(Base):
            @reprlib.recursive_repr()
            def __repr__(self): return f"{Derived.__name__} {self.me!r}"
    """
    use = "made = value(); made.me = made; repr(made), value.seen, value.__repr__.__qualname__"
    assert ship(script, "Derived", use) == ("Derived ...", ["__repr__"], "Derived.__repr__")


def test_fingerprint_tells_inner_functions_apart(script):
    def definition(kind):
        return cloudpickle.Pickler(io.BytesIO()).reducer_override(kind)[2][1]["definition"]

    again = namespace_of_script()
    first, second = definition(script["Tree"]), definition(again["Tree"])
    assert first == second
    again["LIMIT"] = 4
    assert definition(again["Tree"]) != first


def test_another_maker_is_found(wrapper, monkeypatch):
    """Where the module has another function under that name, what the old one made travels by value."""
    tree = types.SimpleNamespace(children=[1])
    expected = wrapper(tree)
    before = cloudpickle.dumps(wrapper)
    assert CODE not in before
    monkeypatch.setattr(reprlib, "recursive_repr", lambda *args: None)
    payload = cloudpickle.dumps(wrapper)
    assert CODE in payload and payload == _native.dumps_without_shortcuts(wrapper)
    assert pickle.loads(payload)(tree) == expected
    monkeypatch.undo()
    assert cloudpickle.dumps(wrapper) == before


def test_bytes_do_not_depend_on_what_a_thread_knows(wrapper, monkeypatch):
    """The code of a module that is loaded again is equal, and its functions are others."""
    cloudpickle.dumps(wrapper)
    monkeypatch.setattr(reprlib, "recursive_repr", types.FunctionType(reprlib.recursive_repr.__code__, vars(reprlib)))
    payloads = [cloudpickle.dumps(wrapper)]
    thread = threading.Thread(target=lambda: payloads.append(cloudpickle.dumps(wrapper)))
    thread.start()
    thread.join()
    assert payloads[0] == payloads[1]


class Missing:
    """A `fillvalue` that leads to the function around which it is used."""

    def __reduce__(self):
        return made_missing, (self.owner,)


def made_missing(owner):
    missing = Missing()
    missing.owner = owner
    return missing


def test_fillvalue_that_leads_back():
    missing = Missing()

    @reprlib.recursive_repr(missing)
    def f(x):
        return f(x)

    missing.owner = f
    loaded = round_trip(f)
    assert loaded(1).owner is loaded


def test_fillvalue_is_written_once():
    buffers = []
    buffer = pickle.PickleBuffer(b"abc")

    @reprlib.recursive_repr(buffer)
    def f(x):
        return f(x)

    cloudpickle.dumps(f, buffer_callback=buffers.append)
    assert len(buffers) == 1


def test_functions_around_each_other(script):
    inner = script["shown"]

    def is_kept(function):
        loaded = round_trip(function)
        assert loaded.__closure__[-1].cell_contents.__code__.co_name == "wrapper"
        return loaded

    @reprlib.recursive_repr("outer")
    def f(x):
        return f(x)

    assert round_trip(f)(1) == "outer"
    twice = reprlib.recursive_repr("twice")(inner)
    assert is_kept(twice)(0) == "shown"
    twice.__closure__[-1].cell_contents = twice
    assert is_kept(twice)(1) == "twice"


@pytest.mark.parametrize("around", ["", "@reprlib.recursive_repr('outer')", "@reprlib.recursive_repr(lambda: A)"])
def test_class_whose_metaclass_looks_at_it(around):
    script = f"""
        import reprlib
        class Meta(type):
            def __new__(metaclass, name, bases, namespace):
                if name == "A" and "x" not in namespace: raise TypeError("A needs x")
                return super().__new__(metaclass, name, bases, namespace)
        class A(metaclass=Meta):
            x = 1
            {around}
            @reprlib.recursive_repr("inner")
            def __repr__(self): return A.__name__
    """
    assert ship(script, "A", "repr(value())") == "A"


def test_error_says_where(script):
    script["LIMIT"] = (value for value in ())
    with pytest.raises(TypeError) as caught:
        cloudpickle.dumps(script["Tree"])
    told = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert ".__repr__ -> closure variable 'user_function' -> " in told and "global 'LIMIT'" in told
