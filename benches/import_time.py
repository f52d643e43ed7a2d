"""How long `import cloudpickle` takes, ours and upstream's, in fresh processes that take turns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

import cloudpickle
from sides import upstream_folder

# The time, that of the process, starts when the interpreter is up. Nothing is loaded then but what its start needs.
SCRIPT = """
import sys, time
sys.path.insert(0, {folder!r})
start = time.process_time()
import cloudpickle
stop = time.process_time()
assert cloudpickle.__file__.startswith({folder!r})
print(stop - start)
"""


def measure_import(rounds: int) -> dict[str, dict[str, float]]:
    """Medians in seconds, and upstream's time over ours."""
    folders = {"ours": str(Path(cloudpickle.__file__).parents[1]), "upstream": str(upstream_folder())}
    times: dict[str, list[float]] = {name: [] for name in folders}
    for number in range(rounds + 1):
        for name, folder in folders.items():
            command = [sys.executable, "-I", "-c", SCRIPT.format(folder=folder)]
            took = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            if number > 0:  # the first one compiles and reads from the disk
                times[name].append(took)
    ratio = median(theirs / ours for ours, theirs in zip(times["ours"], times["upstream"]))
    return {"seconds": {name: median(values) for name, values in times.items()}, "ratio": {"upstream": ratio}}
