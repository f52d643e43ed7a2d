"""Run CPython's own pickle tests against this package's pickler. README.md says what that proves.

    python tests/stdlib/run.py                       # cloudpickle, with accepted.txt
    python tests/stdlib/run.py --module pickle       # the harness itself: nothing may fail
    python tests/stdlib/run.py -k dispatch -v

Needs nothing but the interpreter and the installed package; without numpy, CPython skips two of its tests.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import importlib
import io
import sys
import time
import traceback
import unittest
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent


def main() -> int:
    arguments = parse_arguments()
    # Started from anywhere, the module must be the installed one and `suites` the neighbour of this file.
    sys.path[0] = str(HERE)
    try:
        importlib.import_module("test.pickletester")
    except ModuleNotFoundError:
        return skip_everything(arguments.junit)
    from suites import test_cases

    module = importlib.import_module(arguments.module)
    loader = unittest.TestLoader()
    if arguments.k:
        loader.testNamePatterns = [f"*{arguments.k}*"]
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in test_cases(module))

    begin = time.perf_counter()
    outcomes = run(suite, arguments.verbose)
    seconds = time.perf_counter() - begin

    accepted = [] if arguments.module == "pickle" else read_accepted(HERE / "accepted.txt")
    judge(outcomes, accepted)
    report(outcomes)
    counts = count(outcomes)
    print(
        f"stdlib: {arguments.module} {getattr(module, '__version__', '')} on Python {sys.version.split()[0]}: "
        f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped "
        f"({counts['accepted']} of the passed are accepted differences) in {seconds:.1f} s"
    )
    if arguments.junit:
        write_junit(arguments.junit, outcomes, seconds)
    return 1 if counts["failed"] else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--module", default="cloudpickle", help="the module whose Pickler and dumps are tested")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the outcomes as JUnit XML")
    parser.add_argument("-k", metavar="WORD", help="only the tests with WORD in their name")
    parser.add_argument("-v", "--verbose", action="store_true", help="show each test as it runs")
    return parser.parse_args()


@dataclass
class Outcome:
    """What became of one test: `passed`, `failed` or `skipped`, and why."""

    status: str
    detail: str = ""
    accepted: bool = False
    # Every failure of the test and of its subtests is an assertion that something was refused.
    expects_refusal: bool = False


class RecordingResult(unittest.TextTestResult):
    """A result that keeps one outcome per test; a failing subtest fails its test."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.outcomes: dict[str, Outcome] = {}

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.outcomes.setdefault(name_of(test), Outcome("passed"))

    def addFailure(self, test: unittest.TestCase, error: Any) -> None:
        super().addFailure(test, error)
        self.record_failure(test, error)

    def addError(self, test: unittest.TestCase, error: Any) -> None:
        super().addError(test, error)
        self.record_failure(test, error)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, error: Any) -> None:
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.record_failure(test, error)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self.outcomes.setdefault(name_of(test), Outcome("skipped", reason))

    def addExpectedFailure(self, test: unittest.TestCase, error: Any) -> None:
        super().addExpectedFailure(test, error)
        self.outcomes.setdefault(name_of(test), Outcome("skipped", "CPython expects this test to fail"))

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self.outcomes.setdefault(name_of(test), Outcome("failed", "CPython expects this test to fail"))

    def record_failure(self, test: unittest.TestCase, error: Any) -> None:
        """Keep the test's first failure, or the first that is not about a refusal."""
        # The second is what a test runs into that goes on to look at the exception that was not raised.
        expects_refusal = (error[0] is test.failureException and " not raised" in str(error[1])) or (
            error[0] is AttributeError and str(error[1]) == "'_AssertRaisesContext' object has no attribute 'exception'"
        )
        known = self.outcomes.get(name_of(test))
        if known is None or known.status != "failed" or (known.expects_refusal and not expects_refusal):
            detail = "".join(traceback.format_exception(*error)).rstrip()
            self.outcomes[name_of(test)] = Outcome("failed", detail, expects_refusal=expects_refusal)


def name_of(test: unittest.TestCase) -> str:
    return f"{type(test).__name__}.{test.id().rsplit('.', 1)[-1]}"


def run(suite: unittest.TestSuite, verbose: bool) -> dict[str, Outcome]:
    warnings.simplefilter("ignore")
    stream = sys.stderr if verbose else io.StringIO()
    runner = unittest.TextTestRunner(stream=stream, resultclass=RecordingResult, verbosity=2 if verbose else 0)
    with contextlib.redirect_stdout(stream):  # a failing test prints the disassembly of its pickle
        result = runner.run(suite)
    return result.outcomes


@dataclass
class Accepted:
    """A line of accepted.txt: tests that fail by design on some versions of Python."""

    pattern: str
    versions: str
    reason: str

    def covers(self, name: str) -> bool:
        return fnmatch.fnmatchcase(name, self.pattern) and covers_this_python(self.versions)


def read_accepted(path: Path) -> list[Accepted]:
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [Accepted(*(field.strip() for field in line.split("|", 2))) for line in lines if line]


def covers_this_python(versions: str) -> bool:
    """`3.9+` is that version and later ones, `3.9-3.12` a range with both its ends."""
    first, _, last = versions.rstrip("+").partition("-")
    this = sys.version_info[:2]
    return as_pair(first) <= this and (not last or this <= as_pair(last))


def as_pair(version: str) -> tuple[int, int]:
    major, minor = version.split(".")
    return int(major), int(minor)


def judge(outcomes: dict[str, Outcome], accepted: list[Accepted]) -> None:
    """Turn accepted failures into passes, and passes that are listed as failures into failures.

    Only the expectation of a refusal is accepted: a listed test that fails in any other way has failed.
    """
    for name, outcome in outcomes.items():
        entry = next((entry for entry in accepted if entry.covers(name)), None)
        if entry is None:
            continue
        if outcome.status == "failed" and outcome.expects_refusal:
            outcomes[name] = Outcome("passed", entry.reason, accepted=True)
        elif outcome.status == "passed":
            outcomes[name] = Outcome("failed", f"stale: accepted.txt lists '{entry.pattern}', and this test passes")


def report(outcomes: dict[str, Outcome]) -> None:
    for name, outcome in sorted(outcomes.items()):
        if outcome.status == "failed":
            print(f"FAILED {name}\n    " + outcome.detail.replace("\n", "\n    "))
    for name, outcome in sorted(outcomes.items()):
        if outcome.accepted:
            print(f"accepted {name}: {outcome.detail}")
    for name, outcome in sorted(outcomes.items()):
        if outcome.status == "failed":
            print(f"failed {name}: {outcome.detail.splitlines()[-1][:160]}")


def count(outcomes: dict[str, Outcome]) -> dict[str, int]:
    values = outcomes.values()
    counts = {status: sum(outcome.status == status for outcome in values) for status in ("passed", "failed", "skipped")}
    return {**counts, "accepted": sum(outcome.accepted for outcome in values)}


def write_junit(path: Path, outcomes: dict[str, Outcome], seconds: float) -> None:
    counts = count(outcomes)
    root = ElementTree.Element(
        "testsuite",
        name="stdlib",
        tests=str(len(outcomes)),
        failures=str(counts["failed"]),
        errors="0",
        skipped=str(counts["skipped"]),
        time=f"{seconds:.3f}",
    )
    for name, outcome in sorted(outcomes.items()):
        case, _, test = name.partition(".")
        element = ElementTree.SubElement(root, "testcase", classname=case, name=test)
        if outcome.status != "passed":
            tag = "failure" if outcome.status == "failed" else "skipped"
            ElementTree.SubElement(element, tag, message=outcome.detail.splitlines()[-1] if outcome.detail else "")
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def skip_everything(junit: Path | None) -> int:
    """Some distributions leave the `test` package out of their Python; that is said, and is no failure."""
    reason = "this Python comes without test.pickletester"
    print(f"stdlib: {reason}: 0 passed, 0 failed, 1 skipped")
    if junit:
        write_junit(junit, {"stdlib.pickletester": Outcome("skipped", reason)}, 0.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
