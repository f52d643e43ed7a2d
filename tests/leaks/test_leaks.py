"""Nothing is left behind: not when all goes well, and not when a dump or a load fails half way.

References are counted by `sys.gettotalrefcount`, which only a debug build of CPython has; what Rust allocates is
counted on every build. A leak shows in every round. What happens once (a cache, a table that doubles) does not.
"""

import json
import os
import subprocess
import sys

import pytest

from implementation import not_on_pypy
from travel import TESTS

pytestmark = not_on_pypy("classes that die")

ITERATIONS = 30
# Less than one reference per iteration is no leak of the iteration, and an allocator hands out more than 8 bytes.
ALLOWED = {"references": ITERATIONS // 2, "heap": 8 * ITERATIONS}


@pytest.fixture(scope="module")
def growth(tmp_path_factory):
    command = [sys.executable, str(TESTS / "leaks" / "loop.py"), str(ITERATIONS), json.dumps(ALLOWED)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS / "interop")}
    folder = tmp_path_factory.mktemp("leaks")
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def leaks(growth, kind):
    """What grew by more than is allowed in each of its rounds, apart from the leak that is there to be found."""
    found = {name: rounds[kind] for name, rounds in growth.items() if min(rounds[kind]) > ALLOWED[kind]}
    assert len(growth) > 100
    assert found.pop("control")
    return found


def test_no_reference_is_left(growth):
    if not hasattr(sys, "gettotalrefcount"):
        pytest.skip("only a debug build of CPython counts all references")
    assert leaks(growth, "references") == {}


def test_no_memory_is_left(growth):
    if any("heap" not in rounds for rounds in growth.values()):
        pytest.skip("this C library does not tell how much of its heap is in use")
    assert leaks(growth, "heap") == {}
