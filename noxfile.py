"""Sessions for contributors who are used to nox: one per Python, one per framework.

    nox --list
    nox --session "python(3.13)" "framework(ray)"

A session is a `make` command, which knows what has to be set up; nox adds names and selection, and no environments.
"""

import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent / "scripts"))
from interpreters import INTERPRETERS, by_name

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint"]  # what `nox` alone runs

PYTHONS = [interpreter.name for interpreter in INTERPRETERS]
# Framework to the target that tests it, which may test others besides.
FRAMEWORKS = {
    "multiprocessing": "test-frameworks",
    "futures": "test-frameworks",
    "loky": "test-frameworks",
    "joblib": "test-frameworks",
    "dask": "test-frameworks",
    "ray": "test-ray",
    "pyspark": "test-pyspark",
    "jupyter": "test-notebooks",
}


def make(session, *arguments, **variables):
    session.run("make", *arguments, *session.posargs, env=variables, external=True)


@nox.session
def lint(session):
    """Formatting, clippy, ruff, types, stubs and layers."""
    make(session, "lint")


@nox.session
@nox.parametrize("interpreter", PYTHONS, ids=PYTHONS)
def python(session, interpreter):
    """The suites that depend on the interpreter."""
    path = by_name(interpreter).find()
    if path is None:
        session.skip(f"{interpreter} is not on this machine; python scripts/interpreters.py fetch {interpreter}")
    make(session, "test-python", f"PYTHON={path}")


@nox.session
@nox.parametrize("name", list(FRAMEWORKS), ids=list(FRAMEWORKS))
def framework(session, name):
    """Code that a real framework ships to its workers."""
    target = FRAMEWORKS[name]
    # pytest reads this variable; the tests of a framework bear its name.
    chosen = {"PYTEST_ADDOPTS": f"-k {name}-"} if target == "test-frameworks" else {}
    make(session, target, **chosen)


@nox.session
def packaging(session):
    """Distributions, installed in clean environments."""
    make(session, "test-packaging")
