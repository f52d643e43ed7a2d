"""What `make test` left under .cache/results/: counts, skips with their reasons, and the wire's matrix.

A suite that left no outcome counts as one failure: it crashed or never ran.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

RESULTS = Path(__file__).resolve().parents[1] / ".cache" / "results"
LINT_CHECKS = ("lint-rust", "lint-python", "lint-types", "lint-layers")


class Count(NamedTuple):
    """How many tests of a suite passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: Count) -> Count:
        return Count(*(mine + others for mine, others in zip(self, other)))

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def count(python: str, suite: str) -> Count:
    """The counts of one suite on one Python."""
    results = RESULTS / python
    if suite == "lint":
        passed = sum((results / f"{check}.passed").exists() for check in LINT_CHECKS)
        return Count(passed, len(LINT_CHECKS) - passed)
    if suite == "rust":
        return count_cargo(results / "rust.txt")
    return count_junit(results / f"{suite}.xml")


def count_cargo(report: Path) -> Count:
    """Add up the result lines of `cargo test`, one per test binary."""
    if not report.exists():
        return Count(failed=1)
    result = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.MULTILINE)
    total = Count()
    for match in result.finditer(report.read_text(encoding="utf-8")):
        total = total.plus(Count(*map(int, match.groups())))
    return total if total.passed else Count(failed=max(total.failed, 1))


def count_junit(report: Path) -> Count:
    """Add up the suites of a JUnit report. One without any test is a failure."""
    if not report.exists():
        return Count(failed=1)
    total = Count()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        tests, failures, errors, skipped = (
            int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")
        )
        total = total.plus(Count(tests - failures - errors - skipped, failures + errors, skipped))
    return total if any(total) else Count(failed=1)


def skips(python: str, suite: str) -> Iterator[str]:
    """The reason of each skipped test of a suite, one per test."""
    report = RESULTS / python / f"{suite}.xml"
    if report.exists():
        for skipped in ElementTree.parse(report).getroot().iter("skipped"):
            reason = skipped.get("message") or "no reason given"
            # Paths differ from machine to machine, and the same reason is to be seen as the same.
            yield re.sub(r"<module '([\w.]+)' from '[^']*'>", r"<module '\1'>", reason.splitlines()[0])


def wire(python: str) -> Iterator[tuple[str, str, str]]:
    """`(family, "to 3.1.2" or "from 3.1.2", "passed", "failed" or "skipped")` for each cell of the wire's matrix."""
    report = RESULTS / python / "interop.xml"
    if not report.exists():
        return
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        found = re.fullmatch(r"test_(upstream_loads_ours|we_load_upstreams)\[([\d.]+)-(.+)\]", case.get("name", ""))
        if found:
            way = "to" if found[1] == "upstream_loads_ours" else "from"
            bad = case.find("failure") is not None or case.find("error") is not None
            outcome = "failed" if bad else "skipped" if case.find("skipped") is not None else "passed"
            yield found[3], f"{way} {found[2]}", outcome


def remarks(python: str) -> Iterator[str]:
    """What tests recorded for the reader of the table, as the property `remark` of a JUnit report."""
    for report in sorted((RESULTS / python).glob("*.xml")):
        for element in ElementTree.parse(report).getroot().iter("property"):
            if element.get("name") == "remark":
                yield element.get("value", "")
