"""Runs the suites on the interpreters and prints one table. Called by `make test-all` and by .ci/run.

    test_matrix.py all       # every suite on every interpreter it is for; README's support table must say the same
    test_matrix.py ci        # what fits the time of continuous integration
    test_matrix.py support   # print README's support table

Each interpreter gets one `make test` with its suites. Two run at a time: they spend much of their time waiting for
processes. The last line is "N passed, N failed, N skipped"; the exit status is 0 when nothing failed, and with `all`
when README's table says what was tested.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import outcomes
from interpreters import INTERPRETERS, Interpreter
from outcomes import Count

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / ".cache" / "logs"
LANES = 2
# An interpreter that takes longer than this hangs.
TIME_LIMIT_SECONDS = {"all": 7200, "ci": 1800}
# How much of the log of an interpreter with failures is printed.
LOG_LINES = 250

NAMES = tuple(interpreter.name for interpreter in INTERPRETERS)
CPYTHON = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
EVERY_CPYTHON = (*CPYTHON, "3.13t")
EVERY = (*EVERY_CPYTHON, "pypy3.11")
MAIN = "3.11"
# Tests of files and processes, for which it does not matter which interpreter runs: a tenth of an interpreter's time.
OF_FILES = "tests/vendored"
# They begin first, so that the lanes end at about the same time: all suites, and packages that have to be compiled.
LONGEST = (MAIN, "pypy3.11")
# Those for which the frameworks and what they need have wheels.
WITH_FRAMEWORKS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
# An environment of Ray or PySpark takes half a gigabyte: the oldest, the main and the newest that both support.
WITH_HEAVY_FRAMEWORKS = ("3.9", MAIN, "3.13")


@dataclass(frozen=True)
class Suite:
    """One `make test-NAME`: what its column is called, and on which interpreters it runs."""

    name: str
    title: str
    everywhere: tuple[str, ...]
    in_ci: tuple[str, ...]


SUITES = (
    Suite("rust", "Rust", (MAIN,), (MAIN,)),
    Suite("lint", "lint", (MAIN,), (MAIN,)),
    Suite("package", "own tests", EVERY, EVERY),
    # PyPy comes without test.pickletester.
    Suite("stdlib", "CPython's", EVERY_CPYTHON, EVERY_CPYTHON),
    Suite("upstream", "upstream's", EVERY, EVERY),
    # No release of upstream can be imported on PyPy.
    Suite("interop", "wire", EVERY_CPYTHON, EVERY_CPYTHON),
    Suite("frameworks", "workers of dask, joblib, loky", WITH_FRAMEWORKS, (MAIN,)),
    Suite("downstream", "tests of dask, joblib, loky", WITH_FRAMEWORKS, (MAIN,)),
    Suite("ray", "Ray", WITH_HEAVY_FRAMEWORKS, ()),
    Suite("pyspark", "PySpark", WITH_HEAVY_FRAMEWORKS, ()),
    Suite("notebooks", "notebooks", ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14"), (MAIN,)),
    Suite("packaging", "packaging", CPYTHON, (MAIN,)),
    Suite("leaks", "leaks", ("3.14d",), ("3.14d",)),
)


def chosen(mode: str, python: str) -> list[Suite]:
    """The suites that run on one interpreter."""
    return [suite for suite in SUITES if python in (suite.everywhere if mode == "all" else suite.in_ci)]


def main() -> int:
    mode = sys.argv[1] if len(sys.argv) == 2 else ""
    if mode == "support":
        print(support_table({(python, suite) for suite in SUITES for python in suite.everywhere}))
        return 0
    if mode not in TIME_LIMIT_SECONDS:
        print(__doc__, file=sys.stderr)
        return 2
    wanted = [interpreter for interpreter in INTERPRETERS if chosen(mode, interpreter.name)]
    found = {interpreter.name: path for interpreter in wanted if (path := interpreter.find())}
    LOGS.mkdir(parents=True, exist_ok=True)
    order = sorted(found, key=lambda name: name not in LONGEST)
    with ThreadPoolExecutor(LANES) as lanes:
        statuses = dict(zip(order, lanes.map(lambda name: run(mode, name, found[name]), order)))
    return report(mode, wanted, statuses)


PRINTING = threading.Lock()


def run(mode: str, python: str, path: Path) -> int:
    """Runs `make test` on one interpreter; says when it begins and ends, and how it failed."""
    suites = " ".join(suite.name for suite in chosen(mode, python))
    log = LOGS / f"{python}.txt"
    begin = time.perf_counter()
    for suite in chosen(mode, python):
        for stale in (outcomes.RESULTS / python).glob(f"{suite.name}*"):
            stale.unlink()
    # What a calling `make` was told is not for this one.
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    make = ["make", "--no-print-directory", "--keep-going", "test", f"PYTHON={path}", f"SUITES={suites}"]
    without = OF_FILES if mode == "ci" and python != MAIN else None
    if without:
        # Not `--ignore`, which pytest does not heed for a folder that `testpaths` names.
        make.append(f"PYTEST_ARGS=--deselect={without}")
    with PRINTING:
        print(f"begins: {python}: {suites}" + (f", without {without}" if without else ""), flush=True)
    with log.open("wb") as output:
        # A session of its own, so that what `make` started can be ended with it.
        process = subprocess.Popen(
            make,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(TIME_LIMIT_SECONDS[mode])
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = -1
    with PRINTING:
        if status != 0:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            print("\n".join([f"==== {python}: the end of {log.relative_to(ROOT)}", *lines[-LOG_LINES:]]))
        print(f"ends: {python}: exit status {status} after {time.perf_counter() - begin:.0f} s", flush=True)
    return status


def report(mode: str, wanted: list[Interpreter], statuses: dict[str, int]) -> int:
    """Prints the table, the skips with their reasons, the wire's matrix and a line per interpreter."""
    counts = {
        (interpreter.name, suite.name): outcomes.count(interpreter.name, suite.name)
        for interpreter in wanted
        if interpreter.name in statuses
        for suite in chosen(mode, interpreter.name)
    }
    ran = [interpreter for interpreter in wanted if interpreter.name in statuses]
    missing = [interpreter for interpreter in wanted if interpreter.name not in statuses]

    print("\nSkipped, and why:\n")
    print_skips(counts)
    print("\nThe wire: on how many interpreters each family arrived.")
    print("`to`: our pickle, loaded by that release of upstream; `from`: the reverse.\n")
    print_wire([interpreter.name for interpreter in ran])
    remarks = [(interpreter.name, remark) for interpreter in ran for remark in outcomes.remarks(interpreter.name)]
    if remarks:
        print("\nWhat workers imported:\n")
        for python, remark in remarks:
            print(f"  {python:9} {remark}")
    print("\npassed/failed/skipped\n")
    print_table(mode, ran, counts)
    for interpreter in missing:
        print(f"\n{interpreter.title}: not on this machine, so not tested")

    print()
    total = Count()
    for interpreter in ran:
        of_this = {suite: count for (python, suite), count in counts.items() if python == interpreter.name}
        if statuses[interpreter.name] != 0 and not any(count.failed for count in of_this.values()):
            of_this[f"make (exit status {statuses[interpreter.name]})"] = Count(failed=1)
        verdict = "FAILED" if any(count.failed for count in of_this.values()) else "ok"
        each = "; ".join(f"{suite} {count}" for suite, count in of_this.items())
        print(f"Python {interpreter.name} {verdict}: {each}")
        for count in of_this.values():
            total = total.plus(count)
    if mode == "all" and not readme_says(support_table(tested(counts))):
        total = total.plus(Count(failed=1))
    print(total)
    return 1 if total.failed or not total.passed else 0


def print_table(mode: str, ran: list[Interpreter], counts: dict[tuple[str, str], Count]) -> None:
    suites = [suite for suite in SUITES if any(name == suite.name for _, name in counts)]
    rows = [["", *(suite.title for suite in suites)]]
    for interpreter in ran:
        found = (counts.get((interpreter.name, suite.name)) for suite in suites)
        rows.append([interpreter.title, *("/".join(map(str, count)) if count else "" for count in found)])
    print_columns(rows)


def print_skips(counts: Iterable[tuple[str, str]]) -> None:
    where: defaultdict[str, defaultdict[str, defaultdict[str, int]]]
    where = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for python, suite in counts:
        for reason in outcomes.skips(python, suite):
            where[suite][reason][python] += 1
    for suite, reasons in where.items():
        print(f"  {suite}")
        for reason, pythons in sorted(reasons.items()):
            print(f"    {reason}\n        " + ", ".join(f"{python}: {number}" for python, number in pythons.items()))


def print_wire(pythons: list[str]) -> None:
    """A row per family, a column per release and way: on how many interpreters it arrived."""
    cells: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    ways: dict[str, None] = {}
    for python in pythons:
        for family, way, outcome in outcomes.wire(python):
            cells[family][way].append(outcome)
            ways[way] = None

    def cell(found: list[str]) -> str:
        counts = {outcome: found.count(outcome) for outcome in ("passed", "failed", "skipped")}
        text = f"{counts['passed']} of {len(found)}"
        return text + (f" {counts['failed']} FAILED" if counts["failed"] else "") + ("*" if counts["skipped"] else "")

    columns = sorted(ways, key=lambda way: (way.split()[1], way), reverse=True)
    print_columns([["", *columns], *([family, *(cell(cells[family][way]) for way in columns)] for family in cells)])
    print("  * on the others upstream's own pickle does not arrive either, as the skips above say")


def print_columns(rows: list[list[str]]) -> None:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join(f"{text:{width}}" for text, width in zip(row, widths)).rstrip())


# README's support table


def tested(counts: dict[tuple[str, str], Count]) -> set[tuple[str, Suite]]:
    """What ran and passed."""
    return {
        (python, suite)
        for suite in SUITES
        for python in NAMES
        if (count := counts.get((python, suite.name))) and count.passed and not count.failed
    }


def support_table(passed: set[tuple[str, Suite]]) -> str:
    """The table in Markdown: a row per interpreter, a column per suite that depends on it."""
    suites = [suite for suite in SUITES if suite.everywhere != (MAIN,) or suite.name not in ("rust", "lint")]
    lines = ["| | " + " | ".join(suite.title for suite in suites) + " |", "| --- |" + " :-: |" * len(suites)]
    for interpreter in INTERPRETERS:
        marks = ("✓" if (interpreter.name, suite) in passed else "" for suite in suites)
        lines.append(f"| {interpreter.title} | " + " | ".join(marks) + " |")
    return "\n".join(lines)


def readme_says(table: str) -> bool:
    """Whether README has this table; prints the right one if it has not."""
    if table in (ROOT / "README.md").read_text(encoding="utf-8"):
        return True
    print(f"README.md claims other than what was tested. This was:\n\n{table}\n")
    return False


if __name__ == "__main__":
    sys.exit(main())
