"""A pytest plugin that says which cloudpickle the tests had. `run.py` loads it, and checks what it says."""

import json
import os
import sys


def pytest_sessionfinish():
    module = sys.modules.get("cloudpickle")
    found = {
        "version": getattr(module, "__version__", None),
        "file": getattr(module, "__file__", None),
        "native": "cloudpickle._native" in sys.modules,
    }
    with open(os.environ["PROVENANCE_FILE"], "w", encoding="utf-8") as file:
        json.dump(found, file)
