"""A dump that needs more memory than there is ends in a `MemoryError`, not with the process."""

import subprocess
import sys

import pytest

from implementation import FREE_THREADED, not_on_pypy

resource = pytest.importorskip("resource", reason="there are no limits on memory")

DUMPING = """
import pickle, resource, sys
import cloudpickle
def fresh(number):
    return "".join(["text", str(number)])
class File:
    def write(self, data):
        pass
texts = [fresh(number) for number in range(100_000)]
data = eval(sys.argv[1])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
for room in range(0, int(sys.argv[2]) << 20, 1 << 19):
    resource.setrlimit(resource.RLIMIT_AS, (used + room, hard))
    try:
        dumped = cloudpickle.dumps(data) if sys.argv[3] == "dumps" else cloudpickle.dump(data, File())
    except MemoryError:
        print("refused")
    dumped = None
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    assert pickle.loads(cloudpickle.dumps([1, texts[0], (texts[0],)])) == [1, texts[0], (texts[0],)]
assert pickle.loads(cloudpickle.dumps(data)) == data
"""


objects_take_memory_from_the_system = pytest.mark.skipif(
    FREE_THREADED, reason="the allocator of these builds has memory for objects at hand, which a limit does not count"
)


@not_on_pypy("room beside a limit")
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is counted from /proc")
@pytest.mark.parametrize(
    ("data", "function"),
    [
        ("[texts, texts]", "dumps"),
        ("texts + texts[::-1]", "dumps"),
        ("[[text, text] for text in texts]", "dumps"),
        pytest.param("['x' * 4_000_000, b'x' * 4_000_000]", "dumps", marks=objects_take_memory_from_the_system),
        pytest.param("['x' * 4_000_000, b'x' * 4_000_000]", "dump", marks=objects_take_memory_from_the_system),
    ],
)
def test_a_dump_that_needs_more(data, function):
    command = [sys.executable, "-c", DUMPING, data, "8", function]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "refused\n" in result.stdout


AFTER_A_LONG_ONE = """
import resource
import cloudpickle
long = ["x" * 100 for _ in range(1000)] * 140
long = [text + str(number) for number, text in enumerate(long)]
short = long[:6000]
expected = cloudpickle.dumps(short)
size = len(cloudpickle.dumps(long))
assert len(expected) * 64 > size > len(expected) * 16
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
resource.setrlimit(resource.RLIMIT_AS, (used + len(expected) * 8, hard))
for _ in range(2):
    assert cloudpickle.dumps(short) == expected
"""


@not_on_pypy("room beside a limit")
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is counted from /proc")
def test_what_a_long_pickle_needed_is_not_needed_by_the_next_one():
    """There is room for it, and none for another long one."""
    command = [sys.executable, "-c", AFTER_A_LONG_ONE]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr[-2000:]


BESIDE_NOTHING = """
import resource
import cloudpickle
# It gives up the memory that the thread keeps for its pickles.
cloudpickle.dumps([str(number) for number in range(200_000)])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
resource.setrlimit(resource.RLIMIT_AS, (used, hard))
taken = []
for size in (1 << 20, 1 << 16, 1 << 12, 1 << 10):
    try:
        while True:
            taken.append(bytearray(size))
    except MemoryError:
        pass
for _ in range(3):
    try:
        cloudpickle.dumps([1, 2])
    except MemoryError:
        pass
taken.clear()
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
assert cloudpickle.loads(cloudpickle.dumps([1, 2])) == [1, 2]
"""


@not_on_pypy("room beside a limit")
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is counted from /proc")
def test_a_short_pickle_where_there_is_no_memory_at_all():
    command = [sys.executable, "-c", BESIDE_NOTHING]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr[-2000:]
