"""The benchmarks measure what they say: every workload comes back equal, and every goal is of a workload. Untimed.

Each family is checked in a process of its own, whose `__main__` has the script that the workloads are about.
"""

import subprocess
import sys

import pytest

from implementation import skip_on_pypy
from travel import PATIENCE, REPOSITORY

BENCHES = REPOSITORY / "benches"
# What is in the folder besides workloads: the table's own code, the script, and importable classes.
OTHER = {"__init__", "main_script", "importable"}
FAMILIES = sorted(path.stem for path in (BENCHES / "workloads").glob("*.py") if path.stem not in OTHER)


def run(*arguments):
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("family", FAMILIES)
def test_workloads_come_back_equal(family):
    skip_on_pypy("gc.freeze")  # what measures needs it, and there is no upstream to measure
    lines = run(BENCHES / "run.py", "--check", family).splitlines()
    assert any(line.startswith("ok: ") for line in lines)
    lacking = [line for line in lines if not line.startswith("ok: ")]
    if lacking:
        pytest.skip(f"all others passed; {'; '.join(lacking)}")


def test_goals_are_of_workloads():
    script = f"""
import sys
sys.path.insert(0, {str(BENCHES)!r})
import goals, report, workloads
known = set(workloads.catalogue())
wanted = {{goal.workload for table in goals.GOALS.values() for goal in table}} | set(goals.FLAT) | set(report.CHARTED)
assert wanted <= known, wanted - known
assert set(workloads.FAMILIES) == set({FAMILIES!r})
"""
    run("-c", script)
