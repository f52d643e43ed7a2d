"""Who is compared: this package, upstream's, C `pickle` and `marshal`, all in one process.

Upstream is loaded under a name of its own. The name is in its pickles, as that of the module of its reconstructors, so
it is one letter other than the real one and no longer.
"""

from __future__ import annotations

import importlib.util
import marshal
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import cloudpickle

REPOSITORY = Path(__file__).resolve().parents[1]
UPSTREAM_NAME = "cloudpicklf"
# The release whose API and pickles this package has.
UPSTREAM_RELEASE = cloudpickle.__version__.partition("+")[0]


@dataclass(frozen=True)
class Side:
    """One of those that are compared. `protocol`, where it is not the default, is passed on as a further argument."""

    name: str
    dumps: Callable[..., Any]
    loads: Callable[..., Any]
    dump: Callable[..., Any]
    load: Callable[..., Any]
    Pickler: type | None
    Unpickler: type | None
    protocol: tuple[int, ...] = ()

    @property
    def by_value(self) -> bool:
        """Whether its pickler's class has a reducer_override of its own, which subclasses call."""
        return hasattr(self.Pickler, "reducer_override")


def side_of(name: str, module: Any, protocol: tuple[int, ...] = ()) -> Side:
    """The module's functions, and the Unpickler of `pickle` where it has none."""
    unpickler = getattr(module, "Unpickler", pickle.Unpickler)
    return Side(name, module.dumps, module.loads, module.dump, module.load, module.Pickler, unpickler, protocol)


OURS = side_of("ours", cloudpickle)
C = side_of("c", pickle, (5,))
MARSHAL = Side("marshal", marshal.dumps, marshal.loads, marshal.dump, marshal.load, None, None)


def upstream_folder() -> Path:
    """The folder with upstream's package, which the tests of the wire use too; fetched when it is not there."""
    sys.path.insert(0, str(REPOSITORY / "tests"))
    try:
        from releases import fetch_release
    finally:
        del sys.path[0]
    folder: Path = fetch_release(UPSTREAM_RELEASE)
    return folder


def load_upstream() -> Side:
    """Upstream's package, as the module `cloudpicklf`."""
    module = sys.modules.get(UPSTREAM_NAME) or import_as(UPSTREAM_NAME, upstream_folder() / "cloudpickle")
    assert module.__version__ == UPSTREAM_RELEASE
    return side_of("upstream", module)


def import_as(name: str, folder: Path) -> ModuleType:
    """The package in `folder`, imported under another name."""
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
