"""A small pool of worker processes that share nothing with this script but the Python they run on."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any, Callable

import cloudpickle

WORKER = Path(__file__).with_name("worker.py")


class Pool:
    """Sends pickled calls to worker processes and gives back futures."""

    def __init__(self, size: int, folder: str) -> None:
        """Start `size` workers in `folder`, from which nothing of the script can be imported."""
        # -I: no PYTHONPATH, no user site, and the folder of worker.py is not on sys.path.
        command = [sys.executable, "-I", str(WORKER)]
        self.processes = [
            subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(size)
        ]
        self.idle: Queue[subprocess.Popen[bytes]] = Queue()
        for process in self.processes:
            self.idle.put(process)
        self.threads = ThreadPoolExecutor(size)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        self.threads.shutdown()
        for process in self.processes:
            process.communicate()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Pickle the call here, run it in the next idle worker."""
        return self.submit_pickled(cloudpickle.dumps((function, arguments)))

    def submit_pickled(self, call: bytes) -> Future[Any]:
        """Run a call that is pickled already."""
        return self.threads.submit(self._run, call)

    def map(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """The results of one call per item, in order, spread over the workers."""
        return [future.result() for future in [self.submit(function, *items) for items in zip(*arguments)]]

    def everywhere(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Run one call in every worker."""
        call = cloudpickle.dumps((function, arguments))
        return [exchange(process, call) for process in self.processes]

    def _run(self, call: bytes) -> Any:
        process = self.idle.get()
        try:
            return exchange(process, call)
        finally:
            self.idle.put(process)


def exchange(process: subprocess.Popen[bytes], call: bytes) -> Any:
    """One call and its reply. An exception in the worker is raised here, with the worker's traceback as its cause."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(struct.pack(">Q", len(call)) + call)
    process.stdin.flush()
    header = process.stdout.read(8)
    if len(header) < 8:
        raise RuntimeError(f"worker {process.pid} ended with status {process.wait()}")
    reply = pickle.loads(process.stdout.read(*struct.unpack(">Q", header)))
    if reply[0] == "result":
        return reply[1]
    _, error, text = reply
    raise error from WorkerTraceback(text)


class WorkerTraceback(Exception):
    """The text of a traceback in a worker; shown as the cause of the exception that came from there."""

    def __str__(self) -> str:
        return "\n" + str(self.args[0])
