"""Run upstream cloudpickle's own test suite, unmodified, against the installed package. README.md says what it proves.

python tests/upstream/run.py                       # against the package installed for this Python
python tests/upstream/run.py --against upstream    # against upstream itself, in an environment of its own
python tests/upstream/run.py -k enum               # some of the tests; the table of skips is then not checked
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from source import VERSION, fetch_suite

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "upstream"
PYTHON_VERSION = f"{sys.implementation.name}-{sysconfig.get_config_var('py_version_nodot') or ''}{sys.abiflags}"
# A suite that takes this long hangs: it takes about 20 s.
TIME_LIMIT_SECONDS = 900


class Skip(NamedTuple):
    """Tests that upstream's suite skips or expects to fail, run against upstream itself."""

    pattern: str
    applies: bool
    reason: str


PYPY = sys.implementation.name == "pypy"

SKIPS = (
    Skip("*.Protocol2CloudPickleTest.test_out_of_band_buffers", True, "protocol 2 has no out-of-band buffers"),
    Skip("*.test_dynamic_class_deterministic_roundtrip", True, "the test begins with pytest.xfail()"),
    Skip(
        "*.test_builtin_classmethod_descriptor",
        sys.version_info >= (3, 10, 8) and sys.implementation.name == "cpython",
        "CPython 3.10.8 stopped pickling such descriptors",
    ),
    Skip(
        "tests.test_backward_compat.*",
        sys.version_info >= (3, 12) or PYPY,
        "the suite stores pickles of CPython 3.8 to 3.11 and no others",
    ),
    Skip("*.test_itertools_count", sys.version_info >= (3, 14), "Python 3.14 stopped pickling itertools.count"),
    Skip("*.test_reducer_override_reference_cycle", PYPY, "the suite runs it on CPython alone"),
    Skip("*.test_builtin_staticmethod", PYPY, "the suite knows no builtin static method of PyPy"),
    Skip("*.test_ufunc", PYPY, "the suite leaves numpy out on PyPy"),
    Skip("*.test_interactive_remote_function_calls_no_memory_leak", PYPY, "the suite: memory grows too much on PyPy"),
)


def main() -> int:
    arguments = parse_arguments()
    suite = fetch_suite(CACHE)
    python = upstream_environment() if arguments.against == "upstream" else Path(sys.executable)
    folder = fresh_copy(suite, arguments.against)
    install_test_package(python, folder)

    begin = time.perf_counter()
    junit = arguments.junit.resolve() if arguments.junit else folder / "junit.xml"
    junit.unlink(missing_ok=True)
    log = folder / "log.txt"
    status = run_pytest(python, folder, junit, log, arguments.k)
    seconds = time.perf_counter() - begin
    if not junit.exists():
        print(log.read_text(encoding="utf-8", errors="replace")[-4000:])
        print(f"upstream: the run ended without a report (exit status {status}): 0 passed, 1 failed, 0 skipped")
        return 1

    passed, failed, skipped = outcomes(junit)
    if failed:
        print(failure_report(log))
    surprises = [] if arguments.k else unexpected_skips(skipped, passed | failed)
    for surprise in surprises:
        print(f"upstream: {surprise}")
    print(
        f"upstream: suite of {VERSION} against {described_package(python, folder)} on Python {sys.version.split()[0]}: "
        f"{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped in {seconds:.1f} s"
    )
    return 1 if failed or surprises or status not in (0, 1) else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--against", choices=["installed", "upstream"], default="installed")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the outcomes as JUnit XML")
    parser.add_argument("-k", metavar="EXPRESSION", help="only the tests that pytest's -k chooses")
    return parser.parse_args()


def upstream_environment() -> Path:
    """The Python of an environment that has upstream and what its suite needs."""
    environment = CACHE / f"environment-{PYTHON_VERSION}"
    python = environment / "bin" / "python"
    stamp = environment / ".complete"
    if not stamp.exists():
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        requirements = ROOT / "requirements" / "test.txt"
        pip(python, "--requirement", str(requirements), f"cloudpickle=={VERSION}")
        stamp.touch()
    return python


def fresh_copy(suite: Path, against: str) -> Path:
    """A folder to run in: it holds upstream's tests and no `cloudpickle` that an import could find."""
    folder = CACHE / f"run-{against}-{PYTHON_VERSION}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(suite, folder)
    return folder


def install_test_package(python: Path, folder: Path) -> None:
    """Install the suite's helper package, which its tests import as a package that is not cloudpickle's."""
    found = subprocess.run([python, "-c", "import _cloudpickle_testpkg"], cwd=folder, stderr=subprocess.DEVNULL)
    if found.returncode != 0:
        pip(python, "--no-deps", "--no-build-isolation", str(folder / "tests" / "cloudpickle_testpkg"))


def pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *arguments]
    subprocess.run(command, check=True)


def run_pytest(python: Path, folder: Path, junit: Path, log: Path, expression: str | None) -> int:
    command = [
        str(python),
        "-m",
        "pytest",
        "-s",
        "-p",
        "no:cacheprovider",
        f"--junitxml={junit}",
        f"--rootdir={folder}",
    ]
    command += ["-k", expression] if expression else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([".", "tests"])}
    environment.pop("PYTEST_ADDOPTS", None)
    (folder / "pytest.ini").write_text("[pytest]\n")  # this repository's pytest settings are not upstream's
    with log.open("wb") as output:
        try:
            return subprocess.run(
                [*command, "tests"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=TIME_LIMIT_SECONDS,
            ).returncode
        except subprocess.TimeoutExpired:
            output.write(b"\nstopped: the time limit has passed\n")
            return -1


def outcomes(junit: Path) -> tuple[set[str], set[str], set[str]]:
    """The names of the tests that passed, failed, and were skipped or expected to fail."""
    passed, failed, skipped = set(), set(), set()
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add(name)
        elif case.find("skipped") is not None:
            skipped.add(name)
        else:
            passed.add(name)
    return passed - failed, failed, skipped - failed


def unexpected_skips(skipped: set[str], ran: set[str]) -> list[str]:
    """How the skips differ from those that upstream itself has on this Python."""

    def listed(name: str) -> bool:
        return any(skip.applies and fnmatch.fnmatchcase(name, skip.pattern) for skip in SKIPS)

    return [f"{name} skipped, and upstream runs it" for name in sorted(skipped) if not listed(name)] + [
        f"{name} ran, and upstream skips it" for name in sorted(ran) if listed(name)
    ]


def failure_report(log: Path) -> str:
    """What pytest printed about the failures, without the output of the tests that came before."""
    text = log.read_text(encoding="utf-8", errors="replace")
    begin = max(text.find("= FAILURES ="), text.find("= ERRORS ="), 0)
    return text[begin:]


def described_package(python: Path, folder: Path) -> str:
    code = "import cloudpickle; print('cloudpickle', cloudpickle.__version__)"
    return subprocess.run([python, "-c", code], cwd=folder, capture_output=True, text=True).stdout.strip() or "nothing"


if __name__ == "__main__":
    sys.exit(main())
