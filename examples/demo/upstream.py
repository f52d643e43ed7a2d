"""Upstream cloudpickle beside ours in one process, for comparison only.

The wheel of joblib 1.5.3 carries upstream 3.1.2 as `joblib.externals.cloudpickle`. It is loaded under a name of its own
and without importing joblib: upstream looks through all loaded modules, and joblib would add hundreds.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

NAME = "upstream_cloudpickle"


def load_upstream() -> ModuleType:
    """The package that joblib's wheel carries, as the module `upstream_cloudpickle`."""
    joblib = importlib.util.find_spec("joblib")
    if joblib is None or joblib.origin is None:
        raise SystemExit("joblib, which carries upstream cloudpickle, is not installed: run `make demo`")
    folder = Path(joblib.origin).parent / "externals" / "cloudpickle"
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
    return module
