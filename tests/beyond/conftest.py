"""Lets the report of a run say which tests are expected to pass with upstream too: see against_upstream.py."""


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("also_upstream"):
            item.user_properties.append(("also_upstream", "yes"))
