"""Run frameworks that carry a copy of cloudpickle inside (Ray, PySpark, older joblib) on the installed cloudpickle.

    python -m cloudpickle vendored status
    python -m cloudpickle vendored replace ray
    python -m cloudpickle vendored restore ray

and the same as functions:

    from cloudpickle import vendored

    vendored.replace("ray")

`replace` is done once per environment and holds for every process that is started from it afterwards, workers
included. It puts a few lines in the place of each module of the copy, which hand over to the installed cloudpickle; the
package around them stays the framework's own. The originals are kept and `restore` puts them back, the same files. The
framework is not imported for any of this.

Which frameworks there are is a table in `frameworks.py`, what is put in place is in `handover.py`, and how files change
places is in `exchange.py`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from . import exchange
from .frameworks import FRAMEWORKS, Framework, Installation, State, Status, VendoredError, find_installation

__all__ = ["FRAMEWORKS", "Framework", "Outcome", "State", "Status", "VendoredError", "replace", "restore", "status"]


@dataclass(frozen=True)
class Outcome:
    """What `replace` or `restore` did."""

    status: Status
    """How things are afterwards."""
    changed: bool
    """Whether files changed places."""
    notes: tuple[str, ...] = ()
    """What the user ought to know besides."""


def status(*names: str) -> list[Status]:
    """Which cloudpickle each framework runs on, all of them if none is named. Reads files and changes nothing.

    Raises:
        VendoredError: there is no framework of that name in the table.
    """
    return [_status(_framework(name)) for name in names or FRAMEWORKS]


def replace(name: str) -> Outcome:
    """Let a framework use the installed cloudpickle in the place of its own copy.

    Where that is so already, nothing changes. If a step fails, what was done until then is taken back.

    Raises:
        VendoredError: the framework is unknown, is not installed, or its files cannot be written.
    """
    installation = _installed(name)
    changed = exchange.replace(installation)
    return Outcome(_status(installation.framework), changed, _running(installation) if changed else ())


def restore(name: str) -> Outcome:
    """Put a framework's own copy back, the very files that `replace` took away.

    A framework that was installed anew in the meantime keeps the files it came with; what was kept of the earlier ones
    is removed. Where the framework's own copy is in place, nothing changes.

    Raises:
        VendoredError: the framework is unknown or not installed, its files cannot be written, somebody edited what
            `replace` put in place, or the originals are gone.
    """
    installation = _installed(name)
    changed, notes = exchange.restore(installation)
    return Outcome(_status(installation.framework), changed, notes + (_running(installation) if changed else ()))


def _framework(name: str) -> Framework:
    try:
        return FRAMEWORKS[name]
    except KeyError:
        raise VendoredError(f"no framework {name!r} is known here; there are {', '.join(FRAMEWORKS)}") from None


def _installed(name: str) -> Installation:
    framework = _framework(name)
    installation = find_installation(framework)
    if installation is None:
        raise VendoredError(f"{name} is not installed in the environment of {sys.executable}")
    return installation


def _status(framework: Framework) -> Status:
    installation = find_installation(framework)
    if installation is None:
        return Status(framework.name, State.NOT_INSTALLED)
    return Status(
        framework.name,
        exchange.state(installation),
        version=installation.version(),
        copy_version=installation.copy_version(),
        location=installation.folder,
    )


def _running(installation: Installation) -> tuple[str, ...]:
    """Say that a process which imported the copy goes on with what it imported."""
    if any(name in sys.modules for name in installation.module_names()):
        return (f"this process imported {installation.copy_name} before and goes on with that: start it anew",)
    return ()
