"""Upstream's releases, fetched from the package index when a test needs one, each into a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cloudpickle-tests"


def fetch_release(release):
    """The folder that holds upstream's package of this release; later runs and other interpreters use the same one."""
    folder = CACHE / f"upstream-{release}"
    if not (folder / "cloudpickle" / "__init__.py").exists():
        arriving = CACHE / f"upstream-{release}-{os.getpid()}"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(arriving)]
        subprocess.run([*command, f"cloudpickle=={release}"], check=True, timeout=300)
        try:
            arriving.rename(folder)
        except OSError:
            assert (folder / "cloudpickle" / "__init__.py").exists()  # another run was faster
    return folder
