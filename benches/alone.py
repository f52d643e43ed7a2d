"""One workload in a process of its own, which has as many modules loaded as the workload says, and no more.

alone.py FAMILY NAME ARGUMENTS      # ARGUMENTS: what `measure` takes besides, as JSON; prints its figures as JSON
"""

from __future__ import annotations

import json
import sys
from typing import Any

from measure import measure
from sides import load_upstream
from workloads import fill_modules, of_family


def main(family: str, name: str, effort: str) -> None:
    (workload,) = (workload for workload in of_family(family) if workload.name == name)
    upstream = load_upstream()
    workload.make(1)  # what the object itself imports counts too
    fill_modules(workload.modules)
    figures: dict[str, Any] = measure(workload, upstream, **json.loads(effort))
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
