"""`make bench-scaling`: time per object from a thousand to ten millions, ours and C `pickle`'s; docs/scaling.svg.

    scaling.py [LARGEST]     # no more than so many objects; the figures are kept when that is not given

Needs about 8 GB of memory. Each size is measured in a process of its own, several times with all the others between:
what slows the machine down for some seconds would bend the line for one size. The lowest of its figures counts.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from typing import Any, Callable

import chart
import report
import results
from sides import OURS
from sides import C as C_PICKLE
from timing import Call, always, compare
from workloads import instances, plain_data

COUNTS = [10**power for power in range(3, 8)]
KINDS: dict[str, Callable[[int], Any]] = {
    "ints": lambda count: list(range(1000, 1000 + count)),
    "strs": plain_data.strs,
    "dicts": lambda count: [{"number": number} for number in range(count)],
    "instances": instances.plain,
}
SECONDS = 0.5
PASSES = 3


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--alone"]:
        print(json.dumps(measure(arguments[1], int(arguments[2]))))
        return 0
    counts = [count for count in COUNTS if not arguments or count <= int(arguments[0])]
    passes = [{kind: [alone(kind, count) for count in counts] for kind in KINDS} for _ in range(PASSES)]
    figures: dict[str, Any] = {"counts": counts, "kinds": {}}
    print(f"{'ns per object':24}" + "".join(f"{count:>12,}" for count in counts))
    for kind in KINDS:
        of_sizes = list(zip(*(found[kind] for found in passes)))
        figures["kinds"][kind] = {
            side.name: [min(costs[side.name] for costs in of_size) for of_size in of_sizes] for side in (OURS, C_PICKLE)
        }
        for side, costs in figures["kinds"][kind].items():
            spread = f"   dearest / cheapest {max(costs) / min(costs):.2f}"
            print(f"{kind:12}{side:12}" + "".join(f"{cost:12.1f}" for cost in costs) + spread, flush=True)
    if not arguments:
        results.save(results.SCALING, figures)
        write_chart(figures)
        report.write_documents()
    return 0


def alone(kind: str, count: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--alone", kind, str(count)]
    figure: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return figure


def measure(kind: str, count: int) -> dict[str, float]:
    """Nanoseconds per object."""
    obj = KINDS[kind](count)
    gc.collect()
    gc.freeze()
    calls = {side.name: Call(side.dumps, always(obj), side.protocol) for side in (OURS, C_PICKLE)}
    times = compare(calls, SECONDS, fewest_rounds=3 if count < COUNTS[-1] else 2)
    return {name: times.seconds(name) / count * 1e9 for name in calls}


def write_chart(figures: dict[str, Any]) -> None:
    found = [
        chart.Line(kind, shade, side != OURS.name, list(zip(figures["counts"], costs)))
        for shade, (kind, sides) in enumerate(figures["kinds"].items())
        for side, costs in sides.items()
    ]
    title = "cloudpickle.dumps: time per object, by number of objects"
    note = f"Python {results.version_of_python()}. Dashed: C pickle. A list of so many objects of one kind."
    report.DOCUMENTS.mkdir(exist_ok=True)
    path = report.DOCUMENTS / "scaling.svg"
    path.write_text(chart.lines(title, note, "ns", found), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
