"""Globals: `loads` finds them as `pickle` does, and everybody who watches sees the same."""

import builtins
import pickle
import subprocess
import sys
import threading
import types

import pytest

import cloudpickle
from implementation import not_on_pypy

LOADERS = pytest.mark.parametrize("loads", [pickle.loads, cloudpickle.loads], ids=["pickle", "cloudpickle"])


def pickle_of(module, name):
    parts = [b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)]
    return b"\x80\x05" + b"".join(parts) + b"\x93."


@pytest.fixture
def module():
    name = "module_of_this_test"
    sys.modules[name] = types.ModuleType(name)
    yield sys.modules[name]
    sys.modules.pop(name, None)


@LOADERS
def test_a_global_that_is_replaced(loads, module):
    for module.value in ([1], [2]):
        assert loads(pickle_of(module.__name__, "value")) is module.value


@LOADERS
def test_a_module_that_is_replaced(loads, module):
    module.value = [1]
    assert loads(pickle_of(module.__name__, "value")) is module.value
    other = sys.modules[module.__name__] = types.ModuleType(module.__name__)
    other.value = [2]
    assert loads(pickle_of(module.__name__, "value")) is other.value


@LOADERS
def test_a_module_with_getattr(loads, module):
    asked = []
    module.__getattr__ = lambda name: asked.append(name) or [name]
    assert loads(pickle_of(module.__name__, "value")) == ["value"]
    assert asked == ["value"]


@LOADERS
def test_a_module_whose_class_has_attributes(loads, module):
    class Lazy(types.ModuleType):
        value = property(lambda self: "computed")

    module.__class__ = Lazy
    module.__dict__["value"] = "in the dict"
    assert loads(pickle_of(module.__name__, "value")) == "computed"


def test_what_is_asked_of_a_module_with_a_class_of_its_own(module):
    asked = []

    class Told(types.ModuleType):
        def __getattribute__(self, name):
            asked.append(name)
            return super().__getattribute__(name)

    module.value = [7]
    data = pickle_of(module.__name__, "value")
    module.__class__ = Told
    lists = []
    for loads in (pickle.loads, cloudpickle.loads):
        asked.clear()
        assert loads(data) is vars(module)["value"]
        lists.append([name for name in asked if name != "__dict__"])
    assert lists[0] == lists[1]


@LOADERS
def test_what_stands_for_a_module(loads, module):
    sys.modules[module.__name__] = types.SimpleNamespace(value=[3])
    assert loads(pickle_of(module.__name__, "value")) == [3]


@LOADERS
@pytest.mark.parametrize("name", ["__name__", "__dict__", "__class__", "__doc__"])
def test_names_that_modules_have(loads, module, name):
    data = pickle_of(module.__name__, name)
    assert loads(data) is getattr(module, name)
    vars(module)[name] = "in the dict"
    assert loads(data) is getattr(module, name)


@LOADERS
def test_dotted_names(loads, module):
    module.outer = types.SimpleNamespace(inner=[4])
    vars(module)["outer.inner"] = "in the dict"
    assert loads(pickle_of(module.__name__, "outer.inner")) is module.outer.inner
    for name in ("outer.missing", "<locals>", "outer.<locals>.inner", ".", "outer."):
        with pytest.raises(AttributeError):
            loads(pickle_of(module.__name__, name))


@LOADERS
def test_a_module_that_is_imported(loads, tmp_path, monkeypatch):
    (tmp_path / "imported_by_pickle.py").write_text("value = [5]\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert loads(pickle_of("imported_by_pickle", "value")) == [5]
    finally:
        del sys.modules["imported_by_pickle"]


@LOADERS
def test_an_import_that_fails(loads, tmp_path, monkeypatch):
    (tmp_path / "fails_on_import.py").write_text("raise KeyError('on import')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyError, match="on import"):
        loads(pickle_of("fails_on_import", "value"))


@not_on_pypy("an unpickler of ours")
@LOADERS
def test_an_import_function_that_is_replaced(loads, module, monkeypatch):
    asked = []
    usual = builtins.__import__

    def importing(name, *others):
        asked.append(name)
        return usual(name, *others)

    module.value = [6]
    monkeypatch.setattr(builtins, "__import__", importing)
    assert loads(pickle_of(module.__name__, "value")) == [6]
    monkeypatch.undo()
    assert asked == [module.__name__]


@not_on_pypy("a C pickler")
@LOADERS
def test_an_import_function_of_these_globals(loads, module, monkeypatch):
    """A function keeps the builtins that it was made with. Imports look at its globals."""
    asked = []

    def importing(name, *others):
        asked.append(name)
        return builtins.__import__(name, *others)

    module.value = [6]
    data = pickle_of(module.__name__, "value")
    monkeypatch.setitem(globals(), "__builtins__", {**vars(builtins), "__import__": importing})
    assert loads(data) == [6]
    assert asked == [module.__name__]


@LOADERS
def test_a_module_that_another_thread_imports(loads, tmp_path, monkeypatch):
    """It is not there before the import is over."""
    (tmp_path / "imported_slowly.py").write_text(
        "import gate_of_this_test\ngate_of_this_test.entered.set()\ngate_of_this_test.leave.wait(60)\nvalue = [7]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    gate = types.ModuleType("gate_of_this_test")
    gate.entered, gate.leave = threading.Event(), threading.Event()
    monkeypatch.setitem(sys.modules, gate.__name__, gate)
    importer = threading.Thread(target=__import__, args=("imported_slowly",))
    importer.start()
    assert gate.entered.wait(60)
    results = []
    loader = threading.Thread(target=lambda: results.append(loads(pickle_of("imported_slowly", "value"))))
    loader.start()
    gate.leave.set()
    importer.join()
    loader.join()
    del sys.modules["imported_slowly"]
    assert results == [[7]]


AUDITED = """
import pickle, sys
import cloudpickle
data = pickle.dumps([len, sys.exit, pickle.loads], 5)
seen = []
# Hooks are never taken away again: this runs in a process of its own.
sys.addaudithook(lambda event, arguments: seen.append(arguments) if event == "pickle.find_class" else None)
pickle.loads(data)
expected = list(seen)
seen.clear()
cloudpickle.loads(data)
assert seen == expected and len(seen) == 3, (seen, expected)

class Refused(Exception):
    pass

def refuse(event, arguments):
    if event == "pickle.find_class" and arguments[1] == "exit":
        raise Refused

sys.addaudithook(refuse)
try:
    cloudpickle.loads(data)
except Refused:
    print("refused")
"""


def test_audit_hooks_are_told_and_may_refuse():
    result = subprocess.run([sys.executable, "-c", AUDITED], capture_output=True, text=True, check=False)
    assert result.stdout == "refused\n", result.stderr
