"""The option that chooses frameworks, and the summary of which cloudpickle their workers imported."""

import pytest

# A line for each driver that ran.
WORKERS = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption(
        "--environment",
        metavar="NAME",
        default="frameworks",
        help="test the frameworks that requirements/NAME.txt installs (default: %(default)s)",
    )


def pytest_configure(config):
    config.stash[WORKERS] = []


@pytest.fixture(scope="session")
def workers_seen(request):
    return request.config.stash[WORKERS]


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.section("cloudpickle in the workers")
    for line in config.stash[WORKERS]:
        terminalreporter.write_line(line)
