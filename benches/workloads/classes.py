"""Classes of `__main__`: those that the process has already, which loading finds, and those that are new to it."""

from __future__ import annotations

import operator
from typing import Any

from workloads import Workload, of_main, run_script


def same_new_class(mine: Any, loaded: Any) -> bool:
    """Another class that does the same."""
    return loaded is not mine and loaded.__name__ == mine.__name__ and loaded("a", 2).read(3) == mine("a", 2).read(3)


def newly_defined(name: str) -> Any:
    """A class as the script defines it, whatever was set in the one before."""
    run_script()
    return of_main(name)


def known(name: str, of: str) -> Workload:
    """Loading gives the class itself."""
    return Workload(name, lambda _: newly_defined(of), same=operator.is_, c_pickle=False)


WORKLOADS = [
    known("class", "Sensor"),
    known("subclass", "Thermometer"),
    known("dataclass", "Report"),
    known("enum", "Severity"),
    Workload(
        "new class",
        lambda count: [of_main("new_class")() for _ in range(count)],
        same=same_new_class,
        c_pickle=False,
        fresh=True,
    ),
]
