"""Upstream cloudpickle, installed once into a folder of its own beside ours, for peers to import in its place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from travel import Peer

UPSTREAM = "3.1.2"


@pytest.fixture(scope="session")
def upstream():
    """The folder that holds upstream's package; the same one is used by later runs."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cloudpickle-tests"
    folder = cache / f"upstream-{UPSTREAM}"
    if not (folder / "cloudpickle" / "__init__.py").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        subprocess.run([*command, f"cloudpickle=={UPSTREAM}"], check=True, timeout=300)
    with Peer([folder]) as peer:
        version, file = peer.evaluate("import cloudpickle; (cloudpickle.__version__, cloudpickle.__file__)")
    assert version == UPSTREAM and Path(file).parent == folder / "cloudpickle"
    return folder
