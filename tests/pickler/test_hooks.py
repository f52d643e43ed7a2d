"""The hooks of `pickle.Pickler` work on ours and on subclasses of it, as the libraries that use them expect."""

import collections
import copyreg
import datetime
import decimal
import gc
import io
import pickle
import types
from typing import Generic, NamedTuple, TypeVar

import pytest

import cloudpickle
from cloudpickle import CloudPickler, Pickler
from implementation import not_on_pypy


def dumps_with(kind, obj, **options):
    file = io.BytesIO()
    kind(file, **options).dump(obj)
    return file.getvalue()


class Thing:
    """Something to write hooks for."""

    def __init__(self, name="thing"):
        self.name = name

    def __eq__(self, other):
        return type(other) is Thing and other.name == self.name

    def __hash__(self):
        return hash(self.name)


class Other:
    """A class that no hook mentions."""


def make_thing(name):
    """What the hooks reduce to."""
    return Thing(name)


# persistent_id


class ById(Pickler):
    """Everything that is a Thing stays at home."""

    def persistent_id(self, obj):
        return ("thing", obj.name) if isinstance(obj, Thing) else None


class FromId(pickle.Unpickler):
    """Resolve the ids."""

    def persistent_load(self, pid):
        return f"resolved {pid[1]}"


def test_persistent_id():
    data = dumps_with(ById, [Thing("a"), {"k": Thing("b")}, 5])
    assert FromId(io.BytesIO(data)).load() == ["resolved a", {"k": "resolved b"}, 5]


def test_persistent_id_reaches_the_inside_of_a_function():
    thing = Thing("captured")
    data = dumps_with(ById, lambda: thing)
    assert FromId(io.BytesIO(data)).load()() == "resolved captured"


def test_persistent_id_is_asked_first_and_for_everything():
    asked = []

    class Asking(Pickler):
        def persistent_id(self, obj):
            asked.append(obj)

    shared = [1]
    dumps_with(Asking, (shared, shared, None, "s"))
    assert asked[0] == (shared, shared, None, "s")
    assert [obj for obj in asked if obj is shared] == [shared, shared]
    assert None in asked and "s" in asked and 1 in asked


class Pair(NamedTuple):
    left: object
    right: object


class Slotted:
    __slots__ = ("first", "second")


def of_known_kinds():
    """What is written without a reduction where no hook is to see its parts."""
    slotted = [Slotted(), Slotted()]
    for one in slotted:
        one.first, one.second = [1], "second"
    values = [
        *(Thing(name) for name in "abc"),
        *slotted,
        *(Pair("left", number) for number in range(3)),
        *(datetime.date(2020, 1, day) for day in range(1, 4)),
        *(datetime.datetime(2020, 1, day) for day in range(1, 4)),
        *(decimal.Decimal(number) for number in range(3)),
        *(datetime.timedelta(number) for number in range(3)),
    ]
    return values


@not_on_pypy("a C pickler")
def test_persistent_id_is_asked_for_what_the_c_pickler_asks_for():
    """The keys and values of states, the arguments of calls: all parts of what is reduced."""
    values, asked = of_known_kinds(), []
    for base in (Pickler, pickle.Pickler):

        class Asking(base):
            def persistent_id(self, obj):
                self.told.append(repr(obj))

        file = io.BytesIO()
        pickler = Asking(file, 5)
        pickler.told = []
        pickler.dump([values, {"key": 1, "other": {"inner": "value"}}])
        asked.append(pickler.told)
    assert asked[0] == asked[1]


def test_reducer_override_is_asked_for_each_instance():
    """Also for those of the class that was asked for last."""
    values, asked = of_known_kinds(), []

    class Asking(Pickler):
        def reducer_override(self, obj):
            asked.append(obj)
            return NotImplemented

    dumps_with(Asking, values)
    asked = [obj for obj in asked if not isinstance(obj, type)]
    assert len(asked) >= len(values)
    assert all(any(obj is value for obj in asked) for value in values)


def test_dispatch_table_of_an_instance_is_asked_for_each_object():
    """It may change its mind."""
    values = of_known_kinds()
    for kind in {type(value) for value in values}:
        same = [value for value in values if type(value) is kind]

        class Counting:
            def __init__(self, kind):
                self.kind, self.count = kind, 0

            def __getitem__(self, kind):
                if kind is self.kind:
                    self.count += 1
                    if self.count > 1:
                        return lambda obj: (str, ("by table",))
                raise KeyError(kind)

        file = io.BytesIO()
        pickler = Pickler(file)
        pickler.dispatch_table = Counting(kind)
        pickler.dump(same)
        assert pickle.loads(file.getvalue())[1:] == ["by table"] * (len(same) - 1)


def test_persistent_id_as_an_instance_attribute():
    """CPython 3.13 looks the hook up on the instance too; earlier versions allow the assignment as well."""
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.persistent_id = lambda obj: "pid" if isinstance(obj, Thing) else None
    pickler.dump([Thing()])

    class Loader(pickle.Unpickler):
        def persistent_load(self, pid):
            return pid

    assert Loader(io.BytesIO(file.getvalue())).load() == ["pid"]


def test_persistent_id_under_protocol_0_must_be_a_line_of_text():
    class Newline(Pickler):
        def persistent_id(self, obj):
            return "caf\xe9" if isinstance(obj, Thing) else None

    with pytest.raises(pickle.PicklingError, match="persistent IDs in protocol 0 must be ASCII strings"):
        dumps_with(Newline, Thing(), protocol=0)


# reducer_override


class Overriding(Pickler):
    """Things by this hook, everything else by cloudpickle."""

    def reducer_override(self, obj):
        if type(obj) is Thing:
            return make_thing, ("overridden " + obj.name,)
        return super().reducer_override(obj)


def test_reducer_override():
    loaded = pickle.loads(dumps_with(Overriding, [Thing("a"), 5]))
    assert loaded == [Thing("overridden a"), 5]


def test_reducer_override_with_super_keeps_functions_and_classes_working():
    class Local:
        pass

    thing = Thing("x")
    function, kind, none = pickle.loads(dumps_with(Overriding, (lambda: thing, Local, type(None))))
    assert function() == Thing("overridden x")
    assert kind.__name__ == "Local" and none is type(None)


def test_reducer_override_without_super():
    """A subclass that answers NotImplemented gives functions up, and nothing else."""

    class Mute(Pickler):
        def reducer_override(self, obj):
            return NotImplemented

    assert pickle.loads(dumps_with(Mute, [Thing(), 1])) == [Thing(), 1]
    with pytest.raises((pickle.PicklingError, AttributeError)):
        dumps_with(Mute, lambda: 0)


def test_reducer_override_is_asked_for_functions_classes_and_instances_only():
    asked = []

    class Asking(Pickler):
        def reducer_override(self, obj):
            asked.append(obj)
            return super().reducer_override(obj)

    thing = Thing()
    dumps_with(Asking, [1, "s", None, [2.5], {"k": (1,)}, {1}, b"b", thing, len, Thing])
    assert all(type(obj) not in (int, str, float, list, dict, tuple, bytes, type(None)) for obj in asked)
    assert thing in asked and len in asked and Thing in asked


def test_reducer_override_may_return_a_string():
    class Named(Pickler):
        def reducer_override(self, obj):
            if isinstance(obj, Thing):
                return "CONSTANT"
            return NotImplemented

    assert pickle.loads(dumps_with(Named, CONSTANT)) is CONSTANT


CONSTANT = Thing("constant")


def test_reducer_override_that_returns_nonsense():
    class Wrong(Pickler):
        def reducer_override(self, obj):
            return 42

    with pytest.raises(pickle.PicklingError):
        dumps_with(Wrong, Thing())


def test_super_reducer_override_can_be_called_directly():
    """Ray and others call the hook themselves: it answers NotImplemented for what is not its business."""
    pickler = Pickler(io.BytesIO())
    assert pickler.reducer_override(5) is NotImplemented
    assert pickler.reducer_override(Thing()) is NotImplemented
    assert pickler.reducer_override(len) is NotImplemented
    assert pickler.reducer_override(Thing) is NotImplemented
    reduction = pickler.reducer_override(lambda: 0)
    assert isinstance(reduction, tuple) and len(reduction) in (2, 3, 4, 5, 6) and callable(reduction[0])


# dispatch_table


def reduce_thing(thing):
    return make_thing, ("by table " + thing.name,)


def test_dispatch_table_of_a_class():
    class Tabled(Pickler):
        dispatch_table = collections.ChainMap({Thing: reduce_thing}, Pickler.dispatch_table)

    function, thing = pickle.loads(dumps_with(Tabled, (lambda: 1, Thing("a"))))
    assert thing == Thing("by table a") and function() == 1
    assert pickle.loads(cloudpickle.dumps(Thing("a"))) == Thing("a")


def test_plain_dict_as_dispatch_table_of_a_class():
    class Tabled(Pickler):
        dispatch_table = {Thing: reduce_thing}

    assert pickle.loads(dumps_with(Tabled, Thing("a"))) == Thing("by table a")


def test_dispatch_table_of_an_instance_affects_that_instance_alone():
    file, other_file = io.BytesIO(), io.BytesIO()
    pickler, other = Pickler(file), Pickler(other_file)
    pickler.dispatch_table = {Thing: reduce_thing}
    pickler.dump(Thing("a"))
    other.dump(Thing("a"))
    assert pickle.loads(file.getvalue()) == Thing("by table a")
    assert pickle.loads(other_file.getvalue()) == Thing("a")
    assert Thing not in Pickler.dispatch_table


def test_dispatch_table_of_an_instance_copied_from_the_class():
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dispatch_table = pickler.dispatch_table.copy()
    pickler.dispatch_table[Thing] = reduce_thing
    pickler.dump([Thing("a"), types.MappingProxyType({"x": 1})])
    thing, proxy = pickle.loads(file.getvalue())
    assert thing == Thing("by table a") and proxy == {"x": 1}
    assert pickle.loads(cloudpickle.dumps(Thing("a"))) == Thing("a")


def test_dispatch_table_of_an_instance_set_between_dumps():
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dump(Thing("a"))
    pickler.clear_memo()
    pickler.dispatch_table = {Thing: reduce_thing}
    start = file.tell()
    pickler.dump(Thing("a"))
    assert pickle.loads(file.getvalue()[start:]) == Thing("by table a")


def test_dispatch_table_may_be_any_mapping():
    """The C pickler takes KeyError for "no reducer" and lets other exceptions through."""

    class Asked:
        def __init__(self):
            self.asked = []

        def __getitem__(self, kind):
            self.asked.append(kind)
            if kind is Thing:
                return reduce_thing
            raise KeyError(kind)

    class Broken:
        def __getitem__(self, kind):
            raise ZeroDivisionError

    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dispatch_table = table = Asked()
    pickler.dump([Thing("a"), Other()])
    assert pickle.loads(file.getvalue())[0] == Thing("by table a")
    assert Thing in table.asked and Other in table.asked
    pickler = Pickler(io.BytesIO())
    pickler.dispatch_table = Broken()
    with pytest.raises(ZeroDivisionError):
        pickler.dump(Thing())


def test_the_class_level_table_is_the_one_ray_changes():
    """Ray adds and removes reducers for all later dumps: ray/util/serialization.py, register_serializer."""
    assert CloudPickler.dispatch is CloudPickler.dispatch_table
    assert isinstance(CloudPickler.dispatch, collections.ChainMap)
    CloudPickler.dispatch[Thing] = reduce_thing
    try:
        assert pickle.loads(cloudpickle.dumps([Thing("a")])) == [Thing("by table a")]
        assert pickle.loads(dumps_with(Pickler, Thing("a"))) == Thing("by table a")
    finally:
        CloudPickler.dispatch.pop(Thing)
    assert pickle.loads(cloudpickle.dumps([Thing("a")])) == [Thing("a")]


def test_the_class_level_table_can_replace_our_own_reducers():
    kind = types.MappingProxyType
    original = CloudPickler.dispatch[kind]
    CloudPickler.dispatch[kind] = lambda proxy: (dict, (dict(proxy, replaced=True),))
    try:
        assert pickle.loads(cloudpickle.dumps(kind({"a": 1}))) == {"a": 1, "replaced": True}
    finally:
        CloudPickler.dispatch[kind] = original
    assert type(pickle.loads(cloudpickle.dumps(kind({"a": 1})))) is kind


def test_the_class_level_table_shows_our_reducers():
    """loky copies it with `dict(self.dispatch_table)` and adds its own."""
    table = dict(Pickler.dispatch_table)
    for kind in (
        classmethod,
        property,
        types.CodeType,
        types.ModuleType,
        types.MethodType,
        memoryview,
        type({}.keys()),
    ):
        assert callable(table[kind])
    function, arguments = table[types.MethodType](Thing("x").__eq__)[:2]
    assert function(*arguments)(Thing("x")) is True


def test_copyreg_registered_later_is_seen():
    """The table chains to `copyreg.dispatch_table` itself, not to a copy of it."""
    copyreg.pickle(Thing, reduce_thing)
    try:
        assert pickle.loads(cloudpickle.dumps(Thing("a"))) == Thing("by table a")
    finally:
        del copyreg.dispatch_table[Thing]
    assert pickle.loads(cloudpickle.dumps(Thing("a"))) == Thing("a")


def test_lokys_customizable_pickler():
    """loky/backend/reduction.py: find the member descriptor `dispatch_table` in the mro, set it, then the attribute."""

    class Customizable(CloudPickler):
        _extra = {Thing: reduce_thing}

        def __init__(self, writer, reducers=None, protocol=None):
            super().__init__(writer, protocol=protocol)
            table = dict(self.dispatch_table)
            for base in type(self).__mro__:
                descriptor = base.__dict__.get("dispatch_table")
                if isinstance(descriptor, types.MemberDescriptorType):
                    descriptor.__set__(self, table)
                    break
            self.dispatch_table = table
            table.update(self._extra)
            for kind, reducer in (reducers or {}).items():
                table[kind] = reducer

    function, thing, other = pickle.loads(
        dumps_with(Customizable, (lambda x: x + 1, Thing("a"), Other()), reducers={Other: lambda _: (list, ("xy",))})
    )
    assert function(1) == 2 and thing == Thing("by table a") and other == ["x", "y"]
    assert pickle.loads(cloudpickle.dumps(Thing("a"))) == Thing("a")


def test_pickler_class_can_be_pickled_by_reference():
    """loky ships `loads` and picklers by name to its workers."""
    assert pickle.loads(cloudpickle.dumps((Pickler, cloudpickle.loads))) == (Pickler, cloudpickle.loads)


# memo, fast, bin, several dumps


def test_memo_is_shared_between_dumps():
    file = io.BytesIO()
    pickler = Pickler(file)
    shared = ["shared", "list"]
    pickler.dump(shared)
    first = file.tell()
    pickler.dump([shared])
    assert b"list" not in file.getvalue()[first:]
    unpickler = pickle.Unpickler(io.BytesIO(file.getvalue()))
    one, two = unpickler.load(), unpickler.load()
    assert two[0] is one


def test_clear_memo():
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dump(["text to repeat"])
    first = file.getvalue()
    pickler.clear_memo()
    pickler.dump(["text to repeat"])
    assert file.getvalue() == first * 2


def test_memo_read():
    pickler = Pickler(io.BytesIO())
    obj = ["a list"]
    pickler.dump(obj)
    memo = pickler.memo.copy()
    assert isinstance(memo, dict)
    assert memo[id(obj)][1] is obj


def test_memo_assigned_from_another_pickler():
    """A second pickler continues where the first one was, as CPython's test_priming_pickler_memo does it."""
    obj = ["already sent"]
    first_file, second_file = io.BytesIO(), io.BytesIO()
    first = Pickler(first_file)
    first.dump(obj)
    second = Pickler(second_file)
    second.memo = first.memo
    second.dump(obj)
    assert b"already" not in second_file.getvalue()
    both = pickle.Unpickler(io.BytesIO(first_file.getvalue() + second_file.getvalue()))
    one, two = both.load(), both.load()
    assert one == obj and two is one


def test_memo_assigned_from_a_dict():
    obj = ["already sent"]
    first_file, second_file = io.BytesIO(), io.BytesIO()
    first = Pickler(first_file)
    first.dump(obj)
    second = Pickler(second_file)
    second.memo = first.memo.copy()
    second.dump(obj)
    assert b"already" not in second_file.getvalue()


@pytest.mark.parametrize("index", [0, 5, 1000, 2**32 - 1])
def test_memo_with_any_indexes_is_gone_with_its_pickler(index):
    """The next dumps of the thread find nothing of it in the memory that they take over."""
    obj = ["not sent"]
    pickler = Pickler(io.BytesIO())
    pickler.memo = {0: (index, obj)}
    another = Pickler(io.BytesIO())
    another.memo = pickler.memo
    del pickler, another
    file = io.BytesIO()
    Pickler(file).dump([obj, obj])
    assert pickle.loads(file.getvalue()) == [obj, obj]
    assert cloudpickle.loads(cloudpickle.dumps([obj, obj])) == [obj, obj]


def test_memo_of_the_wrong_type():
    pickler = Pickler(io.BytesIO())
    with pytest.raises(TypeError):
        pickler.memo = [1, 2]
    pickler.dump([1])


def test_memo_clear_method():
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dump(["x"])
    pickler.memo.clear()
    start = file.tell()
    pickler.dump(["x"])
    assert file.getvalue()[start:] == file.getvalue()[:start]


def test_fast_mode_writes_no_memo():
    file = io.BytesIO()
    pickler = Pickler(file, protocol=2)
    pickler.fast = True
    shared = [1]
    pickler.dump([shared, shared])
    data = file.getvalue()
    import pickletools

    assert not {operation.name for operation, _, _ in pickletools.genops(data)} & {"MEMOIZE", "BINPUT", "PUT", "BINGET"}
    one, two = pickle.loads(data)
    assert one == two == [1] and one is not two


def test_init_ends_fast_mode():
    pickler = Pickler(io.BytesIO())
    pickler.fast = True
    file = io.BytesIO()
    pickler.__init__(file)
    shared = [1]
    pickler.dump([shared, shared])
    one, two = pickle.loads(file.getvalue())
    assert one is two


def test_bin_attribute():
    """`bin` tells text from binary protocols, and is there to be read and set."""
    assert not Pickler(io.BytesIO(), protocol=0).bin
    pickler = Pickler(io.BytesIO(), protocol=1)
    assert pickler.bin
    assert Pickler(io.BytesIO()).bin


def test_functions_of_several_dumps_share_their_globals():
    """Two dumps of one pickler: the functions share their globals in the worker, as within one dump."""
    space = {"__name__": "__main__"}
    exec("count = 0\ndef push():\n    global count\n    count += 1\ndef read(): return count", space)
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dump(space["push"])
    pickler.dump(space["read"])
    unpickler = pickle.Unpickler(io.BytesIO(file.getvalue()))
    push, read = unpickler.load(), unpickler.load()
    push()
    push()
    assert read() == 2 and push.__globals__ is read.__globals__


@pytest.mark.parametrize("values", [(0, 1, 0), (0, [1], 0), (0, 1, 1), ("a", None, "a")])
def test_globals_that_change_between_dumps(values):
    """What a function was made with, and another one finds changed, and a third one changed back."""
    space = {"__name__": "__main__"}
    exec("def first(): return count\ndef second(): return count\ndef third(): return count", space)
    file = io.BytesIO()
    pickler = Pickler(file)
    unpickler = pickle.Unpickler(file)
    for function, value in zip(("first", "second", "third"), values):
        space["count"] = value
        position = file.tell()
        pickler.dump(space[function])
        file.seek(position)
        assert unpickler.load()() == value
    pickler.clear_memo()
    position = file.tell()
    pickler.dump(space["second"])
    file.seek(position)
    assert pickle.load(file)() == values[2]


def test_class_sent_once_by_one_pickler():
    class Local:
        pass

    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dump(Local)
    first = file.tell()
    pickler.dump(Local())
    assert file.tell() - first < first / 2
    unpickler = pickle.Unpickler(io.BytesIO(file.getvalue()))
    kind, instance = unpickler.load(), unpickler.load()
    assert type(instance) is kind


# subclassing

T = TypeVar("T")


def test_subclass_with_generic():
    """Ray's picklers have typing.Generic as a second base."""

    class Typed(Pickler, Generic[T]):
        def persistent_id(self, obj: T):
            return "pid" if isinstance(obj, Thing) else None

    assert pickle.loads(dumps_with(Typed, lambda: 3))() == 3
    assert issubclass(Typed[int].__origin__, Pickler)
    assert b"pid" in dumps_with(Typed, Thing())


def test_subclass_with_slots_and_attributes():
    class Slotted(Pickler):
        __slots__ = ("extra",)

    pickler = Slotted(io.BytesIO())
    pickler.extra = 5
    pickler.dump([1])
    assert pickler.extra == 5
    plain = Pickler(io.BytesIO())
    plain.anything = 6
    assert plain.anything == 6


def test_subclass_that_does_not_call_init():
    """The C pickler's words: https://github.com/python/cpython/blob/main/Modules/_pickle.c"""

    class Lazy(Pickler):
        def __init__(self):
            pass

    with pytest.raises(pickle.PicklingError, match=r"Pickler\.__init__\(\) was not called"):
        Lazy().dump(1)


def test_initialised_again():
    first, second = io.BytesIO(), io.BytesIO()
    pickler = Pickler(first)
    pickler.dump(["a"])
    pickler.__init__(second, protocol=2)
    pickler.dump(["a"])
    assert pickle.loads(first.getvalue()) == ["a"]
    assert second.getvalue()[:2] == b"\x80\x02" and pickle.loads(second.getvalue()) == ["a"]


def test_subclass_that_overrides_dump():
    """distributed and Ray wrap `dump` and call the base."""

    class Logged(Pickler):
        seen = []

        def dump(self, obj):
            self.seen.append(obj)
            return super().dump(obj)

    assert pickle.loads(dumps_with(Logged, [1, 2])) == [1, 2]
    assert Logged.seen == [[1, 2]]


@not_on_pypy("a base class to initialise")
def test_subclass_that_calls_the_dump_of_pickle():
    class Direct(Pickler):
        def dump(self, obj):
            pickle.Pickler.dump(self, obj)

    class Beyond(Pickler):
        def dump(self, obj):
            super(Pickler, self).dump(obj)

    for cls in (Direct, Beyond):
        assert pickle.loads(dumps_with(cls, ["x", lambda: 5]))[1]() == 5


@not_on_pypy("a base class to initialise")
def test_subclass_with_another_pickler_as_its_base():
    """Each `__init__` calls the next one."""

    class Another(pickle.Pickler):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.is_ready = True

    class Both(Pickler, Another):
        pass

    file = io.BytesIO()
    pickler = Both(file)
    assert pickler.is_ready
    pickler.dump([1, 2])
    assert pickle.loads(file.getvalue()) == [1, 2]


def test_all_hooks_at_once():
    class Everything(Pickler):
        dispatch_table = collections.ChainMap({Other: lambda _: (str, ("other",))}, Pickler.dispatch_table)

        def persistent_id(self, obj):
            return "id" if obj == "remote" else None

        def reducer_override(self, obj):
            return (make_thing, ("over",)) if type(obj) is Thing else super().reducer_override(obj)

    class Loader(pickle.Unpickler):
        def persistent_load(self, pid):
            return f"<{pid}>"

    data = dumps_with(Everything, [Thing(), Other(), "remote", lambda: "f"])
    thing, other, remote, function = Loader(io.BytesIO(data)).load()
    assert (thing, other, remote, function()) == (Thing("over"), "other", "<id>", "f")


def test_picklers_do_not_leak():
    """A pickler that refers to itself is collected."""
    import weakref

    class Weak(Pickler):
        pass

    pickler = Weak(io.BytesIO())
    pickler.me = pickler
    pickler.dispatch_table = {Thing: reduce_thing, "pickler": pickler}
    pickler.dump([pickler.__class__, 1])
    dead = weakref.ref(pickler)
    del pickler
    gc.collect()
    assert dead() is None


def test_reducer_override_replaced_on_the_class(monkeypatch):
    original, seen = Pickler.reducer_override, []

    def replaced(self, obj):
        seen.append(obj)
        return original(self, obj)

    monkeypatch.setattr(Pickler, "reducer_override", replaced)

    def function():
        return 1

    assert pickle.loads(dumps_with(Pickler, function))() == 1
    assert function in seen


def test_hook_that_reads_the_memo():
    class Counting(Pickler):
        def persistent_id(self, obj):
            lengths.append(len(self.memo.copy()))

    lengths = []
    first, second = [2], [3]
    data = dumps_with(Counting, [first, second, first])
    assert pickle.loads(data) == [[2], [3], [2]]
    assert lengths == [0, 1, 2, 2, 3, 3]


def test_binary_opcodes_cannot_be_forced_on_protocol_0():
    file = io.BytesIO()
    pickler = Pickler(file, 0)
    pickler.bin = 1
    pickler.dump(["text", 1, b"bytes"])
    assert pickle.loads(file.getvalue()) == ["text", 1, b"bytes"]


def test_fast_mode_with_an_object_that_reduces_to_itself_for_a_while():
    """Only containers are taken for cyclic; a reduction may end."""
    counted = Counted()
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.fast = True
    pickler.dump(counted)
    assert type(pickle.loads(file.getvalue())) is Counted


class Counted:
    left = 4

    def __reduce__(self):
        self.left -= 1
        return Counted, (), ({"inner": self} if self.left else None)


def test_the_base_class_is_not_initialised():
    """Nothing of it is used, and what may be asked of it answers."""
    file = io.BytesIO()
    pickler = Pickler(file, -1)
    assert (pickler.bin, pickler.fast) == (True, 0)
    assert isinstance(pickler, pickle.Pickler)
    pickler.dump([1])
    assert pickle.loads(file.getvalue()) == [1]
    assert not Pickler(io.BytesIO(), 0).bin


@not_on_pypy("a C pickler")
def test_dump_of_the_base_class():
    with pytest.raises(pickle.PicklingError, match="__init__"):
        pickle.Pickler.dump(Pickler(io.BytesIO()), [1])


def test_picklers_that_leave_their_memo_to_the_next():
    """What an earlier one had is not referred to, and lives no longer than its pickler."""
    shared = ["shared"]
    for _ in range(3):
        first, second = io.BytesIO(), io.BytesIO()
        pickler = Pickler(first)
        pickler.dump([shared, shared])
        other = Pickler(second)
        other.dump(shared)
        pickler.dump(shared)
        assert len(pickler.memo.copy()) >= 2
        assert pickle.loads(second.getvalue()) == shared
        unpickler = pickle.Unpickler(io.BytesIO(first.getvalue()))
        assert unpickler.load()[0] is unpickler.load()
        del pickler
        other.dump([shared, "more"])
        loader = pickle.Unpickler(io.BytesIO(second.getvalue()))
        assert loader.load() is loader.load()[0]


def test_a_pickler_that_goes_while_another_dumps():
    class Dumping:
        def __reduce__(self):
            assert pickle.loads(dumps_with(Pickler, [[1], [2]])) == [[1], [2]]
            return str, ("reduced",)

    assert pickle.loads(dumps_with(Pickler, [[3], Dumping(), [4]])) == [[3], "reduced", [4]]


@not_on_pypy("counts of references")
def test_a_memo_whose_objects_dump_when_they_die():
    """While the memory of the memo is handed to the next pickler."""
    dumped = []

    class Dying:
        def __reduce__(self):
            return str, ("dying",)

        def __del__(self):
            dumped.append(dumps_with(Pickler, [["in a destructor"]]))

    pickler = Pickler(io.BytesIO())
    pickler.dump([Dying(), [5]])
    assert dumped == []
    del pickler
    assert [pickle.loads(data) for data in dumped] == [[["in a destructor"]]]
    assert pickle.loads(dumps_with(Pickler, [[6]])) == [[6]]
