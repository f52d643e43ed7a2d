"""The wire: upstream loads what we write, we load what upstream writes, each in processes of their own.

A family that fails with an older release is excused only if upstream's own pickle fails there in our place: what the
releases cannot say to each other is no business of ours. An excuse is a skip that tells upstream's error.
"""

import pytest
from families import FAMILIES

import cloudpickle
from travel import Peer, RemoteError


def travel(source, expression, use, driver_path=(), worker_path=(), protocol=None):
    with Peer(driver_path) as driver, Peer(worker_path) as worker:
        driver.run(source)
        worker.load(driver.pickle(expression, protocol))
        return worker.evaluate(use)


def outcome(name, **paths):
    """What the worker says of the family's loaded object, or the exception on the way."""
    source, expression, use, _ = FAMILIES[name]
    try:
        return travel(source, expression, use, **paths)
    except RemoteError as error:
        return error


def assert_travels(name, instead, **paths):
    """The family travels between two folders; or it does not `instead`, between two of upstream's, either."""
    expected = FAMILIES[name][3]
    found = outcome(name, **paths)
    if found == expected:
        return
    theirs = outcome(name, **instead)
    if theirs != expected:
        pytest.skip(f"upstream's own fails there too: {str(theirs).splitlines()[0]}")
    raise found if isinstance(found, RemoteError) else AssertionError(f"{found!r} != {expected!r}")


def test_the_two_sides_differ(upstream):
    """Otherwise the tests below would show nothing."""
    with Peer() as ours, Peer([upstream]) as theirs:
        ask = "import cloudpickle; cloudpickle.__version__"
        assert ours.evaluate(ask) == cloudpickle.__version__
        assert theirs.evaluate(ask) == "3.1.2"
    assert cloudpickle.__version__ != "3.1.2"


@pytest.mark.parametrize("name", FAMILIES)
def test_upstream_loads_ours(release, upstream, name):
    instead = {"driver_path": [upstream], "worker_path": [release]}
    assert_travels(name, instead, worker_path=[release])


@pytest.mark.parametrize("name", FAMILIES)
def test_we_load_upstreams(release, upstream, name):
    instead = {"driver_path": [release], "worker_path": [upstream]}
    assert_travels(name, instead, driver_path=[release])


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["function with everything", "inheritance", "enum", "abstract class"])
def test_every_protocol(upstream, name, protocol):
    source, expression, use, expected = FAMILIES[name]
    assert travel(source, expression, use, worker_path=[upstream], protocol=protocol) == expected
    assert travel(source, expression, use, driver_path=[upstream], protocol=protocol) == expected


@pytest.mark.parametrize("ours_first", [True, False], ids=["our driver", "upstream driver"])
def test_there_and_back(upstream, ours_first):
    """The identity of a class survives a visit to the other implementation."""
    paths = ([], [upstream]) if ours_first else ([upstream], [])
    with Peer(paths[0]) as driver, Peer(paths[1]) as worker:
        driver.run("class A:\n    def __init__(self, x): self.x = x")
        worker.load(driver.pickle("A"))
        driver.load(worker.pickle("value(3)"), "returned")
        assert driver.evaluate("[type(returned) is A, returned.x]") == [True, 3]


# Written by upstream 1.x: names that later versions still load.
OLD_NAMES = {
    "ClassType": (b"ccloudpickle.cloudpickle\n_builtin_type\n(VClassType\ntR.", "value is type"),
    "CellType": (b"ccloudpickle.cloudpickle\nCellType\n(K\x03tR.", "value.cell_contents == 3"),
    "empty cell": (b"ccloudpickle.cloudpickle\n_make_empty_cell\n(tR.", "type(value).__name__ == 'cell'"),
    "cell": (b"ccloudpickle.cloudpickle_fast\n_make_cell\n(K\x05tR.", "value.cell_contents == 5"),
    "subimport": (b"ccloudpickle.cloudpickle_fast\nsubimport\n(Vos.path\ntR.", "value.__name__.endswith('path')"),
    "builtin type": (
        b"ccloudpickle.cloudpickle_fast\n_builtin_type\n(VFunctionType\ntR.",
        "value.__name__ == 'function'",
    ),
    "dict keys": (b"ccloudpickle.cloudpickle\n_make_dict_keys\n((VA\nltR.", "list(value) == ['A']"),
}


@pytest.mark.parametrize("name", OLD_NAMES)
def test_names_of_older_pickles(name):
    data, use = OLD_NAMES[name]
    with Peer() as worker:
        worker.load(data)
        assert worker.evaluate(use) is True
