"""Builds distributions of this repository and installs them in environments that have nothing else."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from travel import REPOSITORY

# A guard against a hang; a cold build with all optimisations takes a minute or two.
BUILD_PATIENCE = 1200


def run(command, **options):
    """Run a command that must succeed, and return what it printed."""
    command = [str(part) for part in command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_PATIENCE, check=False, **options)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


class Environment:
    """A virtual environment with pip and nothing else, whose processes run in an empty folder, isolated."""

    def __init__(self, folder):
        self.python = folder / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python"
        self._empty = folder / "empty"
        self._empty.mkdir(parents=True)
        try:
            venv.create(folder / "environment", with_pip=True)
        except subprocess.CalledProcessError:
            # Some distributions ship venv without ensurepip: then this environment's pip installs one.
            venv.create(folder / "environment", clear=True)
            run([sys.executable, "-m", "pip", "--quiet", "--python", self.python, "install", "pip"])

    def pip(self, *arguments, **variables):
        # Nothing that another build left may make up for what is missing here.
        command = [self.python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
        run(command, cwd=self._empty, env={**os.environ, **variables})

    def script(self, source, stdin=None):
        """What `source` prints as JSON, run in a process of its own."""
        printed = run([self.python, "-I", "-c", source], cwd=self._empty, input=stdin)
        return json.loads(printed)


def build_sdist(folder):
    """The source distribution of the repository as it stands."""
    run([sys.executable, "-m", "build", "--sdist", "--outdir", folder, REPOSITORY])
    (path,) = Path(folder).glob("*.tar.gz")
    return path


def build_folder(name):
    """Where cargo builds: crates from the registry are compiled once, whatever package they are for."""
    root = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return {"CARGO_TARGET_DIR": str(root / name)}
