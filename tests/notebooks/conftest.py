"""A kernel of its own for every test, and a worker that knows nothing of it."""

import pytest

from notebook import Notebook
from travel import Peer


@pytest.fixture
def notebook(tmp_path):
    """A fresh kernel."""
    with Notebook(tmp_path) as running:
        yield running


@pytest.fixture
def worker():
    """A process that cannot import what is in the kernel."""
    with Peer() as peer:
        yield peer
