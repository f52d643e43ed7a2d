"""Run tests that frameworks wrote for themselves, unmodified, against the installed package. README.md says which.

python tests/downstream/run.py                       # against the package installed for this Python
python tests/downstream/run.py --against upstream    # against upstream's cloudpickle, in an environment of its own
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "downstream"
PYTHON_VERSION = f"{sys.implementation.name}-{sysconfig.get_config_var('py_version_nodot') or ''}{sys.abiflags}"
UPSTREAM = "3.1.2"
# A suite that takes this long hangs: the longest takes about 20 s.
TIME_LIMIT_SECONDS = 600


class Suite(NamedTuple):
    """Tests of one distribution: modules of the installed package, or else files of its source archive."""

    distribution: str
    modules: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


SUITES = (
    Suite("dask", modules=("dask.tests.test_multiprocessing", "dask.tests.test_tokenize", "dask.tests.test_delayed")),
    Suite("joblib", modules=("joblib.test.test_cloudpickle_wrapper",)),
    Suite("loky", files=("tests/test_cloudpickle_wrapper.py",)),
)


class Listed(NamedTuple):
    """A line of fails_with_upstream.txt that is for this Python."""

    pattern: str
    reason: str


def main() -> int:
    arguments = parse_arguments()
    python = upstream_environment() if arguments.against == "upstream" else Path(sys.executable)
    listed = list(read_list())
    used: set[str] = set()
    root = ElementTree.Element("testsuites")
    problems: list[str] = []
    for suite in SUITES:
        with own_copy_replaced(suite, arguments.against):
            junit, provenance, log = run_suite(suite, python, arguments.against)
        problems += [f"{suite.distribution}: {problem}" for problem in check_provenance(provenance, arguments.against)]
        if not junit.exists():
            problems.append(f"{suite.distribution}: the run ended without a report\n{log.read_text()[-4000:]}")
            continue
        for element in ElementTree.parse(junit).getroot().iter("testsuite"):
            unlisted = accept(element, listed, used)
            problems += [f"{suite.distribution}: {name} failed, see {log.relative_to(ROOT)}" for name in unlisted]
            root.append(element)
            print(described(suite, element, provenance))
    stale = [each.pattern for each in listed if each.pattern not in used]
    problems += [f"{pattern} is in fails_with_upstream.txt and does not fail" for pattern in stale]

    if arguments.junit:
        root.append(report_of(problems))
        ElementTree.ElementTree(root).write(arguments.junit, encoding="utf-8", xml_declaration=True)
    for problem in problems:
        print(f"downstream: {problem}")
    return 1 if problems else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--against", choices=["installed", "upstream"], default="installed")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the outcomes as JUnit XML")
    return parser.parse_args()


def upstream_environment() -> Path:
    """The Python of an environment that has upstream's cloudpickle and the same frameworks."""
    environment = CACHE / f"environment-{PYTHON_VERSION}"
    python = environment / "bin" / "python"
    stamp = environment / ".complete"
    if not stamp.exists():
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        requirements = ROOT / "requirements" / "frameworks.txt"
        pip(python, "install", "--requirement", str(requirements), f"cloudpickle=={UPSTREAM}")
        stamp.touch()
    return python


def pip(python: Path, command: str, *arguments: str) -> None:
    subprocess.run([python, "-m", "pip", "--disable-pip-version-check", command, "--quiet", *arguments], check=True)


@contextlib.contextmanager
def own_copy_replaced(suite: Suite, against: str) -> Iterator[None]:
    """Let a framework that carries a copy of cloudpickle (joblib up to 1.5) run on the installed one meanwhile."""
    if against == "upstream":
        yield
        return
    from cloudpickle import vendored

    names = [suite.distribution] if suite.distribution in vendored.FRAMEWORKS else []
    carried = [name for name in names if vendored.status(name)[0].state is not vendored.State.NO_COPY]
    for name in carried:
        vendored.replace(name)
    try:
        yield
    finally:
        for name in carried:
            vendored.restore(name)


def run_suite(suite: Suite, python: Path, against: str) -> tuple[Path, Path, Path]:
    """Run one suite in an empty folder, in which no import finds a `cloudpickle`; gives the paths of what it left."""
    folder = CACHE / f"run-{against}-{PYTHON_VERSION}" / suite.distribution
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\n")  # this repository's pytest settings are not theirs
    if suite.files:
        unpack_tests(suite, python, folder)
        where, what = folder, list(suite.files)
    else:
        # Names of tests are then those of their modules.
        where, what = package_folder(suite.modules[0], python), ["--pyargs", *suite.modules]
    junit, provenance, log = folder / "junit.xml", folder / "provenance.json", folder / "log.txt"
    command = [python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-p", "provenance"]
    command += ["-c", folder / "pytest.ini", f"--rootdir={where}", f"--junitxml={junit}", *what]
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PROVENANCE_FILE": str(provenance)}
    environment.pop("PYTEST_ADDOPTS", None)
    with log.open("wb") as output:
        try:
            subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=TIME_LIMIT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            output.write(b"\nstopped: the time limit has passed\n")
    return junit, provenance, log


def package_folder(module: str, python: Path) -> Path:
    """The folder in which the package of `module` is installed."""
    package = module.partition(".")[0]
    code = f"import importlib.util; print(importlib.util.find_spec({package!r}).origin)"
    found = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    return Path(found.stdout.strip()).parents[1]


def unpack_tests(suite: Suite, python: Path, folder: Path) -> None:
    """Put the tests of the installed release into `folder`, and nothing else of its source archive."""
    code = f"import importlib.metadata; print(importlib.metadata.version({suite.distribution!r}))"
    release = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    name = f"{suite.distribution}-{release}"
    archives = CACHE / "archives"
    if not list(archives.glob(f"{name}.tar.gz")):
        requirement = f"{suite.distribution}=={release}"
        pip(python, "download", "--no-deps", "--no-binary", ":all:", "--dest", str(archives), requirement)
    with tarfile.open(archives / f"{name}.tar.gz") as archive:
        for member in archive.getmembers():
            if member.name.startswith(f"{name}/tests/") and (source := archive.extractfile(member)):
                path = folder / member.name[len(name) + 1 :]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(source.read())


def check_provenance(file: Path, against: str) -> list[str]:
    """What is wrong with the cloudpickle that the tests had."""
    if not file.exists():
        return ["its tests did not say which cloudpickle they had"]
    found = json.loads(file.read_text(encoding="utf-8"))
    if against == "upstream":
        # None where the framework carries a copy.
        return [] if found["version"] in (UPSTREAM, None) else [f"its tests had another cloudpickle: {found}"]
    expected = importlib.metadata.version("cloudpickle")
    right = found["version"] == expected and found["native"] and "+rust." in expected
    return [] if right else [f"its tests had another cloudpickle than {expected}: {found}"]


def accept(suite: ElementTree.Element, listed: list[Listed], used: set[str]) -> list[str]:
    """Turn failures that are listed into skips, with the reason; gives the names of the others."""
    unlisted = []
    for case in suite.iter("testcase"):
        failures = [child for child in case if child.tag in ("failure", "error")]
        if not failures:
            continue
        name = f"{case.get('classname')}.{case.get('name')}"
        match = next((each for each in listed if fnmatch.fnmatchcase(name, each.pattern)), None)
        if match is None:
            unlisted.append(name)
            continue
        used.add(match.pattern)
        for child in failures:
            case.remove(child)
            count = f"{child.tag}s"
            suite.set(count, str(int(suite.get(count, "0")) - 1))
        ElementTree.SubElement(case, "skipped", message=f"fails with upstream's cloudpickle too: {match.reason}")
        suite.set("skipped", str(int(suite.get("skipped", "0")) + 1))
    return unlisted


def read_list() -> Iterator[Listed]:
    """The lines of fails_with_upstream.txt that are for this Python."""
    for line in (HERE / "fails_with_upstream.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, versions, reason = (part.strip() for part in line.split("|"))
            first, _, last = versions.partition("-")
            if as_version(first.rstrip("+")) <= sys.version_info[:2] and (
                versions.endswith("+") or sys.version_info[:2] <= as_version(last or first)
            ):
                yield Listed(pattern, reason)


def as_version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def described(suite: Suite, element: ElementTree.Element, provenance: Path) -> str:
    """One line about a suite that ran."""
    number = {name: int(element.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    failed = number["failures"] + number["errors"]
    passed = number["tests"] - failed - number["skipped"]
    found = json.loads(provenance.read_text(encoding="utf-8")) if provenance.exists() else {"version": "?", "file": "?"}
    return (
        f"{suite.distribution}: {passed} passed, {failed} failed, {number['skipped']} skipped or expected to fail, "
        f"with cloudpickle {found['version']} from {found['file']}"
    )


def report_of(problems: list[str]) -> ElementTree.Element:
    """The runner's own checks, as a suite of one test: what was tested, and that the list is not stale."""
    suite = ElementTree.Element("testsuite", name="run.py", tests="1", failures=str(len(problems[:1])), errors="0")
    suite.set("skipped", "0")
    case = ElementTree.SubElement(suite, "testcase", classname="run", name="the_right_cloudpickle_and_no_stale_line")
    if problems:
        ElementTree.SubElement(case, "failure", message="\n".join(problems))
    return suite


if __name__ == "__main__":
    sys.exit(main())
