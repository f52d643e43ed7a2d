"""Modules: by name where the worker can import them, by value where they exist in the driver's memory only."""

import sys
import xml.etree.ElementTree

import pytest

from travel import RemoteError, load_elsewhere, ship

DYNAMIC = """
import types
module = types.ModuleType("made_up", "Its docstring.")
exec('''
import math
base = 10
def f(x):
    return math.floor(x) + base
def set_base(x):
    global base
    base = x
class A:
    def g(self): return f(1)
''', module.__dict__)
"""


def test_by_reference(protocol):
    assert load_elsewhere(xml.etree.ElementTree, "import sys; value is sys.modules['xml.etree.ElementTree']", protocol)


def test_submodule():
    """`os.path` is another module than its name: `posixpath` or `ntpath`."""
    import os.path

    assert load_elsewhere(os.path, "import os; value is os.path") is True


def test_dynamic(protocol):
    use = "[value.__name__, value.__doc__, value.base, value.f(2.5), value.A().g()]"
    assert ship(DYNAMIC, "module", use, protocol) == ["made_up", "Its docstring.", 10, 12, 11]


def test_dynamic_module_is_not_put_into_sys_modules():
    assert ship(DYNAMIC, "module", "import sys; 'made_up' in sys.modules") is False


def test_functions_of_a_dynamic_module_share_their_globals():
    use = "value[0](5); value[1](1)"
    assert ship(DYNAMIC, "(module.set_base, module.f)", use) == 6


def test_dynamic_module_twice_is_one_module():
    assert ship(DYNAMIC, "(module, [module])", "value[0] is value[1][0]") is True


def test_dynamic_module_that_holds_itself():
    source = DYNAMIC + "\nmodule.me = [module]\n"
    assert ship(source, "module.f", "value(1)") == 11


def test_builtins_of_a_dynamic_module_do_not_travel():
    """`__builtins__` may hold what cannot be pickled: https://github.com/cloudpipe/cloudpickle/issues/316"""
    source = DYNAMIC + "\nimport threading\nmodule.__builtins__ = {'lock': threading.Lock()}\n"
    use = "'lock' in value.__builtins__, 'len' in value.__builtins__"
    assert ship(source, "module", use) == (False, True)


def test_dynamic_module_with_package_attributes():
    source = DYNAMIC + "\nmodule.__file__, module.__path__ = 'somewhere.py', ['somewhere']\n"
    assert ship(source, "module", "[value.__file__, value.__path__]") == ["somewhere.py", ["somewhere"]]


def test_module_removed_from_sys_modules_is_dynamic():
    source = """
    import sys, types
    present = types.ModuleType("present"); present.x = 1
    sys.modules["present"] = present
    removed = types.ModuleType("removed"); removed.x = 2
    """
    assert ship(source, "removed", "value.x") == 2


def test_function_using_a_dynamic_module():
    source = DYNAMIC + "\ndef use(x):\n    return module.f(x)\n"
    assert ship(source, "use", "value(3)") == 13


def test_builtin_and_extension_modules():
    import math
    import sys

    assert load_elsewhere((sys, math), "import math, sys; value[0] is sys and value[1] is math") is True


def test_what_is_imported_already_is_asked_for_where_import_was_replaced(monkeypatch):
    """The module is the same, found in `sys.modules` or by whatever stands for `__import__`."""
    import builtins

    import cloudpickle

    data, asked, original = cloudpickle.dumps(xml.etree.ElementTree), [], builtins.__import__
    assert cloudpickle.loads(data) is xml.etree.ElementTree
    monkeypatch.setattr(builtins, "__import__", lambda name, *rest: (asked.append(name), original(name, *rest))[1])
    assert cloudpickle.loads(data) is xml.etree.ElementTree
    assert "xml.etree.ElementTree" in asked


lazy_imports = pytest.mark.skipif(sys.version_info < (3, 15), reason="lazy imports are syntax of Python 3.15")


@lazy_imports
def test_lazy_import_that_a_function_uses():
    """PEP 810: until it is used, the global is a stand-in, which cannot be pickled."""
    source = "lazy import json\nlazy from os import path\ndef f(): return json.dumps([1]), path.basename('a/b')"
    assert ship(source, "f", "value()") == ("[1]", "b")


@lazy_imports
def test_lazy_import_of_a_submodule():
    source = "lazy import xml.dom.minidom\ndef f(): return xml.dom.minidom.parseString('<a/>').documentElement.tagName"
    assert ship(source, "f", "value()") == "a"


@lazy_imports
def test_lazy_import_in_a_dynamic_module():
    source = "import types\nm = types.ModuleType('m')\nexec('lazy import json', m.__dict__)"
    assert ship(source, "m", "value.json.dumps(1)") == "1"


@lazy_imports
def test_lazy_import_that_fails_says_so():
    with pytest.raises(RemoteError, match="ModuleNotFoundError.*nothing_of_that_name"):
        ship("lazy import nothing_of_that_name\ndef f(): return nothing_of_that_name", "f", "value")
