"""Many threads at once, with and without the global lock: no crash, no deadlock, no wrong result.

Each scenario of stress.py runs in a process of its own: a crash or a hang fails a test and does not end them all.
"""

import ast
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from travel import run_script

STRESS = Path(__file__).with_name("stress.py")
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def scenarios():
    tree = ast.parse(STRESS.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [node.name for node in functions if any(getattr(d, "id", None) == "scenario" for d in node.decorator_list)]


def run_scenario(name):
    """What the scenario counted. A crash, a hang or a failing check in it fails the calling test."""
    done = subprocess.run(
        [sys.executable, "-I", "-X", "faulthandler", str(STRESS), name],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout[-1000:]}\n{done.stderr[-6000:]}"
    return json.loads(done.stdout)


def test_scenarios_are_found():
    assert len(scenarios()) >= 15


@pytest.mark.parametrize("name", scenarios())
def test_scenario(name):
    result = run_scenario(name)
    # On a build that can do without the global lock, it was off all the time.
    assert result["gil"] is not FREE_THREADED


def test_import_leaves_the_global_lock_as_it_is():
    """An extension that does not declare that it can do without switches the lock on, with a warning."""
    result = run_script(
        """
        import sys, warnings
        warnings.simplefilter("error")
        enabled = getattr(sys, "_is_gil_enabled", lambda: True)
        before = enabled()
        import cloudpickle
        report(before=before, after=enabled())
        """
    )
    assert result["before"] == result["after"] == (not FREE_THREADED)


@pytest.mark.skipif(not FREE_THREADED, reason="this build of Python has a global lock")
def test_these_tests_run_without_the_global_lock():
    """So that what the other folders prove, they prove without it."""
    assert not sys._is_gil_enabled()


def test_registered_ways_are_both_seen():
    """The scenario would prove nothing if no change ever fell between two dumps."""
    assert run_scenario("registry")["ways"] == 2
