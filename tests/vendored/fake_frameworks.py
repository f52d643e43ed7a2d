"""Small frameworks with a copy of cloudpickle inside, laid out like the real ones, in a folder that is on the path.

The copy cannot pickle a lambda; whoever can runs on the installed cloudpickle.
"""

import hashlib
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

from travel import PATIENCE

# Importing the framework is what `replace` must not do; the real ones take seconds and start threads.
FRAMEWORK = """
import os
if "FRAMEWORK_MUST_NOT_BE_IMPORTED" in os.environ:
    raise AssertionError("the framework was imported")
"""

COPY = """
import pickle
from pickle import load, loads

class CloudPickler(pickle.Pickler):
    pass

Pickler = CloudPickler
dump, dumps = pickle.dump, pickle.dumps

def register_pickle_by_value(module):
    raise NotImplementedError

def _make_function(*arguments):
    raise NotImplementedError("the copy's own")
"""

COPY_FAST = """
from . import cloudpickle

def __getattr__(name):
    return getattr(cloudpickle, name)
"""

# The package around the modules is the framework's own and differs from framework to framework.
COPY_PACKAGES = {
    "ray": """
from ray.cloudpickle.cloudpickle import *
from ray.cloudpickle.cloudpickle_fast import CloudPickler, dumps, dump

Pickler = CloudPickler

__version__ = '3.1.2'

def dumps_debug(obj, *arguments, **options):
    try:
        return dumps(obj, *arguments, **options)
    except TypeError as error:
        raise TypeError("said by ray: " + str(error))
""",
    "pyspark": """
from pyspark.cloudpickle import cloudpickle
from pyspark.cloudpickle.cloudpickle import *

__version__ = "3.1.2"

__all__ = ["CloudPickler", "dumps", "loads"]
""",
    "joblib": """
from . import cloudpickle
from .cloudpickle import *

__version__ = "3.0.0"
""",
}
COPY_FOLDERS = {"ray": "cloudpickle", "pyspark": "cloudpickle", "joblib": "externals/cloudpickle"}


class Environment:
    """A folder with frameworks, and commands and scripts in processes that have it on their path."""

    def __init__(self, folder):
        self.folder = folder

    def install(self, name, version="1.0", copy=COPY):
        """Install a framework as pip would: every file written anew, whatever was there under its name."""
        package = self.folder / name
        modules = {
            "__init__.py": COPY_PACKAGES[name],
            "cloudpickle.py": f"# {name} {version}\n{copy}",
            "cloudpickle_fast.py": COPY_FAST,
        }
        self._write(package / "__init__.py", FRAMEWORK)
        folder = package
        for part in COPY_FOLDERS[name].split("/"):
            folder = folder / part
            if copy is not None:
                self._write(folder / "__init__.py", "")
        if copy is not None:
            for file, text in modules.items():
                self._write(folder / file, text)
        if name == "pyspark":
            archive = package / "python" / "lib" / "pyspark.zip"
            archive.parent.mkdir(parents=True, exist_ok=True)
            archive.unlink(missing_ok=True)
            members = {f"pyspark/cloudpickle/{file}": text for file, text in modules.items()}
            members.update({"pyspark/": "", "pyspark/__init__.py": FRAMEWORK, "pyspark/stored.txt": "not compressed"})
            with zipfile.ZipFile(archive, "w") as writing:
                writing.comment = b"a comment"
                for member, text in members.items():
                    # With a time of its own, so that installing twice gives the same bytes.
                    about = zipfile.ZipInfo(member, (2026, 2, 3, 4, 5, 6))
                    about.compress_type = zipfile.ZIP_DEFLATED if member.endswith(".py") else zipfile.ZIP_STORED
                    writing.writestr(about, text)
        for old in self.folder.glob(f"{name}-*.dist-info"):
            (old / "METADATA").unlink()
            old.rmdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        self._write(self.folder / f"{name}-{version}.dist-info" / "METADATA", metadata)

    def _write(self, path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")

    def snapshot(self):
        """Every file with its contents, mode and time, without what Python compiles by itself."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            if "__pycache__" not in path.parts:
                about = path.lstat()
                contents = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
                time = about.st_mtime_ns if path.is_file() else None
                found[str(path.relative_to(self.folder))] = (contents, about.st_mode, time)
        return found

    def command(self, *arguments, **variables):
        """`python -m cloudpickle vendored ...`; the framework refuses to be imported."""
        return self._run(
            [sys.executable, "-m", "cloudpickle", "vendored", *arguments],
            FRAMEWORK_MUST_NOT_BE_IMPORTED="1",
            **variables,
        )

    def succeed(self, *arguments):
        """The same, and what it printed, seen to have ended well."""
        done = self.command(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, source, path=None):
        """What the script `source` gives to `report(**values)`. `path` stands for the folder on its path."""
        prelude = "import json\ndef report(**values):\n    print(json.dumps(values))\n"
        done = self._run([sys.executable, "-c", prelude + textwrap.dedent(source)], PYTHONPATH=str(path or self.folder))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def _run(self, command, **variables):
        environment = {**os.environ, "PYTHONPATH": str(self.folder), **variables}
        folder = self.folder.parent
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )


def environment_in(folder):
    """An empty one."""
    path = Path(folder) / "site-packages"
    path.mkdir()
    return Environment(path)
