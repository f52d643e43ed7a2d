"""`make bench`: every workload, ours against upstream and C `pickle`, timed in turns in one process.

run.py                                  # everything; keeps the figures and rewrites docs/benchmarks.*
run.py --only lambda,strs --quick       # what has this in its name or is of this family; prints only
run.py --check functions                # no time: small objects, loaded back equal or not
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import report
import results
from import_time import measure_import
from measure import WrongResultError, check_small, measure
from sides import REPOSITORY, load_upstream
from timing import FEWEST_ROUNDS
from workloads import FAMILIES, Workload, catalogue, of_family

SECONDS = 0.45
QUICK_SECONDS = 0.06
# With --quick and --check, objects are smaller by these factors.
QUICK_SCALE = 10
CHECK_SCALE = 100
IMPORTS = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="WORDS", default="", help="workloads and families, separated by commas")
    parser.add_argument("--quick", action="store_true", help="smaller objects and fewer rounds: a first impression")
    parser.add_argument("--check", metavar="FAMILY", choices=FAMILIES, help="check the workloads of a family, untimed")
    options = parser.parse_args()
    if sys.implementation.name != "cpython":
        raise SystemExit("upstream cannot be imported here, so there is nothing to compare with: use CPython")
    if options.check:
        return check_family(options.check)
    return run(options.only, options.quick)


def check_family(family: str) -> int:
    """One line per workload: `ok`, `lacks` what it needs, or `FAILED`."""
    failed = 0
    for workload in of_family(family):
        lacking = workload.lacks()
        try:
            if not lacking:
                check_small(workload, CHECK_SCALE)
            print(f"lacks {' '.join(lacking)}: {workload.name}" if lacking else f"ok: {workload.name}")
        except WrongResultError as error:
            failed += 1
            print(f"FAILED: {error}")
    return 1 if failed else 0


def run(only: str, quick: bool) -> int:
    """Measure what is asked for. The report's status is for people: a missed goal is no failure of the run."""
    words = [word.strip().lower() for word in only.split(",") if word.strip()]
    chosen = {
        name: entry
        for name, entry in catalogue().items()
        if not words or any(word in name.lower() or word == entry[0] for word in words)
    }
    if not chosen and "import" not in words:
        print(f"no workload has any of {words} in its name", file=sys.stderr)
        return 2
    upstream = load_upstream()
    figures: dict[str, Any] = {"workloads": {}, "lacking": {}}
    print(report.heading())
    for name, (family, workload) in chosen.items():
        lacking = workload.lacks()
        if lacking:
            figures["lacking"][name] = lacking
            print(f"{name:40} left out: no {' and no '.join(lacking)}")
            continue
        arguments = effort(quick, workload)
        if workload.modules:
            figure = measure_alone(family, name, arguments)
        else:
            figure = measure(workload, upstream, **arguments)
        figures["workloads"][name] = {"family": family, **figure}
        print(report.line(name, figure), flush=True)
    if not words or "import" in words:
        figures["import"] = measure_import(5 if quick else IMPORTS)
        print(report.import_line(figures["import"]))
    print()
    print(report.verdict(figures))
    if not words and not quick:
        print(f"\nkept in {results.save(results.TIMES, figures).relative_to(REPOSITORY)}")
        report.write_documents()
    return 0


def effort(quick: bool, workload: Workload) -> dict[str, Any]:
    """How much is done for a workload, as arguments of `measure`."""
    if not quick:
        return {"seconds": SECONDS, "scale": 1, "fewest_rounds": FEWEST_ROUNDS}
    scale = QUICK_SCALE if workload.count > 1000 else 1
    return {"seconds": QUICK_SECONDS, "scale": scale, "fewest_rounds": FEWEST_ROUNDS}


def measure_alone(family: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """In a process of its own, for what is to be loaded there and nowhere else."""
    script = Path(__file__).with_name("alone.py")
    command = [sys.executable, str(script), family, name, json.dumps(arguments)]
    figure: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return figure


if __name__ == "__main__":
    sys.exit(main())
