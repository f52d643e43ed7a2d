"""Upstream's releases, each in a folder of its own for peers to import in our place; and the matrix at the end."""

from pathlib import Path

import pytest

from releases import fetch_release
from travel import Peer, RemoteError

# The release whose pickles and API this project follows, then older ones that are still at work on clusters.
RELEASES = ("3.1.2", "3.0.0", "2.2.1")
# What a cell of the matrix says.
MARKS = {"passed": "yes", "skipped": "-", "failed": "NO"}


def installed(release):
    """The folder that holds this release's package; later runs and other interpreters use the same one."""
    folder = fetch_release(release)
    with Peer([folder]) as peer:
        try:
            version, file = peer.evaluate("import cloudpickle; (cloudpickle.__version__, cloudpickle.__file__)")
        except RemoteError as error:
            pytest.skip(f"upstream {release} cannot be imported on this Python: {error.kind}: {error.message}")
    assert version == release
    assert Path(file).parent == folder / "cloudpickle"
    return folder


@pytest.fixture(scope="session")
def upstream():
    """The folder of the release that this project follows."""
    return installed(RELEASES[0])


@pytest.fixture(scope="session", params=RELEASES)
def release(request):
    """The folder of each release in turn."""
    return installed(request.param)


def pytest_terminal_summary(terminalreporter):
    """Family by family, whether it travelled each way: `yes`, `-` where upstream's own pickle fails too, or `NO`."""
    cells = {}
    for outcome, mark in MARKS.items():
        for report in terminalreporter.stats.get(outcome, []):
            test, bracket, parameters = report.nodeid.rpartition("::")[2].partition("[")
            release, dash, family = parameters.rstrip("]").partition("-")
            if bracket and dash and release in RELEASES:
                cells[family, release, test] = mark
    if not cells:
        return
    tests = ("test_upstream_loads_ours", "test_we_load_upstreams")
    columns = [(release, test) for release in RELEASES for test in tests]
    heads = [f"to {release}" if "loads_ours" in test else f"from {release}" for release, test in columns]
    terminalreporter.section("the wire, both ways")
    terminalreporter.write_line(f"{'':28}" + "".join(f"{head:>11}" for head in heads))
    for family in dict.fromkeys(family for family, _, _ in cells):
        marks = (cells.get((family, *column), "") for column in columns)
        terminalreporter.write_line(f"{family:34}" + "".join(f"{mark:>11}" for mark in marks))
