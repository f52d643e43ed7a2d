"""Add up what `make test` left under .cache/results/. Called by .ci/run.

    summary.py LOGS VERSION...

LOGS holds one file VERSION.status per Python: the exit status of `make test` and the suites it was asked for. Prints a
line per Python and the totals. A suite that left no outcome counts as one failure: it crashed or never ran.
"""

from __future__ import annotations

import re
import sys
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


def main() -> int:
    logs, *versions = sys.argv[1:]
    total = Count()
    for version in versions:
        status, *suites = Path(logs, f"{version}.status").read_text(encoding="utf-8").split()
        counts = {suite: count(RESULTS / version, suite) for suite in suites}
        if status != "0" and not any(each.failed for each in counts.values()):
            counts[f"make (exit status {status})"] = Count(failed=1)
        for each in counts.values():
            total = total.plus(each)
        verdict = "FAILED" if any(each.failed for each in counts.values()) else "ok"
        print(f"Python {version} {verdict}: " + "; ".join(f"{suite} {each}" for suite, each in counts.items()))
    print(total)
    return 1 if total.failed or not total.passed else 0


def count(results: Path, suite: str) -> Count:
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
    if not report.exists():
        return Count(failed=1)
    total = Count()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        tests, failures, errors, skipped = (
            int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")
        )
        total = total.plus(Count(tests - failures - errors - skipped, failures + errors, skipped))
    return total


if __name__ == "__main__":
    sys.exit(main())
