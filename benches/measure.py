"""One workload, checked and then timed: writing, reading, and the size of what was written."""

from __future__ import annotations

import gc
import itertools
import weakref
from typing import Any

from sides import MARSHAL, OURS, Side
from sides import C as C_PICKLE
from timing import Call, Times, always, compare
from workloads import Workload

# `pickle.loads` of what we wrote: the other end need not import this package.
PLAIN = "plain"
# How many payloads of a workload whose inputs serve once are written for reading.
FRESH_PAYLOADS = 40


class WrongResultError(Exception):
    """What came back is not what was sent, so there is nothing to time."""


def sides_for(workload: Workload, upstream: Side) -> list[Side]:
    """Those that can do what the workload asks."""
    sides = [OURS, upstream]
    if workload.c_pickle:
        sides.append(C_PICKLE)
    if workload.marshal:
        sides.append(MARSHAL)
    return sides


def check(workload: Workload, sides: list[Side], obj: Any) -> None:
    """Make sure that each side gets `obj` back, or its like; and plain `pickle` from our bytes."""
    for side in sides:
        payload = write_one(workload, side, obj)
        for reader in [side, C_PICKLE] if side is OURS else [side]:
            loaded = workload.way.read(reader)(payload)
            if not workload.same(workload.make(1)[0] if workload.fresh else obj, loaded):
                raise WrongResultError(f"{workload.name}: {reader.name} did not get back what {side.name} wrote")
            if workload.fresh:
                new = weakref.ref(loaded)
                del loaded
                gc.collect()
                if new() is not None:
                    raise WrongResultError(f"{workload.name}: what {reader.name} loaded would be known the next time")


def write_one(workload: Workload, side: Side, obj: Any) -> Any:
    """The payload of `obj` or, where each serves once, of one that is gone when this returns."""
    if workload.fresh:
        obj = workload.make(1)[0]
    payload = workload.way.write(side)(obj, *workload.way.further(side))
    del obj
    gc.collect()
    return payload


def make(workload: Workload, scale: int) -> Any:
    """The object, smaller by this factor; None where each serves once."""
    return None if workload.fresh else workload.make(max(1, workload.count // scale))


def check_small(workload: Workload, scale: int) -> None:
    """The check alone, by this package, with a smaller object."""
    check(workload, [OURS], make(workload, scale))


def measure(workload: Workload, upstream: Side, seconds: float, scale: int, fewest_rounds: int) -> dict[str, Any]:
    """Sizes, times and ratios, as they are kept in the results."""
    sides = sides_for(workload, upstream)
    way = workload.way
    check(workload, sides, make(workload, scale))
    # Not what was checked: where upstream loads a class that it has, it puts copies in the place of the attributes.
    obj = make(workload, scale)
    inputs = {side.name: workload.make if workload.fresh else always(obj) for side in sides}
    # What was made is no business of the collections that happen during the measurement.
    gc.collect()
    gc.freeze()
    writing = {side.name: Call(way.write(side), inputs[side.name], way.further(side), workload.fresh) for side in sides}
    dumps = compare(writing, seconds, fewest_rounds)

    sizes = {}
    reading = {}
    for side in sides:
        number = FRESH_PAYLOADS if workload.fresh else 1
        payloads = [writing[side.name].function(value, *way.further(side)) for value in inputs[side.name](number)]
        sizes[side.name] = way.size(payloads[0])
        reading[side.name] = Call(way.read(side), stock(payloads, workload.fresh), fresh=workload.fresh)
        if side is OURS:
            reading[PLAIN] = Call(way.read(C_PICKLE), stock(payloads, workload.fresh), fresh=workload.fresh)
    del payloads
    loads = compare(reading, seconds, fewest_rounds)
    gc.unfreeze()
    return {"size": sizes, "dumps": kept(dumps), "loads": kept(loads)}


def stock(payloads: list[Any], fresh: bool) -> Any:
    """Inputs for reading: one payload again and again, or each of them once."""
    return (lambda count: itertools.islice(payloads, count)) if fresh else always(payloads[0])


def kept(times: Times) -> dict[str, dict[str, float]]:
    """What of the times goes into the results: medians, and ratios to ours; above 1, ours is the quicker."""
    ours = OURS.name
    ratios = {name: times.ratio(name, ours) for name in times.rounds if name not in (ours, PLAIN)}
    if PLAIN in times.rounds:
        # Plain `pickle` with our bytes against plain `pickle` with theirs.
        ratios[PLAIN] = times.ratio("upstream", PLAIN)
    return {"seconds": {name: times.seconds(name) for name in times.rounds}, "ratio": ratios}
