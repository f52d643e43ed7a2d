"""The clock: calls that are compared take turns, so that what disturbs the machine disturbs all of them.

A round times each call once; a ratio is the median over the rounds of the ratio within a round, which is steadier than
the ratio of two medians. The clock is that of the process: it stands while others have the processor. Garbage
collection stays on, as it is for users. The result of a call is dropped when the clock stands, unless the call is too
quick for that to matter.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from typing import Any, Callable

# A turn repeats a quick call for as long as the slowest of its round takes, within these bounds.
SHORTEST_TURN = 0.001
LONGEST_TURN = 0.04
# From here on a call is timed alone.
LONG_CALL = 0.0005
FEWEST_ROUNDS = 11
# How many inputs that serve once are made for one turn.
MOST_FRESH = 50


@dataclass
class Call:
    """A function and what it is called with: `inputs(n)` gives n inputs. `fresh`: each of them serves once."""

    function: Callable[..., Any]
    inputs: Callable[[int], Iterable[Any]]
    further: tuple[int, ...] = ()
    fresh: bool = False


def always(obj: Any) -> Callable[[int], Iterable[Any]]:
    """The same input each time."""
    return lambda count: itertools.repeat(obj, count)


@dataclass
class Times:
    """Seconds per call, by the name of the call, round by round."""

    rounds: dict[str, list[float]]

    def seconds(self, name: str) -> float:
        return median(self.rounds[name])

    def ratio(self, name: str, to: str) -> float:
        """How many times longer `name` takes than `to`."""
        return median(mine / other for mine, other in zip(self.rounds[name], self.rounds[to]))


def compare(calls: dict[str, Call], seconds: float, fewest_rounds: int = FEWEST_ROUNDS) -> Times:
    """Time the calls in turns for about so long."""
    first = {name: first_time(call) for name, call in calls.items()}
    turn = min(max(SHORTEST_TURN, *first.values()), LONGEST_TURN)
    counts = {name: max(1, round(turn / time)) for name, time in first.items()}
    for name, call in calls.items():
        if call.fresh:
            counts[name] = min(counts[name], MOST_FRESH)
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    end = perf_counter() + seconds
    done = 0
    while done < fewest_rounds or perf_counter() < end:
        for name in order:
            times[name].append(time_one(calls[name], counts[name], first[name] >= LONG_CALL))
        order.append(order.pop(0))  # nobody always comes after the same one
        done += 1
    return Times(times)


def first_time(call: Call) -> float:
    """Seconds that one call takes, roughly, after one that warmed up."""
    cold = time_one(call, 1, True)
    return cold if cold > LONGEST_TURN else time_one(call, 5, True)


def time_one(call: Call, count: int, alone: bool) -> float:
    """Seconds per call over `count` calls."""
    # Every turn starts as far from the next collection as any other.
    gc.collect()
    inputs = call.inputs(count)
    if call.fresh:
        inputs = list(inputs)
        count = len(inputs)
    if alone:
        return sum(time_alone(call, value) for value in inputs) / count
    function = call.function
    # Two loops, because unpacking arguments would cost as much as pickling None.
    if call.further:
        (protocol,) = call.further
        start = process_time()
        for value in inputs:
            function(value, protocol)
    else:
        start = process_time()
        for value in inputs:
            function(value)
    return (process_time() - start) / count


def time_alone(call: Call, value: Any) -> float:
    """Seconds of one call; its result goes when the clock stands."""
    function, further = call.function, call.further
    start = process_time()
    result = function(value, *further)
    stop = process_time()
    del result
    return stop - start
