"""An environment of its own for every test."""

import pytest

from fake_frameworks import environment_in


@pytest.fixture
def environment(tmp_path):
    """An empty folder of packages."""
    return environment_in(tmp_path)
