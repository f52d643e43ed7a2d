"""A notebook without the browser: a real Jupyter kernel in a process of its own, driven cell by cell.

The kernel and this client talk over 127.0.0.1. Like `travel.Peer`, a notebook can `pickle` what an expression gives and
`load` what arrives, so code goes from cells to worker processes and back.
"""

import ast
import os
import re
import textwrap

from jupyter_client.manager import KernelManager

from travel import PATIENCE

# How long the kernel may say nothing: a guard against a hang, nothing is judged by it.
SILENCE = PATIENCE


class CellError(Exception):
    """A cell raised: `kind` and `message` are the exception's type name and text, `report` is what the user sees."""

    def __init__(self, content):
        self.kind = content["ename"]
        self.message = content["evalue"]
        # Without the colours.
        self.report = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(content["traceback"]))
        super().__init__(self.report)


class Notebook:
    """Starts a kernel; `with` ends it. `folder` is where it runs and keeps its files."""

    def __init__(self, folder):
        self._manager = KernelManager(kernel_name="python3", ip="127.0.0.1")
        self._folder = folder

    def __enter__(self):
        places = {
            name: str(self._folder / name) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")
        }
        work = self._folder / "work"
        work.mkdir()
        self._manager.start_kernel(env={**os.environ, **places}, cwd=str(work))
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)
        return self

    def __exit__(self, *exception):
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def cell(self, source):
        """Run a cell. Returns what it printed, and raises `CellError` for what it raised."""
        request = self._client.execute(textwrap.dedent(source), store_history=True, allow_stdin=False)
        printed, error = [], None
        while True:
            message = self._client.get_iopub_msg(timeout=SILENCE)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream" and content["name"] == "stdout":
                printed.append(content["text"])
            elif kind == "error":
                error = CellError(content)
            elif kind == "status" and content["execution_state"] == "idle":
                break
        if error is not None:
            raise error
        return "".join(printed)

    def evaluate(self, expression):
        """What `expression` gives there, builtin types only."""
        return ast.literal_eval(self.cell(f"print(repr(({expression})))"))

    def pickle(self, expression):
        """`cloudpickle.dumps` there of what `expression` gives."""
        return bytes.fromhex(self.cell(f"print(__import__('cloudpickle').dumps(({expression})).hex())"))

    def load(self, data, name):
        """Plain `pickle.loads` there; the result is the global `name`."""
        self.cell(f"{name} = __import__('pickle').loads(bytes.fromhex({data.hex()!r}))")
