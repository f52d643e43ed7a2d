"""Functions of a package under development may import from it where they run, on workers that lack it."""

import pytest

from travel import Peer, RemoteError

PACKAGE = {
    "__init__.py": "version = 1",
    "part.py": """
from . import other

def through_global(): return other.answer() + 1

def relative():
    from . import other
    return other.answer()

def relative_name():
    from .other import answer
    return answer()

def absolute():
    import package.other
    return package.other.answer()

def absolute_name():
    from package.other import answer
    return answer()

def of_package():
    from package import version
    return version

def deep():
    from .inner.leaf import value
    return value
""",
    "other.py": "import package.part\n\ndef answer(): return 41\n\ndef back(): return package.part.through_global()",
    "inner/__init__.py": "",
    "inner/leaf.py": "from ..other import answer\nvalue = answer() + 2",
    "unrelated.py": "raise RuntimeError('nobody imports this')",
}
REGISTER = "import cloudpickle, package.part, package.other\ncloudpickle.register_pickle_by_value(package)"


def write(folder, files):
    for name, text in files.items():
        path = folder / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def driver(tmp_path):
    with Peer([write(tmp_path / "driver", PACKAGE)]) as peer:
        peer.run(REGISTER)
        yield peer


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("through_global", 42),
        ("relative", 41),
        ("relative_name", 41),
        ("absolute", 41),
        ("absolute_name", 41),
        ("of_package", 1),
        ("deep", 43),
    ],
)
def test_imports_inside_functions(driver, name, expected):
    with Peer() as worker:
        worker.load(driver.pickle(f"package.part.{name}"))
        assert worker.evaluate("value()") == expected


def test_methods_import_too(driver):
    with Peer() as worker:
        driver.run("class A:\n    def f(self): return package.part.relative()\na = A()")
        worker.load(driver.pickle("a.f"))
        assert worker.evaluate("value()") == 41


def test_modules_that_import_each_other(driver):
    with Peer() as worker:
        worker.load(driver.pickle("[package.part, package.other]"))
        use = "[value[0].through_global(), value[1].back(), value[0].other is value[1], value[0].__name__]"
        assert worker.evaluate(use) == [42, 42, True, "package.part"]


def test_a_reference_that_uses_registered_code(driver, tmp_path):
    """Its module is imported after the payload was loaded."""
    folder = tmp_path / "installed"
    folder.mkdir()
    (folder / "user.py").write_text("from package import part\ndef call(): return part.through_global()")
    with Peer([folder]) as worker:
        worker.load(driver.pickle("package.part.relative"))
        assert worker.evaluate("import user; user.call()") == 42


def test_what_the_worker_has_is_not_shadowed(driver, tmp_path):
    installed = write(tmp_path / "installed", {"__init__.py": "version = 2", "other.py": "def answer(): return 0"})
    with Peer([installed]) as worker:
        worker.load(driver.pickle("[package.part.of_package, package.part.relative, package.part.through_global]"))
        # What is imported there is the worker's, what travels with the function is the driver's.
        assert worker.evaluate("[f() for f in value]") == [2, 0, 42]


@pytest.mark.also_upstream
def test_what_is_imported_there_already_stays(driver):
    with Peer() as worker:
        worker.run("import sys, types\nmine = sys.modules['package'] = types.ModuleType('package')\nmine.version = 3")
        worker.load(driver.pickle("package.part.of_package"))
        assert worker.evaluate("[value(), sys.modules['package'] is mine]") == [3, True]


@pytest.mark.also_upstream
def test_nothing_is_imported_by_loading(driver):
    with Peer() as worker:
        worker.load(driver.pickle("package.part.relative"))
        assert worker.evaluate("import sys; [n for n in sys.modules if n.startswith('package')]") == []


def test_an_edit_reaches_the_worker(tmp_path):
    payloads = []
    for version in (1, 2):
        folder = write(tmp_path / str(version), {**PACKAGE, "__init__.py": f"version = {version}"})
        with Peer([folder]) as peer:
            peer.run(REGISTER)
            payloads.append(peer.pickle("package.part.of_package"))
    with Peer() as worker:
        for payload, version in zip(payloads, (1, 2)):
            worker.load(payload)
            assert worker.evaluate("value()") == version


def test_tracebacks_show_the_source(driver):
    with Peer() as worker:
        driver.run("package.other.answer = None")
        worker.load(driver.pickle("package.part.relative"))
        use = """
            import linecache, package.other
            value()
            linecache.getline(package.other.__file__, 3, vars(package.other)).strip()
        """
        assert worker.evaluate(use) == "def answer(): return 41"


def test_builtin_types_of_a_registered_module_stay_by_reference():
    with Peer() as driver, Peer() as worker:
        driver.run("import cloudpickle, _datetime, collections\ncloudpickle.register_pickle_by_value(collections)")
        worker.load(driver.pickle("[collections.deque, collections.OrderedDict, collections.defaultdict(list)]"))
        assert worker.evaluate("import collections; value[0] is collections.deque") is True


PER_CALL = "import cloudpickle, package.part, package.other"


@pytest.mark.parametrize(
    "dumps",
    [
        "cloudpickle.dumps(package.part.relative, by_value=[package])",
        "cloudpickle.dumps(package.part.relative, by_value=(package.part, package.other, package))",
        "f = io.BytesIO(); cloudpickle.dump(package.part.relative, f, by_value=[package]); f.getvalue()",
        "f = io.BytesIO(); cloudpickle.Pickler(f, by_value=[package]).dump(package.part.relative); f.getvalue()",
    ],
)
def test_for_one_call_alone(tmp_path, dumps):
    with Peer([write(tmp_path, PACKAGE)]) as driver, Peer() as worker:
        driver.run(PER_CALL + "\nimport io")
        worker.load(driver.evaluate(dumps.replace("; ", "\n")))
        assert worker.evaluate("value()") == 41
        driver.run("import pickle, pickletools\nby_name = pickletools.optimize(pickle.dumps(package.part.relative))")
        use = "len(cloudpickle.dumps(package.part.relative)), cloudpickle.list_registry_pickle_by_value()"
        assert driver.evaluate(use) == (driver.evaluate("len(by_name)"), set())


def test_for_one_call_is_for_its_thread_and_not_for_calls_inside_it(tmp_path):
    source = """
    import threading
    sizes = []
    def note(): sizes.append(len(cloudpickle.dumps(package.part.relative)))
    class Nested:
        def __reduce__(self):
            note()
            thread = threading.Thread(target=note)
            thread.start()
            thread.join()
            return str, ()
    payload = cloudpickle.dumps([Nested(), package.part.relative, Nested()], by_value=[package])
    """
    with Peer([write(tmp_path, PACKAGE)]) as driver:
        driver.run(PER_CALL)
        driver.run(source)
        assert driver.evaluate("max(sizes) < 60 < 500 < len(payload)") is True


def test_for_one_call_refuses_what_is_no_module(tmp_path):
    with Peer([write(tmp_path, PACKAGE)]) as driver:
        driver.run(PER_CALL)
        for wrong in ("[1]", "['package']"):
            with pytest.raises(RemoteError, match="ValueError"):
                driver.evaluate(f"cloudpickle.dumps(1, by_value={wrong})")
