"""The option that chooses frameworks, and the summary of which cloudpickle their workers imported."""

from importlib.metadata import version

import pytest

# (framework, arguments of its driver) -> what a worker said about itself, or None if it said nothing.
WORKERS = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption(
        "--environment",
        metavar="NAME",
        default="frameworks",
        help="test the frameworks that requirements/NAME.txt installs (default: %(default)s)",
    )


def pytest_configure(config):
    config.stash[WORKERS] = {}


@pytest.fixture(scope="session")
def workers_seen(request):
    return request.config.stash[WORKERS]


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.section("cloudpickle in the workers")
    for (framework, distribution, extra), worker in config.stash[WORKERS].items():
        release = f" {version(distribution)}" if distribution else ""
        found = "nothing is known" if worker is None else "cloudpickle {version} from {file}".format(**worker)
        terminalreporter.write_line(" ".join([f"{framework}{release}", *extra]) + f": {found}")
