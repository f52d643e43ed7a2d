"""Which frameworks carry a copy of cloudpickle, where in them it lies, and where they are installed.

A framework is a row of `FRAMEWORKS`. It belongs there if the modules of its copy are upstream's, unmodified: what a
framework changed in them would be lost.
"""

from __future__ import annotations

import enum
import importlib.metadata
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STORE = ".cloudpickle-vendored"
"""The folder beside the framework's package in which originals are kept: no import finds anything in it, and it leaves
nothing in the framework's own folder that would survive when the framework is uninstalled."""


class VendoredError(Exception):
    """A framework's copy cannot be replaced or restored; the message says why, and what would help."""


class State(enum.Enum):
    """Which cloudpickle a framework runs on."""

    NOT_INSTALLED = "not installed"
    NO_COPY = "no copy inside"
    OWN_COPY = "its own copy"
    INSTALLED = "the installed cloudpickle"
    PARTLY = "partly its own copy"


@dataclass(frozen=True)
class Status:
    """How one framework stands. `str` of it is the line that the command prints."""

    framework: str
    state: State
    version: str | None = None
    """The framework's; None where no metadata tells it."""
    copy_version: str | None = None
    """What the copy says of itself."""
    location: Path | None = None
    """The framework's package."""

    def __str__(self) -> str:
        if self.state is State.NOT_INSTALLED:
            return f"{self.framework}: not installed"
        how = {
            State.NO_COPY: "no copy inside: it imports the installed cloudpickle, or none",
            State.OWN_COPY: f"its own copy ({self.copy_version or 'of unknown version'})",
            State.INSTALLED: "the installed cloudpickle",
            State.PARTLY: "partly its own copy, partly the installed cloudpickle: say replace or restore",
        }[self.state]
        return f"{self.framework} {self.version or '(of unknown version)'}: {how}"


@dataclass(frozen=True)
class Framework:
    """Where a framework keeps its copy."""

    name: str
    """Of the package and of the distribution."""
    copy: str
    """The folder of the copy, inside the package."""
    archives: tuple[str, ...] = ()
    """Zip files inside the package that hold the whole package once more."""


FRAMEWORKS = {
    framework.name: framework
    for framework in (
        # Up to 1.5; later ones import cloudpickle.
        Framework("joblib", copy="externals/cloudpickle"),
        # Workers have the zip in front of the package on their path.
        Framework("pyspark", copy="cloudpickle", archives=("python/lib/pyspark.zip",)),
        Framework("ray", copy="cloudpickle"),
    )
}
"""By name."""


@dataclass(frozen=True)
class Installation:
    """A framework in this environment."""

    framework: Framework
    folder: Path
    """Of its package."""

    @property
    def store(self) -> Path:
        """Where this framework's originals are kept while they are replaced."""
        return self.folder.parent / STORE / self.framework.name

    @property
    def copy_folder(self) -> Path:
        return self.folder / self.framework.copy

    @property
    def copy_name(self) -> str:
        """The copy as an import names it."""
        return ".".join([self.framework.name, *self.framework.copy.split("/")])

    def archives(self) -> Iterator[Path]:
        """Those of the zip files that are there."""
        for archive in self.framework.archives:
            path = self.folder / archive
            if path.is_file():
                yield path

    def module_names(self) -> Iterator[str]:
        """What is in `sys.modules` if the copy was imported."""
        yield self.copy_name
        yield f"{self.copy_name}.cloudpickle"

    def version(self) -> str | None:
        try:
            return importlib.metadata.version(self.framework.name)
        except importlib.metadata.PackageNotFoundError:
            return None

    def copy_version(self) -> str | None:
        """What `__version__` is in the copy, read and not imported."""
        try:
            text = (self.copy_folder / "__init__.py").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        found = re.search(r"^__version__\s*=\s*['\"]([^'\"]+)['\"]", text, re.MULTILINE)
        return found.group(1) if found else None


def find_installation(framework: Framework) -> Installation | None:
    """Where the framework's package lies, found without importing it."""
    try:
        spec = importlib.util.find_spec(framework.name)
    except ValueError:  # a module in sys.modules without a spec, such as a stand-in of a test
        spec = None
    # Without an origin it is a folder without __init__.py, such as an uninstalled package leaves behind.
    if spec is None or spec.origin is None or not spec.submodule_search_locations:
        return None
    return Installation(framework, Path(spec.origin).parent)
