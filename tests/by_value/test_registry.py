"""`register_pickle_by_value`: modules on the driver's disk whose functions and classes the worker gets by value."""

import sys
import textwrap
import types

import pytest

import cloudpickle
from travel import Peer, RemoteError

FILES = {
    "garden/__init__.py": """
        from .tools import dig
        SIZE = 3
        def top(): return SIZE
    """,
    "garden/tools.py": """
        import math
        DEPTH = 2
        def dig(x): return math.floor(x) * DEPTH
        class Spade:
            length = 5
            def use(self): return dig(self.length)
        def relative():
            from . import shed
            return shed
    """,
    "garden/shed/__init__.py": "",
    "garden/shed/shelf.py": """
        import typing
        T = typing.TypeVar("T")
        def put(x): return ["shelf", x]
    """,
    "gardening.py": "def other(): return 'other'",
}


@pytest.fixture
def garden(tmp_path):
    """A package on disk that the driver can import and the worker cannot."""
    for name, source in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
    return tmp_path


IMPORTS = """
import cloudpickle, gardening
import garden, garden.tools, garden.shed.shelf
"""


def test_by_reference_without_registration(garden):
    with Peer([garden]) as driver, Peer() as worker:
        driver.run(IMPORTS)
        with pytest.raises(RemoteError) as caught:
            worker.load(driver.pickle("garden.tools.dig"))
    assert (caught.value.kind, caught.value.message) == ("ModuleNotFoundError", "No module named 'garden'")


@pytest.mark.parametrize(
    "registered, expression, use, expected",
    [
        ("garden.tools", "garden.tools.dig", "value(1.5)", 2),
        ("garden.tools", "garden.tools.Spade", "value().use()", 10),
        ("garden.tools", "garden.tools.Spade()", "value.use()", 10),
        ("garden.tools", "garden.dig", "value(1.5)", 2),
        ("garden", "garden.top", "value()", 3),
        ("garden", "garden.tools.dig", "value(1.5)", 2),
        ("garden", "garden.shed.shelf.put", "value(1)", ["shelf", 1]),
        ("garden.shed", "garden.shed.shelf.put", "value(2)", ["shelf", 2]),
        ("garden", "garden.shed.shelf.T", "value.__name__", "T"),
        ("garden.tools", "lambda: garden.tools.dig(2)", None, None),
        ("garden", "lambda: garden.tools.dig(2)", "value()", 4),
        ("garden.tools", "(lambda f: lambda: f(3))(garden.tools.dig)", "value()", 6),
    ],
)
def test_by_value(garden, registered, expression, use, expected):
    """A registered module's parents do not count, its children do."""
    with Peer([garden]) as driver, Peer() as worker:
        driver.run(IMPORTS + f"cloudpickle.register_pickle_by_value({registered})")
        if use is None:
            with pytest.raises(RemoteError) as caught:
                worker.load(driver.pickle(expression))
            assert caught.value.kind == "ModuleNotFoundError"
        else:
            worker.load(driver.pickle(expression))
            assert worker.evaluate(use) == expected


def test_registration_does_not_reach_names_that_merely_begin_alike(garden):
    with Peer([garden]) as driver, Peer() as worker:
        driver.run(IMPORTS + "cloudpickle.register_pickle_by_value(garden)")
        with pytest.raises(RemoteError) as caught:
            worker.load(driver.pickle("gardening.other"))
    assert caught.value.message == "No module named 'gardening'"


def test_module_itself_by_value(garden):
    with Peer([garden]) as driver, Peer() as worker:
        driver.run(IMPORTS + "cloudpickle.register_pickle_by_value(gardening)")
        worker.load(driver.pickle("gardening"))
        assert worker.evaluate("[value.other(), value.__name__]") == ["other", "gardening"]


def test_unregistered_again(garden):
    with Peer([garden]) as driver, Peer() as worker:
        driver.run(IMPORTS + "cloudpickle.register_pickle_by_value(garden)\nby_value = garden.tools.dig")
        worker.load(driver.pickle("garden.tools.dig"))
        assert worker.evaluate("value(1)") == 2
        driver.run("cloudpickle.unregister_pickle_by_value(garden)")
        payload = driver.pickle("garden.tools.dig")
        assert len(payload) < 50
        # The worker of before could import it from the source that came with the function.
        with Peer() as another, pytest.raises(RemoteError):
            another.load(payload)


def test_module_edited_and_reloaded_in_the_driver(garden):
    """The use case: the worker runs the new source without being restarted."""
    with Peer([garden]) as driver, Peer() as worker:
        driver.run(IMPORTS + "import importlib\ncloudpickle.register_pickle_by_value(garden)")
        worker.load(driver.pickle("garden.tools.dig"), "before")
        driver.run("garden.tools.DEPTH = 100")
        worker.load(driver.pickle("garden.tools.dig"), "after")
        assert worker.evaluate("[before(1), after(1)]") == [2, 100]


def test_worker_that_has_the_module_does_not_use_it(garden):
    """By value means by value, also where the name could be imported."""
    with Peer([garden]) as driver, Peer([garden]) as worker:
        driver.run(IMPORTS + "cloudpickle.register_pickle_by_value(garden.tools)\ngarden.tools.DEPTH = 7")
        worker.load(driver.pickle("garden.tools.dig"))
        assert worker.evaluate("value(1)") == 7


def test_list_of_the_registry(by_value_registry):
    assert textwrap.__name__ not in cloudpickle.list_registry_pickle_by_value()
    cloudpickle.register_pickle_by_value(textwrap)
    listed = cloudpickle.list_registry_pickle_by_value()
    assert isinstance(listed, set) and "textwrap" in listed
    listed.clear()
    assert "textwrap" in cloudpickle.list_registry_pickle_by_value()
    cloudpickle.register_pickle_by_value(textwrap)
    cloudpickle.unregister_pickle_by_value(textwrap)
    assert "textwrap" not in cloudpickle.list_registry_pickle_by_value()


@pytest.mark.parametrize("value", ["textwrap", None, 5, object], ids=repr)
def test_registering_what_is_no_module(value, by_value_registry):
    for function in (cloudpickle.register_pickle_by_value, cloudpickle.unregister_pickle_by_value):
        with pytest.raises(ValueError) as caught:
            function(value)
        assert str(caught.value) == f"Input should be a module object, got {value} instead"


def test_registering_a_module_that_was_not_imported(by_value_registry):
    module = types.ModuleType("never_imported")
    with pytest.raises(ValueError) as caught:
        cloudpickle.register_pickle_by_value(module)
    expected = f"{module} was not imported correctly, have you used an `import` statement to access it?"
    assert str(caught.value) == expected


def test_unregistering_what_is_not_registered(by_value_registry):
    with pytest.raises(ValueError) as caught:
        cloudpickle.unregister_pickle_by_value(sys)
    assert str(caught.value) == f"{sys} is not registered for pickle by value"


def test_what_is_no_module_in_sys_modules(by_value_registry):
    """`find_class` would take anything that stands there; it need not have a name."""
    source = """
    import sys, types, cloudpickle
    def f(): return 1
    f.__module__ = "stand_in"
    sys.modules["stand_in"] = types.SimpleNamespace(f=f)
    class Named:
        def __reduce__(self): return "THE"
    THE = Named()
    Named.__module__ = "stand_in"
    sys.modules["stand_in"].THE = THE
    """
    with Peer() as driver:
        driver.run(source)
        assert driver.evaluate("cloudpickle.loads(cloudpickle.dumps(f)) is f") is True
        assert driver.evaluate("cloudpickle.loads(cloudpickle.dumps(THE)) is THE") is True
