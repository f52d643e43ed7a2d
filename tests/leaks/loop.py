"""Dumps and loads one family of objects over and over, and reports what each round left behind. Run by test_leaks.py.

    PYTHONPATH=tests/interop python loop.py ITERATIONS ALLOWED      # prints a JSON object; ALLOWED is one too

For each family of the wire (tests/interop/families.py) an iteration makes the object anew, classes and functions
included, and follows one of the ways that a dump or a load can take: to its end, or to an error half way.
"""

import ctypes
import gc
import io
import json
import os
import pickle
import re
import sys

from families import FAMILIES

import cloudpickle
from cloudpickle import _native

ITERATIONS = int(sys.argv[1])
# By how much what is no leak may grow in a round, by kind.
ALLOWED = json.loads(sys.argv[2])
ROUNDS = 6
# Python itself takes as long to settle when a class is made over and over: `typing` alone keeps what it was asked for
# the last 128 times, and the table of interned strings grows. This package remembers code and names at a fixed number
# of places, which are to be taken, all of them, before anything is counted: `settle`.
SETTLING = 400
# How often what grew in each of its rounds is measured once more. The places are taken by address, and so by and by.
PATIENCE = 12


class HalfWay(Exception):
    """What ends a dump or a load before its end."""


class Refusing:
    """Cannot be pickled: what follows an object that can."""

    def __reduce__(self):
        raise HalfWay


class Full:
    """A file that takes only some bytes."""

    def __init__(self, room):
        self.room = room

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise HalfWay


class Picky(cloudpickle.Pickler):
    """A pickler with both hooks, which gives up at the object's last part."""

    def persistent_id(self, obj):
        if isinstance(obj, Refusing):
            raise HalfWay
        return None

    def reducer_override(self, obj):
        return super().reducer_override(obj)


def make(name):
    """The object of a family, in a namespace of its own that counts as `__main__`."""
    source, expression, _, _ = FAMILIES[name]
    namespace = {"__name__": "__main__"}
    exec(source, namespace)
    return eval(expression, namespace)


def settle(name):
    """Takes places: one that is for good is taken when code is written for the second time."""
    obj = make(name)
    pickle.loads(cloudpickle.dumps([obj, cloudpickle.dumps(obj)]))


def there_and_back(name):
    pickle.loads(cloudpickle.dumps(make(name)))


def there_and_back_here(name):
    """Loaded by this package's own `loads`, and what that hands over to `pickle` too."""
    data = cloudpickle.dumps(make(name))
    cloudpickle.loads(data)
    # LONG, which is not written any more, in front of STOP.
    cloudpickle.loads(data[:-1] + b"L5L\n0.")


def loaded_twice(name):
    """Both times its classes are known."""
    data = cloudpickle.dumps(make(name))
    pickle.loads(data), pickle.loads(data)


def arrived_from_elsewhere(name):
    """Classes have ids that nobody here knows, and are made."""
    data = cloudpickle.dumps(make(name))
    pickle.loads(re.sub(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", lambda _: os.urandom(16).hex().encode(), data))


def with_an_older_protocol(name):
    try:
        data = cloudpickle.dumps(make(name), protocol=2)
    except pickle.PicklingError:
        return  # buffers need protocol 5
    pickle.loads(data)


def refused_at_its_end(name):
    try:
        cloudpickle.dumps([make(name), Refusing()])
    except HalfWay:
        return
    raise AssertionError("nothing was refused")


def refused_by_a_hook(name):
    pickler = Picky(io.BytesIO())
    obj = make(name)
    pickler.dump(obj)
    try:
        pickler.dump([obj, Refusing()])
    except HalfWay:
        return
    raise AssertionError("nothing was refused")


def written_to_a_full_disk(name):
    obj = make(name)
    try:
        cloudpickle.dump(obj, Full(len(cloudpickle.dumps(obj)) // 2))
    except HalfWay:
        return
    raise AssertionError("the disk was not full")


def loaded_from_a_part(name):
    data = cloudpickle.dumps(make(name))
    for loads in (pickle.loads, cloudpickle.loads):
        for part in (1, 2, 3):
            try:
                loads(data[: len(data) * part // 4])
            except Exception:
                continue
            raise AssertionError("a part was taken for the whole")


WAYS = (
    there_and_back,
    there_and_back_here,
    loaded_twice,
    arrived_from_elsewhere,
    with_an_older_protocol,
    refused_at_its_end,
    refused_by_a_hook,
    written_to_a_full_disk,
    loaded_from_a_part,
)


KEPT = []


def kept_for_ever(name):
    """A leak, to see that one shows: of a reference, and of memory from the C library."""
    KEPT.append(bytearray(1000))


def heap_in_use():
    """The bytes that the C library's heap has handed out: Rust's memory. None where the C library does not tell."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        return None

    class Information(ctypes.Structure):
        _fields_ = [
            (name, ctypes.c_size_t)
            for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
        ]

    mallinfo2.restype = Information
    information = mallinfo2()
    return information.uordblks + information.hblkhd


def measure():
    # Twice: finalisers may free what the first one made reachable.
    gc.collect(), gc.collect()
    # The cache of attributes looked up in classes holds references to their names.
    getattr(sys, "_clear_internal_caches", sys._clear_type_cache)()
    # The ids of dead classes are dropped by and by; here all at once.
    _native._count_tracked_classes()
    references = sys.gettotalrefcount() if hasattr(sys, "gettotalrefcount") else None
    return {"references": references, "heap": heap_in_use()}


def growth(way, name):
    """By how much references and heap grew in each round, after one that fills the caches."""
    marks = []
    for _ in range(1 + ROUNDS):
        for _ in range(ITERATIONS):
            way(name)
        marks.append(measure())
    return {
        kind: [after[kind] - before[kind] for before, after in zip(marks, marks[1:])]
        for kind in marks[0]
        if marks[0][kind] is not None
    }


def lasting_growth(way, name):
    """The growth when it has had time to end: where Python makes classes, its own tables grow for a while."""
    for _ in range(PATIENCE):
        found = growth(way, name)
        if all(min(rounds) <= ALLOWED[kind] for kind, rounds in found.items()):
            break
    return found


def main():
    found = {"control": lasting_growth(kept_for_ever, "")}
    for name in FAMILIES:
        for _ in range(SETTLING):
            settle(name)
        for way in WAYS:
            found[f"{name}, {way.__name__}"] = lasting_growth(way, name)
    print(json.dumps(found))


main()
