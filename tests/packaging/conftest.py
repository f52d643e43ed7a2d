"""Distributions and installations, each made once."""

import pytest

from builds import Environment, build_folder, build_sdist
from travel import REPOSITORY


@pytest.fixture(scope="session")
def sdist(tmp_path_factory):
    """The source distribution."""
    return build_sdist(tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="session")
def wheel(sdist, tmp_path_factory):
    """A wheel for this Python, built from the source distribution in a place that has no repository around it."""
    folder = tmp_path_factory.mktemp("wheel")
    builder = Environment(tmp_path_factory.mktemp("builder"))
    builder.pip("wheel", "--no-deps", "--wheel-dir", folder, sdist, **build_folder("from-sdist"))
    (path,) = folder.glob("*.whl")
    return path


def from_repository(environment, request):
    """`pip install .`, as the README says."""
    environment.pip("install", REPOSITORY, **build_folder("."))


def from_sdist(environment, request):
    environment.pip("install", request.getfixturevalue("sdist"), **build_folder("from-sdist"))


def from_wheel(environment, request):
    """Without an index: it needs nothing else."""
    environment.pip("install", "--no-index", request.getfixturevalue("wheel"))


@pytest.fixture(scope="session", params=[from_repository, from_sdist, from_wheel], ids=lambda way: way.__name__)
def installation(request, tmp_path_factory):
    """A clean environment in which the package was installed in one of the ways there are."""
    environment = Environment(tmp_path_factory.mktemp("installation"))
    request.param(environment, request)
    return environment
