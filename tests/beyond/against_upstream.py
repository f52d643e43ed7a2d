"""Runs the tests of this folder with upstream cloudpickle in both processes, where every one of them must fail.

    python tests/beyond/against_upstream.py [PYTEST_ARGUMENT...]

Tests with the marker `also_upstream` must pass. What does otherwise is named, and makes the exit status 1.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

from releases import fetch_release  # noqa: E402

RELEASE = "3.1.2"


def outcomes(arguments):
    """What became of each test with upstream: `failed`, `passed` or `skipped`."""
    environment = {**os.environ, "CLOUDPICKLE_TESTS_AGAINST": str(fetch_release(RELEASE))}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--quiet",
            "--tb=no",
            "-p",
            "no:cacheprovider",
            f"--junitxml={report}",
        ]
        subprocess.run([*command, str(FOLDER), *arguments], env=environment, stdout=subprocess.DEVNULL, check=False)
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            name = f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"
            expected_to_pass = any(mark.get("name") == "also_upstream" for mark in case.iter("property"))
            failed = case.find("failure") is not None or case.find("error") is not None
            yield (
                name,
                expected_to_pass,
                "failed" if failed else "skipped" if case.find("skipped") is not None else "passed",
            )


def main():
    wrong = total = 0
    for name, expected_to_pass, outcome in outcomes(sys.argv[1:]):
        total += 1
        if outcome != "skipped" and (outcome == "passed") != expected_to_pass:
            wrong += 1
            print(f"{name}: {outcome} with upstream {RELEASE}")
    print(f"beyond: {total} tests with upstream {RELEASE} in our place, {wrong} did other than expected")
    return 1 if wrong or not total else 0


if __name__ == "__main__":
    sys.exit(main())
