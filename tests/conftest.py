"""What every folder of tests shares: the property tests' settings, and the registry left as it was found."""

import os

import pytest
from hypothesis import HealthCheck, settings

import cloudpickle

# No deadline: nothing here is judged by the clock. `derandomize` keeps a run repeatable.
settings.register_profile(
    "suite", deadline=None, derandomize=True, max_examples=60, suppress_health_check=list(HealthCheck)
)
settings.register_profile("thorough", deadline=None, max_examples=2000, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


@pytest.fixture(params=range(6), ids="protocol{}".format)
def protocol(request):
    """Every pickle protocol in turn."""
    return request.param


@pytest.fixture
def by_value_registry():
    """Let a test register modules for pickling by value, and restore the registry behind it."""
    from cloudpickle.cloudpickle import _PICKLE_BY_VALUE_MODULES

    before = set(cloudpickle.list_registry_pickle_by_value())
    yield
    _PICKLE_BY_VALUE_MODULES.clear()
    _PICKLE_BY_VALUE_MODULES.update(before)
