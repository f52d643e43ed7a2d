"""What is measured: a table of workloads, one file per family.

A file of this folder has a list `WORKLOADS`; `FAMILIES` below says in which order they run. Nothing here imports numpy
or pandas before a workload that needs it runs: the number of loaded modules is what upstream's time for functions
depends on.
"""

from __future__ import annotations

import importlib
import importlib.util
import operator
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from ways import Dumps

FAMILIES = ("functions", "classes", "plain_data", "instances", "files", "hooks", "arrays")
# Run in the namespace of `__main__`, whose functions and classes travel by value.
SCRIPT = Path(__file__).with_name("main_script.py")


@dataclass(frozen=True)
class Workload:
    """One object to be pickled and loaded.

    `make(count)` makes it, of about so many objects or bytes; a test makes a smaller one. `same` compares it with what
    was loaded.
    """

    name: str
    make: Callable[[int], Any]
    count: int = 1
    same: Callable[[Any, Any], bool] = operator.eq
    # Whether C pickle and marshal do the same thing with it. Not where they write a name and we write the code.
    c_pickle: bool = True
    marshal: bool = False
    way: Dumps = field(default_factory=Dumps)
    # Packages without which it is left out.
    needs: tuple[str, ...] = ()
    # `make(count)` gives a list of so many objects, each of which is pickled once, as if for the first time.
    fresh: bool = False
    # It runs in a process of its own, which has so many modules loaded.
    modules: int = 0

    def lacks(self) -> list[str]:
        """Packages that it needs and that are not installed."""
        return [package for package in self.needs if importlib.util.find_spec(package) is None]


def of_family(family: str) -> list[Workload]:
    workloads: list[Workload] = importlib.import_module(f"workloads.{family}").WORKLOADS
    return workloads


def catalogue() -> dict[str, tuple[str, Workload]]:
    """Every workload by its name, with its family, in the order in which they run."""
    return {workload.name: (family, workload) for family in FAMILIES for workload in of_family(family)}


def of_main(name: str) -> Any:
    """A function or class of main_script.py, as this process's `__main__` has it."""
    if "THE_SCRIPT_HAS_RUN" not in vars(sys.modules["__main__"]):
        run_script()
    return vars(sys.modules["__main__"])[name]


def run_script() -> None:
    """Define the functions and classes of main_script.py in `__main__`, again if they are there."""
    main = vars(sys.modules["__main__"])
    exec(compile(SCRIPT.read_text(encoding="utf-8"), str(SCRIPT), "exec", dont_inherit=True), main)


def fill_modules(count: int) -> None:
    """Load modules, such as an application has them, up to this count."""
    missing = count - len(sys.modules)
    for number in range(missing):
        package, member = divmod(number, 20)
        name = f"filler{package}.member{member}" if member else f"filler{package}"
        sys.modules[name] = type(sys)(name)
    assert missing >= 0, f"{len(sys.modules)} modules are loaded, more than {count}"
