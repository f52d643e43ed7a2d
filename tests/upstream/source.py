"""Fetch the test suite of upstream cloudpickle and unpack it outside this repository's packages.

Upstream's wheel and sdist on the package index hold no tests since release 3.1.1, so the suite comes from the tagged
source archive: from upstream's repository host or, where that cannot be reached, from the Debian mirror that the
machine is set up for, whose package of 3.1.2 carries the same files. `SUITE_DIGEST` makes sure that they are the same
and unmodified, whichever way they came.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import shutil
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

VERSION = "3.1.2"
# SHA-256 over the names and contents of the files under tests/ (see `digest`).
SUITE_DIGEST = "7b3475a6dd8b846ec1c0b30c7ed379077240c8fed8198aa4d4acc1a591494509"
# A folder or .tar.gz of upstream's sources, for a machine that reaches none of the hosts below.
LOCATION_VARIABLE = "CLOUDPICKLE_UPSTREAM_SOURCE"


def fetch_suite(cache: Path) -> Path:
    """The folder that holds upstream's `tests/`, fetched once into `cache`."""
    suite = cache / f"suite-{VERSION}"
    if suite.is_dir() and digest(suite / "tests") == SUITE_DIGEST:
        return suite
    attempts = []
    for location in locations():
        # Of this process alone: the suite may be run on two interpreters at a time.
        arriving = cache / f"arriving-{os.getpid()}"
        shutil.rmtree(arriving, ignore_errors=True)
        arriving.mkdir(parents=True)
        try:
            copy_tests(location, arriving)
            found = digest(arriving / "tests")
        except (OSError, tarfile.TarError) as error:
            attempts.append(f"{location}: {error}")
            continue
        if found != SUITE_DIGEST:
            attempts.append(f"{location}: not the tests of {VERSION} (digest {found})")
            continue
        shutil.rmtree(suite, ignore_errors=True)
        with contextlib.suppress(OSError):
            arriving.rename(suite)
        if digest(suite / "tests") != SUITE_DIGEST:
            attempts.append(f"{location}: could not be moved to {suite}")
            continue
        print(f"upstream: fetched the tests of cloudpickle {VERSION} from {location}")
        return suite
    raise SystemExit(
        f"upstream: the tests of cloudpickle {VERSION} could not be fetched:\n  "
        + "\n  ".join(attempts)
        + f"\nSet {LOCATION_VARIABLE} to a folder or .tar.gz of upstream's sources at v{VERSION}."
    )


def locations() -> Iterator[str]:
    """Where upstream's sources may be had, best first."""
    given = os.environ.get(LOCATION_VARIABLE)
    if given:
        yield given
        return
    yield f"https://github.com/cloudpipe/cloudpickle/archive/refs/tags/v{VERSION}.tar.gz"
    for mirror in debian_mirrors():
        yield f"{mirror}/pool/main/c/cloudpickle/cloudpickle_{VERSION}.orig.tar.gz"


def debian_mirrors() -> list[str]:
    """The Debian mirrors named in this machine's apt configuration."""
    apt = Path("/etc/apt")
    mirrors: dict[str, None] = {}
    for file in [apt / "sources.list", *sorted(apt.glob("sources.list.d/*"))]:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            for url in re.findall(
                r"^(?:URIs:|deb\b).*?(https?://\S*/debian)/?(?=\s|$)", file.read_text(), re.MULTILINE
            ):
                mirrors[url] = None
    return list(mirrors)


def copy_tests(location: str, destination: Path) -> None:
    """Put the `tests/` of the sources at `location` into `destination`."""
    folder = Path(location)
    if folder.is_dir():
        shutil.copytree(folder / "tests", destination / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        return
    if "://" in location:
        with urllib.request.urlopen(location, timeout=20) as response:
            archive = response.read()
    else:
        archive = folder.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            # The archive's single top folder is left out of the names.
            parts = Path(member.name).parts[1:]
            if member.isfile() and parts[:1] == ("tests",) and ".." not in parts:
                content = tar.extractfile(member)
                if content is not None:
                    file = destination.joinpath(*parts)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content.read())


def digest(tests: Path) -> str:
    """A digest of all files under `tests`, apart from what running them leaves behind."""
    total = hashlib.sha256()
    for file in sorted(path for path in tests.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        name = file.relative_to(tests).as_posix()
        total.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()
