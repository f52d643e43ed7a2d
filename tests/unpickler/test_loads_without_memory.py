"""A pickle that needs more memory than there is ends in a `MemoryError`, not with the process."""

import subprocess
import sys

import pytest

from implementation import FREE_THREADED, not_on_pypy

resource = pytest.importorskip("resource", reason="there are no limits on memory")

LOADING = """
import io, resource, sys
import cloudpickle
data = b"\\x80\\x05" + eval(sys.argv[1])
load = {"loads": cloudpickle.loads, "load": lambda data: cloudpickle.load(io.BytesIO(data))}[sys.argv[2]]
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (8 << 20), resource.RLIM_INFINITY))
try:
    load(data)
except MemoryError:
    print("refused")
"""


@not_on_pypy("room beside a limit")
@pytest.mark.skipif(FREE_THREADED, reason="without the global lock, loads is pickle's own")
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is counted from /proc")
@pytest.mark.parametrize(
    "program",
    [
        "b'(' + b'N' * 8_000_000",
        "b'(' * 8_000_000",
        "b'N' + b'\\x94' * 8_000_000",
        "b'(' + b'J\\0\\x10\\0\\0' * 2_000_000",
        "b'(' + b'G\\0\\0\\0\\0\\0\\0\\0\\1' * 2_000_000",
        "b'N\\x8e' + (40 << 20).to_bytes(8, 'little') + bytes(40 << 20) + b'\\xff'",
        "b'NI1\\n' + bytes(40 << 20)",
    ],
)
@pytest.mark.parametrize("load", ["loads", "load"])
def test_a_pickle_that_needs_more(program, load):
    if load == "load" and "NI1" in program:
        pytest.skip("of a file, what comes behind a doubt is not in memory yet")
    command = [sys.executable, "-c", LOADING, program, load]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.stdout == "refused\n", (result.returncode, result.stderr)


# All pieces of memory from 600 bytes on are in use but the few that are given back.
WITH_LITTLE_LEFT = """
import io, pickle, resource, sys
import cloudpickle
function = lambda a: a + len("zz")
code = cloudpickle.dumps(function)
large = pickle.dumps([b"x" * 600, b"y" * 70000, 1], 5)
pickle.loads(code)
if sys.argv[1] == "large from a file":
    cloudpickle.loads(code)
    cloudpickle.load(io.BytesIO(code))
file = io.BytesIO(large)
does = {
    "code": lambda: cloudpickle.loads(code),
    "code from a file": lambda: cloudpickle.load(io.BytesIO(code)),
    "large from a file": lambda: cloudpickle.load(file),
}[sys.argv[1]]
held = [None] * 400000
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), resource.RLIM_INFINITY))
count = 0
for size in (100000, 20000, 15000, 8000, 3000, 1500, 1000, 600):
    try:
        while True:
            held[count] = bytes(size)
            count += 1
    except MemoryError:
        pass
for _ in range(int(sys.argv[2])):
    count -= 1
    held[count] = None
try:
    does()
    outcome = "done"
except MemoryError:
    outcome = "refused"
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(outcome)
"""


@not_on_pypy("room beside a limit")
@pytest.mark.skipif(FREE_THREADED, reason="without the global lock, loads is pickle's own")
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is counted from /proc")
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the interpreter itself ends where so little memory is left")
@pytest.mark.parametrize("given_back", ["4", "8"])
@pytest.mark.parametrize("what", ["code", "code from a file", "large from a file"])
def test_the_first_load_with_little_memory(what, given_back):
    """Tables that are made at first use are done without, and types are there before."""
    command = [sys.executable, "-c", WITH_LITTLE_LEFT, what, given_back]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.stdout in ("done\n", "refused\n"), (result.returncode, result.stderr)
