"""The harness of the tests that say "this travels": a driver process pickles, a separate worker process loads and runs.

Both are real processes whose `__main__` is their own. They are started isolated (`-I`) in an empty folder, so the
worker can import cloudpickle, and nothing of the driver's script or of these tests.
"""

import functools
import itertools
import json
import os
import pickle
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import cloudpickle
from peer import read_message, write_message

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parent

# A folder whose cloudpickle the peers import in place of the installed one: tests/beyond/against_upstream.py.
AGAINST = [folder for folder in [os.environ.get("CLOUDPICKLE_TESTS_AGAINST")] if folder]

# Only a guard against a hang; no test measures time.
PATIENCE = 120

# The peer takes its own code from the tests' folder, then forgets that folder.
_BOOT = """
import sys
sys.path.insert(0, {tests!r})
import peer
del sys.path[0]
sys.path[:0] = {extra!r}
del sys
peer.{begin}()
"""


def _start(begin, python, extra=(), **streams):
    """A process, isolated, that does what the function `begin` of peer.py says."""
    boot = _BOOT.format(tests=str(TESTS), extra=extra, begin=begin)
    return subprocess.Popen([python, "-I", "-c", boot], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **streams)


class _Forker:
    """A process that forks peers: each takes 3 ms in place of the 45 in which Python starts."""

    def __init__(self, python):
        self._process = _start("fork_peers", python)

    def ask(self, *request):
        write_message(self._process.stdin, request)
        answer = read_message(self._process.stdout)
        # Whoever went on would wait for a peer that nobody forks.
        assert answer is not None, "the process that forks peers has ended"
        return answer


@functools.lru_cache(maxsize=None)
def _forkers(python):
    """Two take turns, so that the two ends of a journey have different hash seeds and addresses."""
    return itertools.cycle([_Forker(python), _Forker(python)])


class _Forked:
    """A forked peer, with what is used here of the interface of `subprocess.Popen`."""

    def __init__(self, python, extra, folder):
        self._forker = next(_forkers(python))
        with tempfile.TemporaryDirectory() as pipes:
            streams = [os.path.join(pipes, name) for name in ("stdin", "stdout", "stderr")]
            for stream in streams:
                os.mkfifo(stream)
            self._pid = self._forker.ask("fork", folder, streams, extra)
            self.stdin, self.stdout, self.stderr = map(open, streams, ("wb", "rb", "rb"))

    @functools.cached_property
    def _status(self):
        return self._forker.ask("wait", self._pid)

    def wait(self, _patience):
        return self._status


class RemoteError(Exception):
    """What was asked of a peer raised there: `kind` and `message` are the exception's type name and text."""

    def __init__(self, kind, message, report):
        super().__init__(f"{kind}: {message}\n{report}")
        self.kind = kind
        self.message = message


class Peer:
    """A separate Python process with a `__main__` of its own. `path` is put in front of its `sys.path`.

    With `own_seed` its hash seed is its own too, and not that of every second peer.
    """

    def __init__(self, path=(), python=sys.executable, own_seed=False):
        extra = [str(folder) for folder in [*path, *AGAINST]]
        self._folder = tempfile.TemporaryDirectory()
        if own_seed:
            self._process = _start("serve", python, extra, stderr=subprocess.PIPE, cwd=self._folder.name)
        else:
            self._process = _Forked(python, extra, self._folder.name)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.stderr.close()
        self._process.wait(PATIENCE)
        self._folder.cleanup()

    def _ask(self, *request):
        try:
            write_message(self._process.stdin, request)
            reply = read_message(self._process.stdout)
        except BrokenPipeError:
            reply = None
        if reply is None:
            report = self._process.stderr.read().decode(errors="replace")
            raise RemoteError("Died", f"exit status {self._process.wait(PATIENCE)}", report)
        if reply[0] == "error":
            raise RemoteError(*reply[1:])
        return reply[1]

    def run(self, source, filename="script.py"):
        """Run `source` as (a further part of) the peer's `__main__` script."""
        self._ask("run", textwrap.dedent(source), filename)

    def pickle(self, expression, protocol=None):
        """`cloudpickle.dumps` there of what `expression` gives."""
        return self._ask("pickle", textwrap.dedent(expression), protocol)

    def load(self, data, name="value"):
        """Plain `pickle.loads` there; the result is the global `name`."""
        self._ask("load", bytes(data), name)

    def evaluate(self, block):
        """Run `block` there; the value of its last expression comes back, builtin types only."""
        return self._ask("evaluate", textwrap.dedent(block))


def ship(source, expression, use, protocol=None):
    """Run `source` in a driver, pickle `expression`, load that in a worker as `value` and evaluate `use` there."""
    with Peer() as driver, Peer() as worker:
        driver.run(source)
        worker.load(driver.pickle(expression, protocol))
        return worker.evaluate(use)


def ship_and_return(source, expression, back, use):
    """Driver to worker and back: the worker pickles `back` (it has `value`), the driver has that as `returned`."""
    with Peer() as driver, Peer() as worker:
        driver.run(source)
        worker.load(driver.pickle(expression))
        driver.load(worker.pickle(back), "returned")
        return driver.evaluate(use)


def load_elsewhere(obj, use, protocol=None):
    """Pickle an object of this process and evaluate `use` on it, as `value`, in a worker."""
    with Peer() as worker:
        worker.load(cloudpickle.dumps(obj, protocol=protocol))
        return worker.evaluate(use)


def round_trip(obj, protocol=None):
    """Pickle and load in this very process, for what is about values and not about travelling code."""
    return pickle.loads(cloudpickle.dumps(obj, protocol=protocol))


def run_script(source, memory=None, path=()):
    """Run `source` as a script in a process of its own and return what its `report(**values)` calls reported.

    With `memory` the process may map only so many bytes more than it has at the start, so that what ought to stay small
    is seen to. A crash of the process fails the calling test.
    """
    prelude = textwrap.dedent(
        f"""
        import json as _json, os as _os, sys as _sys
        _sys.path[:0] = {[str(folder) for folder in [*path, *AGAINST]]!r}
        def report(**values):
            print("REPORT " + _json.dumps(values), flush=True)
        """
    )
    if memory is not None:
        prelude += textwrap.dedent(
            f"""
            import resource as _resource
            _used = int(open("/proc/self/statm").read().split()[0]) * _resource.getpagesize()
            _resource.setrlimit(_resource.RLIMIT_AS, (_used + {memory}, _used + {memory}))
            """
        )
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "script.py")
        with open(script, "w", encoding="utf-8") as file:
            file.write(prelude + textwrap.dedent(source))
        done = subprocess.run(
            [sys.executable, "-I", script], cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    values = {}
    for line in done.stdout.splitlines():
        if line.startswith("REPORT "):
            values.update(json.loads(line[len("REPORT ") :]))
    return values
