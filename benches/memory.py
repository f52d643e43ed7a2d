"""`make bench-memory`: what a process takes at most while it pickles, beyond what it had before.

    memory.py [WORDS]        # workloads and families, separated by commas; all of them, and the figures are kept

Each workload is made in a process of its own, and each call runs in a fork of that: every side starts from the same
memory. The kernel's high-water mark is reset before the call, so only Linux can do this.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import report
import results
from measure import sides_for
from sides import MARSHAL, OURS, Side, load_upstream
from sides import C as C_PICKLE
from ways import Dumps, File
from workloads import Workload, catalogue, of_family

GIGABYTE = "1 GB of arrays"
# The objects with which each side is run once before it counts.
WARM_UP = 20


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--alone"]:
        family, name = arguments[1:]
        print(json.dumps(gigabyte() if name == GIGABYTE else of_workload(family, name)))
        return 0
    words = [word.strip().lower() for word in ",".join(arguments).split(",") if word.strip()]
    figures: dict[str, Any] = {"workloads": {}}
    print(f"{'kB at most':40}" + "".join(f"{side:>10}" for side in ("ours", "upstream", "C") * 2))
    for name, (family, workload) in catalogue().items():
        if (words and not any(word in name.lower() or word == family for word in words)) or workload.lacks():
            continue
        figure = alone(family, name)
        figures["workloads"][name] = figure
        cells = [str(figure[call].get(side, 0) // 1024) for call in figure for side in ("ours", "upstream", "c")]
        mark = "" if report.memory_fits(figure) else "  more than C pickle"
        print(f"{name:40}" + "".join(f"{cell:>10}" for cell in cells) + mark, flush=True)
    if not words:
        figures["gigabyte"] = alone("arrays", GIGABYTE)
        print(GIGABYTE, {side: f"{added / 2**20:.1f} MB" for side, added in figures["gigabyte"].items()})
        results.save(results.MEMORY, figures)
        report.write_documents()
    return 0


def alone(family: str, name: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--alone", family, name]
    figure: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return figure


def of_workload(family: str, name: str) -> dict[str, dict[str, int]]:
    """Bytes at most, by call and side."""
    (workload,) = (workload for workload in of_family(family) if workload.name == name)
    sides = [side for side in sides_for(workload, load_upstream()) if side is not MARSHAL]
    few, obj = one_of(workload, min(WARM_UP, workload.count)), one_of(workload, workload.count)
    return {
        call: {
            side.name: in_fork(operation, few, obj) for side in sides for operation in operations(call, workload, side)
        }
        for call in ("dumps", "dump")
    }


def one_of(workload: Workload, count: int) -> Any:
    return workload.make(1)[0] if workload.fresh else workload.make(count)


def operations(call: str, workload: Workload, side: Side) -> Iterator[Callable[[Any], Any]]:
    """What is run for this call: nothing, where the workload is about another one."""
    to_file = isinstance(workload.way, File)
    if call == "dumps":
        way = Dumps() if to_file else workload.way
        write, further = way.write(side), way.further(side)
        yield lambda obj: write(obj, *further)
    elif to_file or type(workload.way) is Dumps:
        yield lambda obj: dump_to_nowhere(side, obj)


def dump_to_nowhere(side: Side, obj: Any) -> None:
    with open(os.devnull, "wb") as file:
        side.dump(obj, file, *side.protocol)


def gigabyte() -> dict[str, int]:
    """What `dump` of ten arrays of 100 MB adds."""
    import numpy

    arrays = [numpy.ones(12_500_000) for _ in range(10)]
    few = [numpy.ones(100) for _ in range(10)]

    def writer(side: Side) -> Callable[[Any], None]:
        return lambda obj: dump_to_nowhere(side, obj)

    return {side.name: in_fork(writer(side), few, arrays) for side in (OURS, load_upstream(), C_PICKLE)}


def in_fork(operation: Callable[[Any], Any], few: Any, obj: Any) -> int:
    """Bytes that the operation takes at most with `obj`, in a copy of this process that did it with `few` before."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        operation(few)
        give_back()
        before = reset_peak()
        result = operation(obj)
        added = status("VmHWM") - before
        del result
        os.write(sending, str(added).encode())
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving) as answer:
        text = answer.read()
    _, state = os.waitpid(child, 0)
    if state != 0 or not text:
        raise SystemExit(f"memory: a process ended with status {state}")
    return int(text)


def give_back() -> None:
    """Return free memory to the system: what is filled again would not be seen as taken."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def reset_peak() -> int:
    """Let the high-water mark be what is resident now, and say how much that is."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return status("VmHWM")


def status(field: str) -> int:
    """A figure of this process, in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"memory: the system does not tell {field}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
