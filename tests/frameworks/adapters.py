"""Finds the frameworks' files, `on_FRAMEWORK.py`, and says which of them cannot run on this Python.

A framework's file has

- `ENVIRONMENT`: the file in requirements/ from which its environment is installed; `pytest --environment` names it;
- `DISTRIBUTION`: the requirement in that file that brings the framework, None for the standard library;
- `RERUNS_SCRIPT`: whether workers run the driver's script once more, as those of `multiprocessing` do with spawn;
- `workers()`: a context manager that starts workers and gives `call(function, *arguments)`, which runs in one of them;
- `SHIPMENTS`: name -> function of `call`, for what only this framework does;
- perhaps `VENDORED`: what `python -m cloudpickle vendored replace` calls it, if it carries a copy of cloudpickle;
- perhaps `missing()`: the reason why this machine cannot run it, or None.

It imports its framework inside functions, so that it can be read where the framework is not installed.
"""

import importlib
import sys
from pathlib import Path

from packaging.requirements import Requirement

FOLDER = Path(__file__).resolve().parent
REQUIREMENTS = FOLDER.parents[1] / "requirements"

sys.path.insert(0, str(FOLDER))
# Name of a framework -> its module.
ADAPTERS = {path.stem[len("on_") :]: importlib.import_module(path.stem) for path in sorted(FOLDER.glob("on_*.py"))}


def reason_to_skip(adapter):
    """Why the framework cannot run here: it has no release for this Python, or the machine lacks what it needs."""
    if adapter.DISTRIBUTION is not None:
        requirement, remark = requirement_of(adapter)
        if requirement.marker is not None and not requirement.marker.evaluate():
            version = ".".join(map(str, sys.version_info[:2]))
            return f"{adapter.DISTRIBUTION} on Python {version}: {remark}"
    return getattr(adapter, "missing", lambda: None)()


def requirement_of(adapter):
    """The line that brings the framework, and the remark behind it."""
    for line in (REQUIREMENTS / f"{adapter.ENVIRONMENT}.txt").read_text(encoding="utf-8").splitlines():
        text, _, remark = line.partition("#")
        if text.strip() and Requirement(text).name == adapter.DISTRIBUTION:
            return Requirement(text), remark.strip()
    raise LookupError(f"requirements/{adapter.ENVIRONMENT}.txt does not bring {adapter.DISTRIBUTION}")
