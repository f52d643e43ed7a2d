"""Scenarios in which many threads use cloudpickle at once. Run by test_threads.py, each in a process of its own:

    python -I -X faulthandler stress.py SCENARIO

Prints a line of JSON when every check held, and ends with a traceback otherwise. What is defined here is in `__main__`,
so it travels by value. The amount of work is counted, never timed; only a process that hangs is ended by the clock.
"""

import copyreg
import enum
import faulthandler
import gc
import io
import json
import pickle
import subprocess
import sys
import threading
import types

import cloudpickle
from cloudpickle.cloudpickle import _get_or_create_tracker_id, _make_skeleton_class

THREADS = 8
# A process that takes this long hangs: it then shows what each thread is doing, and ends.
PATIENCE_SECONDS = 100

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def together(*workers):
    """Run each worker in a thread of its own, all let go at once. The first exception of any is raised here."""
    barrier = threading.Barrier(len(workers))
    failures = []

    def run(worker):
        barrier.wait()
        try:
            worker()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def while_changing(workers, change):
    """Run `workers` together; two more threads call `change(0)`, `change(1)`, ... until all workers are through."""
    running = [None] * len(workers)

    def counted(worker):
        try:
            worker()
        finally:
            running.pop()

    def changer():
        n = 0
        while running:
            change(n)
            n += 1

    together(changer, changer, *[lambda worker=worker: counted(worker) for worker in workers])


def repeated(times, work):
    def worker():
        for _ in range(times):
            work()

    return worker


REFUSED = object()


def attempt(call, kind, words):
    """What `call` returns, or REFUSED if it raises this. What else it raises passes."""
    try:
        return call()
    except kind as error:
        if words not in str(error):
            raise
        return REFUSED


def dumped_at_once(objects):
    """The pickles of each object, which all threads dump at the same moment."""
    barrier = threading.Barrier(THREADS)
    pickles = [[] for _ in objects]

    def work():
        for obj, results in zip(objects, pickles):
            barrier.wait()
            results.append(cloudpickle.dumps(obj))

    together(*[work] * THREADS)
    return pickles


# PyPy's compiled `loads` does not check the index of a GET: what is not in the memo crashes it, or is None.
checked_loads = pickle._loads if sys.implementation.name == "pypy" else pickle.loads


def again(obj):
    return pickle.loads(cloudpickle.dumps(obj))


# What is shared.


@scenario
def shared_data():
    """Many threads dump the same plain data: the bytes are always the same."""
    words = ["plain", "gr\u00fcn", "\u6f22\u5b57", "lone \udc80", "\U0001f40d" * 50]
    data = {
        "list": [[i, str(i), float(i)] for i in range(200)],
        "dict": {(i, str(i)): {i: None} for i in range(200)},
        "sets": [set(range(300)), frozenset("abc"), set()],
        "bytes": [b"x" * 100, bytearray(b"y" * 300)],
        "large": [2**100, -(2**70), True, None],
        "words": words,
    }
    data["itself"] = data
    data["shared"] = [data["list"]] * 3
    expected = cloudpickle.dumps(data)

    def work():
        assert cloudpickle.dumps(data) == expected
        loaded = pickle.loads(expected)
        assert loaded["itself"] is loaded and loaded["shared"][2] is loaded["list"] and loaded["words"] == words

    together(*[repeated(80, work)] * THREADS)


@scenario
def strings_encoded_for_the_first_time():
    """A string keeps its UTF-8 form once somebody asked for it: here many threads ask at once."""
    fresh = [[f"\u00e9\u6f22\U0001f40d{n}-{i}" for i in range(200)] for n in range(60)]
    for words, results in zip(fresh, dumped_at_once(fresh)):
        assert len(set(results)) == 1 and pickle.loads(results[0]) == words


rate = 3


class Base:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def times(self):
        return self.value * rate


class Derived(Base):
    def times(self):
        return super().times() + 1


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


def make_closures():
    count = 0

    def increment():
        nonlocal count
        count += 1
        return count

    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    return increment, lambda: count, factorial, lambda obj: isinstance(obj, Base) and obj.times()


@scenario
def shared_code():
    """Many threads dump and load the same functions and classes."""
    increment, current, factorial, check = make_closures()
    value = [increment, current, factorial, check, Derived(5), Colour.GREEN, Derived, Colour]

    def work():
        increment, current, factorial, check, derived, green, same_class, same_enum = again(value)
        assert increment() == current() == 1 and factorial(10) == 3628800
        assert check(derived) == 16 and type(derived) is same_class is Derived
        assert green is Colour.GREEN and same_enum is Colour
        assert increment.__globals__ is check.__globals__

    together(*[repeated(60, work)] * THREADS)


# Class identity.

SENDER = """
import pickle, sys, cloudpickle
from cloudpickle.cloudpickle import _get_or_create_tracker_id

def make(n):
    class Sent:
        number = n
        def get(self):
            return self.number
    return Sent

classes = [make(n) for n in range(int(sys.argv[1]))]
sent = [(cloudpickle.dumps([kind, kind()]), _get_or_create_tracker_id(kind)) for kind in classes]
pickle.dump(sent, sys.stdout.buffer)
"""


@scenario
def one_class_arrives_in_many_threads():
    """A class that many threads load at once becomes one class, with one id: that with which it came."""
    command = [sys.executable, "-I", "-c", SENDER, "150"]
    sent = pickle.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    barrier = threading.Barrier(THREADS)
    arrived = [[] for _ in sent]

    def work():
        for number, (data, id_of_sender) in enumerate(sent):
            barrier.wait()
            kind, instance = pickle.loads(data)
            # Before any other thread is waited for.
            assert _get_or_create_tracker_id(kind) == id_of_sender
            assert type(instance) is kind and instance.get() == number
            arrived[number].append(kind)

    together(*[work] * THREADS)
    assert all(len(kinds) == THREADS and len(set(kinds)) == 1 for kinds in arrived)
    assert len({kinds[0] for kinds in arrived}) == len(sent)


@scenario
def one_id_for_a_class_that_arrives():
    """Whoever gets hold of a class that is just being made known finds the id with which it came, and no other."""
    kinds = [[] for _ in range(THREADS)]

    def work(mine):
        for n in range(10_000):
            kind = _make_skeleton_class(type, f"Arriving{n}", (object,), {}, f"id{n}", None)
            assert _get_or_create_tracker_id(kind) == f"id{n}"
            mine.append(kind)

    together(*[lambda mine=mine: work(mine) for mine in kinds])
    assert all(each == kinds[0] for each in kinds)


@scenario
def one_class_leaves_from_many_threads():
    """A class that many threads dump at once gets one id."""
    kinds = [type(f"Leaving{n}", (), {"n": n}) for n in range(100)]
    for kind, results in zip(kinds, dumped_at_once(kinds)):
        assert len(results) == THREADS and len(set(results)) == 1 and pickle.loads(results[0]) is kind


@scenario
def classes_come_and_go():
    """The address of a class that died goes to another one, the id does not."""
    owners = {}

    def work():
        for n in range(300):
            name = f"Mortal_{threading.get_ident()}_{n}"
            kind = type(name, (), {"name": name})
            assert owners.setdefault(_get_or_create_tracker_id(kind), name) == name
            data = cloudpickle.dumps(kind)
            assert pickle.loads(data) is kind
            # Classes are cycles: they go when the collector finds them.
            del kind
            if n % 20 == 0:
                gc.collect()
            assert pickle.loads(data).name == name

    together(*[work] * THREADS)
    assert len(owners) == 300 * THREADS


# The registry.


@scenario
def registry():
    """Modules are registered and unregistered while their functions are dumped: each pickle is one way or the other."""
    modules = []
    for n in range(4):
        module = types.ModuleType(f"registered_{n}")
        exec("def answer(): return number", vars(module))
        module.number = n
        module.answer.__module__ = module.__name__
        sys.modules[module.__name__] = module
        modules.append(module)
    seen = set()

    def change(n):
        module = modules[n % len(modules)]
        if n // len(modules) % 2:
            cloudpickle.register_pickle_by_value(module)
        else:
            # The other thread may be quicker.
            attempt(lambda: cloudpickle.unregister_pickle_by_value(module), ValueError, "is not registered")
        assert cloudpickle.list_registry_pickle_by_value() <= {module.__name__ for module in modules}

    def work():
        for number, module in enumerate(modules):
            data = cloudpickle.dumps([module.answer, module])
            function, copy = pickle.loads(data)
            assert function() == number and copy.number == number
            seen.add(function is module.answer)

    def work_until_both_are_seen():
        repeated(150, work)()
        # On a busy machine, all of these may fall between two changes.
        for _ in range(20_000):
            if len(seen) == 2:
                break
            work()

    while_changing([work_until_both_are_seen] * THREADS, change)
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    assert pickle.loads(cloudpickle.dumps(modules[0].answer)) is not modules[0].answer
    for module in modules:
        cloudpickle.unregister_pickle_by_value(module)
    assert pickle.loads(cloudpickle.dumps(modules[0].answer)) is modules[0].answer
    assert cloudpickle.list_registry_pickle_by_value() == set()
    return {"ways": len(seen)}


# What others change.


def state_or_refusal(obj, protocol=None):
    """What `obj` was at some moment; REFUSED if the dump was because it changed."""
    dump = lambda: cloudpickle.dumps(obj, protocol=protocol)
    data = attempt(dump, RuntimeError, "changed size during iteration")
    return REFUSED if data is REFUSED else pickle.loads(data)


@scenario
def list_that_others_change():
    """A list of plain data is written as it was at one moment."""
    items = [0] * 50
    outside = [items, "a part behind it"]
    front = list(range(200))

    def change(n):
        items[:] = [n] * (50 + n % 50)
        # In front of what is always there: a walk by index would give an item twice, or pass over one.
        front.insert(0, -1)
        front.remove(-1)

    def work():
        loaded = again(outside)
        assert len(set(loaded[0])) == 1 and len(loaded[0]) == 50 + loaded[0][0] % 50 and loaded[1] == outside[1]
        loaded = again(front)
        assert [item for item in loaded if item != -1] == list(range(200)), loaded

    while_changing([repeated(400, work)] * THREADS, change)


@scenario
def dict_that_others_change():
    """A dict of plain data is written as it was at one moment: no key is missing that was there all the time."""
    table = {f"key{i}": [i] for i in range(100)}
    values = dict.fromkeys(range(60), 0)

    def change(n):
        # The dict's table is made anew now and then, which moves the others.
        first = f"key{n % 50}"
        table["moving"] = None
        table.pop("moving", None)
        table[f"more{n % 30}"] = [n]
        table.pop(f"more{(n + 15) % 30}", None)
        table[first] = table[first]
        values.update(dict.fromkeys(range(60), n))

    def work():
        loaded = state_or_refusal(table)
        if loaded is not REFUSED:
            missing = [i for i in range(100) if loaded.get(f"key{i}") != [i]]
            assert not missing, missing
        loaded = state_or_refusal(values)
        assert loaded is REFUSED or (len(loaded) == 60 and len(set(loaded.values())) == 1), loaded

    while_changing([repeated(150, work)] * THREADS, change)


@scenario
def dict_whose_keys_move():
    """Every key is taken out and put back behind the others, one after the other: at most one is missing at a time."""
    table = {i: str(i) for i in range(60)}

    def work():
        loaded = state_or_refusal(table)
        assert loaded is REFUSED or (len(loaded) >= 58 and all(loaded[i] == str(i) for i in loaded)), loaded

    # Two threads change: two keys at most.
    while_changing([repeated(600, work)] * THREADS, lambda n: table.__setitem__(n % 60, table.pop(n % 60, str(n % 60))))


@scenario
def views_that_others_change():
    """The views of a dict are written as they were at one moment."""

    table = {i: str(i) for i in range(50)}
    read_only = types.MappingProxyType(table)

    def change(n):
        table["moving"] = None
        table.pop("moving", None)
        table[50 + n % 30] = str(50 + n % 30)
        table.pop(50 + (n + 15) % 30, None)

    def work():
        for view in (table.keys(), table.items(), read_only):
            loaded = set(again(view))
            keys = {each[0] if isinstance(each, tuple) else each for each in loaded}
            assert keys >= set(range(50)), keys
        assert len(again(table.values())) >= 50

    while_changing([repeated(40, work)] * THREADS, change)


@scenario
def set_that_others_change():
    """A set of plain data is written as it was at one moment."""
    group = set(range(200))

    def change(n):
        group.add(1000 + n % 300)
        group.discard(1000 + (n + 150) % 300)

    def work():
        for protocol in (2, 4):
            loaded = state_or_refusal(group, protocol)
            if loaded is not REFUSED:
                assert loaded >= set(range(200)) and all(item >= 1000 for item in loaded - set(range(200)))

    while_changing([repeated(40, work)] * THREADS, change)


class Reduced:
    """Its reduction is Python code: other threads' changes count from then on, on any build."""

    def __init__(self, n):
        self.n = n

    def __reduce__(self):
        return Reduced, (self.n,)


@scenario
def containers_of_instances_that_others_change():
    """Where Python code runs in between, what is written is of several moments: whole items, or a refusal."""
    items = [Reduced(i) for i in range(50)]
    table = {i: Reduced(i) for i in range(50)}
    group = {Reduced(i) for i in range(50)}

    def change(n):
        items.insert(0, Reduced(n))
        del items[30:]
        table[1000 + n % 10] = Reduced(1000 + n % 10)
        table.pop(1000 + (n + 5) % 10, None)
        extra = Reduced(n)
        group.add(extra)
        group.discard(extra)

    def work():
        assert all(type(item) is Reduced for item in again(items))
        loaded = state_or_refusal(table)
        assert loaded is REFUSED or all(key == value.n for key, value in loaded.items())
        loaded = state_or_refusal(group)
        assert loaded is REFUSED or all(type(item) is Reduced for item in loaded)

    while_changing([repeated(15, work)] * THREADS, change)


known = {"a": 1}


@scenario
def code_that_others_change():
    """Attributes, globals and variables of functions and classes change while these are dumped."""

    class Changing:
        constant = 5

        def get(self):
            return self.constant

    variable = [0]

    def function():
        return variable, known

    space = function.__globals__

    def change(n):
        name = f"attribute{n % 40}"
        setattr(Changing, name, n)
        setattr(function, name, n)
        space[f"global{n % 40}"] = n
        try:
            delattr(Changing, f"attribute{(n + 20) % 40}")
        except AttributeError:
            pass
        function.__dict__.pop(f"attribute{(n + 20) % 40}", None)
        space.pop(f"global{(n + 20) % 40}", None)
        variable[:] = [n] * 20

    def work():
        loaded = state_or_refusal([Changing, Changing(), function])
        if loaded is not REFUSED:
            kind, instance, copy = loaded
            assert kind is Changing and instance.get() == 5
            values, others = copy()
            assert len(set(values)) == 1 and others == known

    while_changing([repeated(100, work)] * THREADS, change)


# Picklers and their hooks.


@scenario
def one_pickler_in_many_threads():
    """A dump is done or refused; what is in the file is the dumps that were done, one behind the other."""
    pieces = []

    class File:
        write = pieces.append

    pickler = cloudpickle.Pickler(File())
    shared = [["shared"], lambda: "code", {"x": (1, 2)}]
    done, refused = [], []
    busy = (RuntimeError, "in the middle of a dump")

    def work():
        # Python code runs in the dump: there, threads change also where there is a global lock.
        outcome = attempt(lambda: pickler.dump([shared, Reduced(7)]), *busy)
        (refused if outcome is REFUSED else done).append(outcome)
        memo = attempt(lambda: pickler.memo.copy(), *busy)
        assert memo is REFUSED or type(memo) is dict

    together(*[repeated(300, work)] * THREADS)
    unpickler = pickle.Unpickler(io.BytesIO(b"".join(pieces)))
    loaded = [unpickler.load() for _ in done]
    first = loaded[0][0]
    assert all(value is first and type(reduced) is Reduced and reduced.n == 7 for value, reduced in loaded)
    assert first[0] == ["shared"] and first[1]() == "code" and first[2] == {"x": (1, 2)}
    assert len(done) + len(refused) == 300 * THREADS
    return {"done": len(done), "refused": len(refused)}


@scenario
def one_pickler_cleared_by_others():
    """Clearing the memo between the dumps of other threads is done or refused, and each dump is right."""
    local = threading.local()

    class File:
        def write(self, data):
            local.pieces.append(bytes(data))

    pickler = cloudpickle.Pickler(File())
    shared = ["shared"]

    def work():
        local.pieces = []
        busy = (RuntimeError, "in the middle of a dump")
        attempt(pickler.clear_memo, *busy)
        if attempt(lambda: pickler.dump([shared, Reduced(7), shared]), *busy) is not REFUSED:
            # Another thread's dump may have come before it, to which it then refers.
            loaded = attempt(
                lambda: checked_loads(b"".join(local.pieces)), pickle.UnpicklingError, "Memo value not found"
            )
            assert loaded is REFUSED or (loaded[0] == ["shared"] and loaded[0] is loaded[2] and loaded[1].n == 7)

    together(*[repeated(400, work)] * THREADS)


class Token:
    def __init__(self, number):
        self.number = number


class Quantity:
    def __init__(self, number):
        self.number = number


class HookedPickler(cloudpickle.Pickler):
    def persistent_id(self, obj):
        if isinstance(obj, Token):
            assert isinstance(self.memo.copy(), dict)
            return ("token", obj.number)
        return None

    def reducer_override(self, obj):
        if type(obj) is Quantity:
            return Quantity, (obj.number + 1,)
        return super().reducer_override(obj)


class TokenUnpickler(pickle.Unpickler):
    def persistent_load(self, pid):
        return Token(pid[1])


@scenario
def hooks_that_run_python():
    """Each thread has a pickler with hooks of its own, while the tables of reducers that all share change."""
    types_of_others = [type(f"Other{i}", (), {}) for i in range(20)]
    token, quantity = Token(7), Quantity(1)

    def change(n):
        kind = types_of_others[n % 20]
        copyreg.pickle(kind, lambda obj: (str, ("by copyreg",)))
        cloudpickle.Pickler.dispatch_table[kind] = lambda obj: (str, ("by the table",))
        cloudpickle.Pickler.dispatch_table.pop(kind, None)

    def work():
        file, buffers = io.BytesIO(), []
        pickler = HookedPickler(file, protocol=5, buffer_callback=buffers.append)
        functions = [lambda: quantity.number, lambda: rate]
        pickler.dump([token, quantity, functions, pickle.PickleBuffer(b"out of band"), token])
        loaded = TokenUnpickler(io.BytesIO(file.getvalue()), buffers=buffers).load()
        assert loaded[0].number == 7 and loaded[1].number == 2 and loaded[2][0]() == 2 and loaded[2][1]() == 3
        assert bytes(loaded[3]) == b"out of band" and loaded[4].number == 7
        assert again(types_of_others[3]()) is not None

    while_changing([repeated(60, work)] * THREADS, change)


@scenario
def deep_data_and_errors():
    """Depth, refusals and exceptions of hooks in many threads: each gets its own outcome."""

    class Refusing:
        def __reduce__(self):
            raise LookupError("refused")

    deep = []
    for _ in range(5000):
        deep = [deep]

    def work():
        assert cloudpickle.dumps(deep) == expected
        assert attempt(lambda: cloudpickle.dumps([deep, {"x": Refusing()}]), LookupError, "refused") is REFUSED
        assert attempt(lambda: cloudpickle.dumps([1, threading.Lock()]), TypeError, "pickle") is REFUSED

    expected = cloudpickle.dumps(deep)
    together(*[repeated(15, work)] * THREADS)


def gil_enabled():
    return sys._is_gil_enabled() if hasattr(sys, "_is_gil_enabled") else True


def main():
    faulthandler.dump_traceback_later(PATIENCE_SECONDS, exit=True)
    # Where there is a global lock, it is passed on often.
    sys.setswitchinterval(1e-5)
    before = gil_enabled()
    counts = SCENARIOS[sys.argv[1]]() or {}
    print(json.dumps({"gil": before or gil_enabled(), **counts}))


if __name__ == "__main__":
    main()
