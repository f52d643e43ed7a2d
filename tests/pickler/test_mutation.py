"""Hooks that change what is being walked, call back into a pickler, raise, or switch threads: never a crash."""

import gc
import io
import pickle
import sys
import threading
import types

import pytest

import cloudpickle
from cloudpickle import Pickler
from implementation import not_on_pypy
from travel import run_script


class Calls:
    """An object whose reduction runs a function first."""

    def __init__(self, action):
        self.action = action

    def __reduce__(self):
        self.action()
        return str, ("reduced",)


def test_dict_that_grows():
    table = {}
    table["a"] = Calls(lambda: table.update({len(table): 0}))
    table["b"] = table["c"] = 1
    with pytest.raises(RuntimeError, match="dictionary changed size during iteration"):
        cloudpickle.dumps(table)


def test_dict_that_is_emptied():
    table = {"a": None, "b": 1, "c": [2]}
    table["a"] = Calls(table.clear)
    with pytest.raises(RuntimeError, match="changed size"):
        cloudpickle.dumps(table)


def test_dict_whose_values_change():
    """The size stays, so the walk goes on and sees the new values."""
    table = {}
    table["a"] = Calls(lambda: table.update(b="changed"))
    table["b"] = "before"
    assert pickle.loads(cloudpickle.dumps(table)) == {"a": "reduced", "b": "changed"}


@pytest.mark.parametrize("kind", ["set", "grown set"])
def test_set_that_changes(kind):
    """Each element changes the set, so that the order of the walk does not matter."""
    group = set()

    def change():
        if kind == "set":
            group.clear()
        else:
            group.add(len(group))

    group.update(Calls(change) for _ in range(3))
    with pytest.raises(RuntimeError, match="changed size"):
        cloudpickle.dumps(group)


def test_list_that_grows():
    """A list is walked by index up to its size of the moment, as the C pickler does."""
    items = []
    items.extend([Calls(lambda: items.append("more")), 1])
    assert pickle.loads(cloudpickle.dumps(items)) == ["reduced", 1, "more"]


def test_list_that_shrinks():
    items = []
    items.extend([Calls(items.clear)] + list(range(5000)))
    try:
        loaded = pickle.loads(cloudpickle.dumps(items))
    except RuntimeError:
        return
    assert loaded == ["reduced"]


def test_list_that_is_replaced_by_something_shorter_each_time():
    items = list(range(3000))
    items[::100] = [Calls(lambda: items.pop()) for _ in range(30)]
    try:
        loaded = pickle.loads(cloudpickle.dumps(items))
    except RuntimeError:
        return
    assert loaded[0] == "reduced" and len(loaded) <= 3000


def test_element_that_removes_itself():
    """The walked object loses its last reference while it is walked."""
    items = [None, "after"]

    class Suicidal:
        def __reduce__(self):
            items[0] = None
            gc.collect()
            return str, ("gone",)

    items[0] = Suicidal()
    assert pickle.loads(cloudpickle.dumps(items)) == ["gone", "after"]


@not_on_pypy("live attributes")
def test_attributes_that_change():
    class Holder:
        pass

    holder = Holder()
    holder.first = Calls(lambda: vars(holder).update({f"x{len(vars(holder))}": 1}))
    holder.second = 2
    with pytest.raises(RuntimeError, match="changed size"):
        cloudpickle.dumps(holder)


def test_items_of_a_reduction_that_change():
    items = [1, 2, 3]

    class Lazy:
        def __reduce__(self):
            def walk():
                yield Calls(items.clear)
                yield from items

            return list, (), None, walk()

    # The C pickler asks for one item more before it writes the first one.
    assert pickle.loads(cloudpickle.dumps(Lazy())) in (["reduced"], ["reduced", 1])


def test_globals_that_change_while_a_function_is_walked():
    space = {"__name__": "__main__"}
    exec("def f(): return first, second", space)
    space["first"] = Calls(lambda: space.update({"third": 3, "fourth": 4}))
    space["second"] = 2
    assert pickle.loads(cloudpickle.dumps(space["f"]))() == ("reduced", 2)


def test_class_that_changes_while_it_is_walked():
    class Changing:
        last = 1

    Changing.first = Calls(lambda: setattr(Changing, "added", 1))
    try:
        loaded = pickle.loads(cloudpickle.dumps(Changing))
    except RuntimeError:
        return
    # It is at home here, so that loading leaves it alone.
    assert loaded is Changing and loaded.last == 1


def test_modules_that_change_during_a_dump():
    """`sys.modules` grows and shrinks under the lookup."""
    names = [f"mutation_{i}" for i in range(50)]

    def import_more():
        for name in names:
            sys.modules[name] = types.ModuleType(name)

    def drop():
        for name in names:
            sys.modules.pop(name, None)

    try:
        value = [Calls(import_more), lambda: 1, Calls(drop), lambda: 2]
        loaded = pickle.loads(cloudpickle.dumps(value))
    finally:
        drop()
    assert loaded[0] == "reduced" and loaded[1]() == 1 and loaded[3]() == 2


def test_dynamic_module_that_changes_while_it_is_walked():
    module = types.ModuleType("growing")
    module.first = Calls(lambda: vars(module).update({f"m{len(vars(module))}": 1}))
    module.second = 2
    try:
        loaded = pickle.loads(cloudpickle.dumps(module))
    except RuntimeError:
        return
    assert loaded.first == "reduced" and loaded.second == 2


def test_hook_that_pickles_and_loads():
    inner = []

    class Recursive:
        def __reduce__(self):
            inner.append(pickle.loads(cloudpickle.dumps([1, lambda: "inner", {"k": (2,)}])))
            return str, ("outer",)

    shared = ["shared"]
    loaded = pickle.loads(cloudpickle.dumps([shared, Recursive(), shared, Recursive()]))
    assert loaded == [["shared"], "outer", ["shared"], "outer"] and loaded[0] is loaded[2]
    assert [item[1]() for item in inner] == ["inner", "inner"]


def test_hook_that_pickles_the_same_object_again():
    depth = []

    class Again:
        def __reduce__(self):
            if len(depth) < 5:
                depth.append(0)
                assert pickle.loads(cloudpickle.dumps(top))["again"] == "done"
            return str, ("done",)

    top = {"again": Again(), "list": [1, 2]}
    assert pickle.loads(cloudpickle.dumps(top)) == {"again": "done", "list": [1, 2]}
    assert len(depth) == 5


# What follows crashes the C pickler of some versions, so each test has a process of its own.
SCRIPT = """
import io, pickle, threading
import cloudpickle
from cloudpickle import Pickler

class Calls:
    def __init__(self, action): self.action = action
    def __reduce__(self):
        self.action()
        return str, ("reduced",)

def attempt(work):
    try:
        work()
        return "done"
    except (RuntimeError, pickle.PicklingError, AssertionError) as error:
        return "refused"

file = io.BytesIO()
pickler = Pickler(file)
shared = ["s"]
"""

USABLE = """
fresh = io.BytesIO()
pickler.__init__(fresh)
pickler.dump([shared, shared])
report(usable=pickle.loads(fresh.getvalue()))
"""


def test_hook_that_dumps_on_the_same_pickler():
    """A nested dump on one pickler is refused or done, and the pickler lives on."""
    script = SCRIPT + "report(outcome=attempt(lambda: pickler.dump([Calls(lambda: pickler.dump('nested')), shared])))\n"
    result = run_script(script + USABLE)
    assert result["outcome"] in ("done", "refused") and result["usable"] == [["s"], ["s"]]


@pytest.mark.parametrize(
    "change",
    ["pickler.clear_memo()", "pickler.memo.clear()", "pickler.__init__(io.BytesIO())", "setattr(pickler, 'memo', {})"],
)
def test_hook_that_changes_its_own_pickler(change):
    script = (
        SCRIPT
        + f"report(outcome=attempt(lambda: pickler.dump([shared, Calls(lambda: {change}), (shared,), shared])))\n"
    )
    result = run_script(script + USABLE)
    assert result["outcome"] in ("done", "refused") and result["usable"] == [["s"], ["s"]]


def test_hook_that_replaces_the_dispatch_table():
    script = (
        SCRIPT
        + """
class Thing: pass
def change(): pickler.dispatch_table = {Thing: lambda thing: (str, ("by the table",))}
pickler.dump([Calls(change), shared])
report(loaded=pickle.loads(file.getvalue()))
"""
    )
    assert run_script(script)["loaded"] == ["reduced", ["s"]]


def test_one_pickler_used_by_two_threads_at_once():
    """The C pickler gives no promise here; ours may refuse, and does not crash."""
    script = (
        SCRIPT
        + """
outcomes = []
def elsewhere():
    thread = threading.Thread(target=lambda: outcomes.append(attempt(lambda: pickler.dump([1, 2]))))
    thread.start()
    thread.join()
outcomes.append(attempt(lambda: pickler.dump([Calls(elsewhere)])))
report(outcomes=outcomes)
"""
    )
    result = run_script(script + USABLE)
    assert len(result["outcomes"]) == 2 and result["usable"] == [["s"], ["s"]]


class Refused(Exception):
    """Raised by the hooks below."""


def raise_refused(*_):
    raise Refused("by the hook")


HOOKS = {
    "reduce": lambda: Calls(raise_refused),
    "getstate": lambda: type("G", (), {"__getstate__": raise_refused})(),
    "reduce_ex": lambda: type("R", (), {"__reduce_ex__": raise_refused})(),
    "getnewargs": lambda: type("N", (), {"__getnewargs__": raise_refused})(),
    "getattribute": lambda: type("A", (), {"__getattribute__": raise_refused})(),
    "captured": lambda: lambda obj=Calls(raise_refused): obj,
}


@pytest.mark.parametrize("name", HOOKS)
def test_exceptions_of_hooks_pass_unchanged(name):
    with pytest.raises(Refused, match="by the hook") as caught:
        cloudpickle.dumps([1, {"deep": [HOOKS[name]()]}])
    assert type(caught.value) is Refused
    assert pickle.loads(cloudpickle.dumps([1])) == [1]


@pytest.mark.parametrize("hook", ["persistent_id", "reducer_override"])
def test_exceptions_of_pickler_hooks_pass_unchanged(hook):
    kind = type("Raising", (Pickler,), {hook: raise_refused})
    with pytest.raises(Refused):
        kind(io.BytesIO()).dump([Calls(print)])


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, MemoryError, StopIteration, AttributeError, KeyError])
def test_exceptions_of_every_kind_pass(kind):
    def action():
        raise kind("odd")

    with pytest.raises(kind):
        cloudpickle.dumps([Calls(action)])


def test_pickler_is_usable_after_an_exception():
    file = io.BytesIO()
    pickler = Pickler(file)
    shared = ["shared"]
    with pytest.raises(Refused):
        pickler.dump([shared, Calls(raise_refused)])
    pickler.clear_memo()
    start = file.tell()
    pickler.dump([shared, lambda: 5])
    loaded = pickle.loads(file.getvalue()[start:])
    assert loaded[0] == ["shared"] and loaded[1]() == 5


def test_nothing_half_written_passes_for_a_pickle():
    """What a failed dump left in the file does not load."""
    file = io.BytesIO()
    with pytest.raises(Refused):
        cloudpickle.dump([1, 2, Calls(raise_refused)], file)
    with pytest.raises((EOFError, pickle.UnpicklingError)):
        pickle.loads(file.getvalue())


def test_threads_that_pickle_what_others_change():
    """Four threads dump while one changes: right answers or RuntimeError, and all of them end."""
    table = {i: [i] for i in range(200)}
    stop = threading.Event()
    strange = []

    def change():
        n = 1000
        while not stop.is_set():
            table[n] = [n]
            table.pop(n)

    def dump():
        for _ in range(200):
            try:
                loaded = pickle.loads(cloudpickle.dumps([table, lambda: table]))
            except RuntimeError:
                continue
            except BaseException as error:
                strange.append(error)
                return
            if loaded[0][5] != [5]:
                strange.append(loaded)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        changer = threading.Thread(target=change)
        dumpers = [threading.Thread(target=dump) for _ in range(4)]
        for thread in [changer, *dumpers]:
            thread.start()
        for thread in dumpers:
            thread.join()
        stop.set()
        changer.join()
    finally:
        sys.setswitchinterval(interval)
    assert strange == []


def test_hook_that_lets_another_thread_pickle():
    """Another thread's whole dump happens in the middle of this one."""
    results = []

    def elsewhere():
        thread = threading.Thread(target=lambda: results.append(pickle.loads(cloudpickle.dumps([1, lambda: "other"]))))
        thread.start()
        thread.join()

    shared = ["shared"]
    loaded = pickle.loads(cloudpickle.dumps([shared, Calls(elsewhere), shared]))
    assert loaded[0] is loaded[2] and loaded[1] == "reduced" and results[0][1]() == "other"


def test_function_attributes_that_change_when_they_are_read():
    """The hash of a key that is no string is user code."""

    def function():
        return 1

    class Key:
        hashed = 0

        def __hash__(self):
            Key.hashed += 1
            if Key.hashed > 1:
                function.__dict__.update({f"x{i + Key.hashed * 100}": 1 for i in range(100)})
            return 5

    function.__dict__[Key()] = 1
    function.__dict__["y"] = 2
    try:
        data = cloudpickle.dumps(function)
    except RuntimeError:
        return
    assert pickle.loads(data)() == 1
