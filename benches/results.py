"""Where a run leaves its figures: .cache/benchmarks/, one JSON file per version of Python and kind of measurement."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import Any

from sides import REPOSITORY

RESULTS = REPOSITORY / ".cache" / "benchmarks"
# What the measurements are called there.
TIMES, MEMORY, SCALING = "times", "memory", "scaling"

Results = dict[str, Any]


def version_of_python() -> str:
    """As the Makefile names it: `3.11`, `3.13t`."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}{getattr(sys, 'abiflags', '')}"


def save(kind: str, figures: Results) -> Path:
    """Keep what was measured on this Python."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{kind}-{version_of_python()}.json"
    about = {"python": platform.python_version(), "machine": machine()}
    path.write_text(json.dumps({**about, **figures}, indent=1) + "\n", encoding="utf-8")
    return path


def load(kind: str) -> dict[str, Results]:
    """What was measured so far, by version of Python, oldest first."""
    found = {}
    for path in RESULTS.glob(f"{kind}-*.json"):
        found[path.stem[len(kind) + 1 :]] = json.loads(path.read_text(encoding="utf-8"))
    return dict(sorted(found.items(), key=lambda item: [int(part.rstrip("dt")) for part in item[0].split(".")]))


def machine() -> str:
    """The processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.system()} {platform.machine()}"
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{platform.system()} {platform.machine()}, {models[0] if models else 'unknown processor'}"
