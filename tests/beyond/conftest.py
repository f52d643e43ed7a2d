"""Which tests are expected to pass with upstream too, for against_upstream.py; and that all of this is CPython's."""

import sys

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("also_upstream"):
            item.user_properties.append(("also_upstream", "yes"))
        if sys.implementation.name == "pypy" and "beyond" in item.path.parts:
            reason = "README promises on CPython what upstream gets wrong; on PyPy a part of it does not work"
            item.add_marker(pytest.mark.skip(reason=reason))
