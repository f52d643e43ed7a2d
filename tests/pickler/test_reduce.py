"""`__reduce__` and its relatives in every shape, right and wrong."""

import copyreg
import io
import pickle
import pickletools

import corpus
import pytest

import cloudpickle
from implementation import PYPY
from travel import round_trip


class Target:
    """What the reductions below build, recording what was done to it."""

    def __init__(self, *args):
        self.args = args
        self.log = []

    def append(self, item):
        self.log.append(("append", item))

    def extend(self, items):
        self.log.extend(("append", item) for item in items)

    def __setitem__(self, key, value):
        self.log.append((key, value))


class Reduces:
    """Its `__reduce__` gives what it is told to."""

    def __init__(self, reduction):
        self.reduction = reduction

    def __reduce__(self):
        return self.reduction


class ReducesEx(Reduces):
    """`__reduce_ex__` goes before `__reduce__` and is told the protocol."""

    def __reduce_ex__(self, protocol):
        return Target, ("ex", protocol)


def set_state(target, state):
    """A state setter, the sixth item."""
    target.state = state


def test_two_items(protocol):
    assert round_trip(Reduces((Target, (1, 2))), protocol).args == (1, 2)


def test_state(protocol):
    loaded = round_trip(Reduces((Target, (), {"x": 1, "y": [2]})), protocol)
    assert (loaded.x, loaded.y) == (1, [2])


def test_slot_state(protocol):
    loaded = round_trip(Reduces((corpus.Slotted, (1, 2), (None, {"left": 5}))), protocol)
    assert (loaded.left, loaded.right) == (5, 2)


def test_list_items(protocol):
    loaded = round_trip(Reduces((Target, (), None, iter(range(2500)))), protocol)
    assert loaded.log == [("append", i) for i in range(2500)]


def test_dict_items(protocol):
    loaded = round_trip(Reduces((Target, (), None, None, iter({i: str(i) for i in range(2500)}.items()))), protocol)
    assert loaded.log == [(i, str(i)) for i in range(2500)]


def test_state_setter(protocol):
    loaded = round_trip(Reduces((Target, (1,), ["any state"], None, None, set_state)), protocol)
    assert loaded.args == (1,) and loaded.state == ["any state"]


def test_everything_in_its_order(protocol):
    """Items come before the state: `_pickle.c`, save_reduce."""
    reduction = (Target, (0,), "done", iter(["a"]), iter([("k", "v")]), log_state)
    assert round_trip(Reduces(reduction), protocol).log == [("append", "a"), ("k", "v"), ("state", "done")]


def log_state(target, state):
    """A state setter that shows when it ran."""
    target.log.append(("state", state))


def test_none_for_the_optional_items(protocol):
    assert round_trip(Reduces((Target, (3,), None, None, None, None)), protocol).args == (3,)


def test_string(protocol):
    """A string names a global of the object's module."""
    assert round_trip(SINGLE, protocol) is SINGLE


class Single:
    """A singleton by name."""

    def __reduce__(self):
        return "SINGLE"


SINGLE = Single()


def test_string_that_names_something_else():
    class Liar:
        def __reduce__(self):
            return "SINGLE"

    Liar.__module__ = __name__
    with pytest.raises(pickle.PicklingError, match="not the same object"):
        cloudpickle.dumps(Liar())


def test_string_that_names_nothing():
    with pytest.raises((pickle.PicklingError, AttributeError)):
        cloudpickle.dumps(Reduces("no such name"))


def test_reduce_ex_goes_first(protocol):
    assert round_trip(ReducesEx(None), protocol).args == ("ex", protocol)


@pytest.mark.parametrize(
    "reduction",
    [
        None,
        42,
        b"bytes",
        [Target, ()],
        (),
        (Target,),
        (Target, (), None, None, None, None, None),
        ("not callable", ()),
        (Target, [1]),
        (Target, None),
        (Target, (), None, 5),
        (Target, (), None, None, 5),
        (Target, (), {}, None, None, "not callable"),
    ],
    ids=repr,
)
def test_wrong_shapes(reduction):
    """`pickle` and this engine refuse the same shapes, with the same exception type. (That of PyPy takes some.)"""
    expected = pickle.PicklingError
    if not PYPY:
        with pytest.raises((pickle.PicklingError, TypeError)) as theirs:
            pickle.dumps(Reduces(reduction), protocol=5)
        expected = theirs.type
    with pytest.raises(expected):
        cloudpickle.dumps(Reduces(reduction))


@pytest.mark.parametrize("item", [5, (1,), (1, 2, 3), [1, 2], None], ids=repr)
def test_dict_items_that_are_not_pairs(item):
    with pytest.raises((pickle.PicklingError, TypeError, ValueError)):
        cloudpickle.dumps(Reduces((Target, (), None, None, iter([item, item]))))


def test_the_refusal_is_a_pickling_error():
    for reduction in (None, (Target,), ("not callable", ()), (Target, [1])):
        with pytest.raises(pickle.PicklingError):
            cloudpickle.dumps(Reduces(reduction))


def test_object_met_again_inside_its_own_reduction(protocol):
    """The state may refer to the object: it is memoized before the state is written."""
    obj = Reduces(None)
    obj.reduction = (Target, (), {"me": obj})
    loaded = round_trip(obj, protocol)
    assert loaded.me is loaded


def test_new_arguments(protocol):
    loaded = round_trip(corpus.NewArguments(1, "two", (3,)), protocol)
    assert type(loaded) is corpus.NewArguments and loaded == (1, "two", (3,))


def test_new_keyword_arguments(protocol):
    """Protocols 2 and 3 go through functools.partial; below 2 pickle takes no notice of `__getnewargs_ex__`."""
    if protocol < 2:
        obj = corpus.NewKeywords(1, b=2)
        assert cloudpickle.dumps(obj, protocol=protocol) and pickle.dumps(obj, protocol=protocol)
        assert pickletools.optimize(cloudpickle.dumps(obj, protocol=protocol)) == pickletools.optimize(
            pickle.dumps(obj, protocol=protocol)
        )
    else:
        loaded = round_trip(corpus.NewKeywords([1], b="two"), protocol)
        assert (loaded.a, loaded.b) == ([1], "two")


@pytest.mark.parametrize("answer", [5, [1], ((),), ([], {}), ((), []), ((), {}, 1)], ids=repr)
def test_new_keyword_arguments_of_the_wrong_shape(answer):
    class Wrong:
        def __getnewargs_ex__(self):
            return answer

    with pytest.raises((TypeError, ValueError)) as ours:
        cloudpickle.dumps(Wrong())
    Wrong.__module__, Wrong.__qualname__ = "builtins", "Wrong"
    with pytest.raises((TypeError, ValueError)) as theirs:
        Wrong().__reduce_ex__(4)
    assert ours.type is theirs.type


@pytest.mark.parametrize("answer", [5, [1], None], ids=repr)
def test_new_arguments_of_the_wrong_shape(answer):
    class Wrong:
        def __getnewargs__(self):
            return answer

    with pytest.raises(TypeError, match="__getnewargs__ should return a tuple"):
        cloudpickle.dumps(Wrong())


def test_state_hooks(protocol):
    assert round_trip(corpus.WithState([1]), protocol).x == [1]


class Falsy:
    """A false state is not given to `__setstate__` under object's own reduction; None is not written."""

    def __init__(self, state):
        self.state = state
        self.restored = False

    def __getstate__(self):
        return self.state

    def __setstate__(self, state):
        self.state, self.restored = state, True


@pytest.mark.parametrize("state", [None, False, 0, {}, (), [], "text", (1, {"a": 2})], ids=repr)
def test_states_of_every_kind(state, protocol):
    """Whether a false state reaches `__setstate__` is pickle's decision to make."""
    expected = pickle.loads(pickle.dumps(Falsy(state), protocol=protocol))
    loaded = round_trip(Falsy(state), protocol)
    assert vars(loaded) == vars(expected)


def test_slots(protocol):
    if protocol < 2:
        with pytest.raises(TypeError, match="__slots__"):
            cloudpickle.dumps(corpus.Slotted(1, 2), protocol=protocol)
    else:
        assert round_trip(corpus.Slotted(1, [2]), protocol) == corpus.Slotted(1, [2])


def test_slots_unset():
    obj = corpus.Slotted(1, 2)
    del obj.left
    loaded = round_trip(obj)
    assert not hasattr(loaded, "left") and loaded.right == 2


def test_slots_with_dict():
    obj = corpus.SlottedWithDict(1, 2)
    obj.extra = 3
    loaded = round_trip(obj)
    assert (loaded.left, loaded.right, vars(loaded)) == (1, 2, {"extra": 3})


class _Private:
    __slots__ = ("__hidden", "__weakref__", "seen")

    def __init__(self):
        self.__hidden, self.seen = 1, 2

    def hidden(self):
        """The value of the mangled slot."""
        return self.__hidden


def test_slots_with_mangled_names():
    loaded = round_trip(_Private())
    assert loaded.hidden() == 1 and loaded.seen == 2


def test_dict_with_keys_that_are_no_identifiers(protocol):
    obj = corpus.Plain()
    vars(obj).update({"with space": 1, "": 2, "\u20ac": 3})
    assert vars(round_trip(obj, protocol)) == {"with space": 1, "": 2, "\u20ac": 3}


def test_attribute_names_are_interned_on_loading():
    """Attribute names of loaded instances are one object with the names in code (`_pickle.c`, load_build)."""
    loaded = [round_trip(corpus.Plain(an_attribute=1)) for _ in range(2)]
    assert next(iter(vars(loaded[0]))) is next(iter(vars(loaded[1])))


@pytest.mark.parametrize(
    "make",
    [
        lambda: corpus.MyInt(2**70),
        lambda: corpus.MyFloat(1.5),
        lambda: corpus.MyStr("text"),
        lambda: corpus.MyTuple((1, [2])),
        lambda: corpus.MyList([1, 2]),
        lambda: corpus.MyDict(a=1),
        lambda: corpus.MySet([1]),
        lambda: corpus.MyFrozenset([1]),
        lambda: corpus.MyBytes(b"raw"),
    ],
    ids=["int", "float", "str", "tuple", "list", "dict", "set", "frozenset", "bytes"],
)
def test_subclasses_of_builtins_with_attributes(make, protocol):
    obj = make()
    obj.note = [obj.__class__]
    loaded = round_trip(obj, protocol)
    assert type(loaded) is type(obj) and loaded == obj and loaded.note == [type(obj)]


def test_copyreg(protocol):
    class Registered:
        pass

    copyreg.pickle(Registered, lambda obj: (Target, ("by copyreg",)))
    try:
        assert round_trip(Registered(), protocol).args == ("by copyreg",)
    finally:
        del copyreg.dispatch_table[Registered]


def test_copyreg_goes_before_reduce():
    copyreg.pickle(ReducesEx, lambda obj: (Target, ("table",)))
    try:
        assert round_trip(ReducesEx(None)).args == ("table",)
    finally:
        del copyreg.dispatch_table[ReducesEx]


def test_copyreg_does_not_touch_exact_builtins():
    """The C pickler never asks the table about an exact list, int or dict."""
    copyreg.pickle(list, lambda obj: (Target, ("wrong",)))
    try:
        assert round_trip([1, {"a": []}]) == [1, {"a": []}]
    finally:
        del copyreg.dispatch_table[list]


def test_copyreg_reducer_returning_a_string():
    class Named:
        pass

    obj = Named()
    globals()["NAMED"] = obj
    Named.__module__ = __name__
    copyreg.pickle(Named, lambda _: "NAMED")
    try:
        assert round_trip(obj) is obj
    finally:
        del copyreg.dispatch_table[Named], globals()["NAMED"]


@pytest.mark.parametrize("code, opcode", [(1, "EXT1"), (255, "EXT1"), (256, "EXT2"), (65536, "EXT4")])
def test_extension_registry(code, opcode, protocol):
    copyreg.add_extension(corpus.__name__, "Plain", code)
    try:
        data = cloudpickle.dumps([corpus.Plain, corpus.Plain], protocol=protocol)
        names = [operation.name for operation, _, _ in pickletools.genops(data)]
        assert (opcode in names) == (protocol >= 2)
        assert pickle.loads(data) == [corpus.Plain, corpus.Plain]
        assert pickletools.optimize(data) == pickletools.optimize(
            pickle.dumps([corpus.Plain, corpus.Plain], protocol=protocol)
        )
    finally:
        copyreg.remove_extension(corpus.__name__, "Plain", code)


def test_class_whose_reduce_is_inherited_from_a_builtin():
    error = ValueError("a", 1)
    error.extra = {"k": 1}
    loaded = round_trip(error)
    assert loaded.args == ("a", 1) and loaded.extra == {"k": 1}


def test_getattr_that_answers_everything():
    """`__getattr__` must not be mistaken for hooks: they are looked up as the C pickler does."""

    class Eager:
        def __getattr__(self, name):
            if name.startswith("__") and name.endswith("__"):
                raise AttributeError(name)
            return f"attribute {name}"

    loaded = round_trip(Eager())
    assert loaded.anything == "attribute anything"


def test_class_attribute_that_lies():
    """`__class__` may be a property; mocks and proxies do it."""

    class Proxy:
        @property
        def __class__(self):
            return int

        def __reduce__(self):
            return Target, ("proxy",)

    assert round_trip(Proxy()).args == ("proxy",)


def test_instance_with_its_own_reduce():
    """Unlike most special methods, `__reduce_ex__` is looked up on the instance (`_pickle.c`, save)."""
    obj = corpus.Plain()
    obj.__reduce_ex__ = lambda protocol: (Target, ("instance",))
    expected = pickle.loads(pickle.dumps(obj, protocol=5))
    assert type(round_trip(obj)) is type(expected)


class Counted:
    calls = 0

    def __reduce__(self):
        Counted.calls += 1
        return Counted, ()


COUNTED = Counted()


def test_a_dump_that_starts_over_tries_no_reducer_before():
    """Whether a global of an importable module can travel is found out by a trial, which runs its reducer."""

    def with_global():
        return COUNTED

    def calls_of(dump):
        before = Counted.calls
        dump([("passed", ["over"]), with_global])
        return Counted.calls - before

    of_pickler = calls_of(lambda obj: cloudpickle.Pickler(io.BytesIO()).dump(obj))
    assert calls_of(lambda obj: cloudpickle.dump(obj, io.BytesIO())) == of_pickler
    assert calls_of(cloudpickle.dumps) == of_pickler
