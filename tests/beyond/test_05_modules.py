"""Lazy modules go by reference; dynamic ones share a namespace with their functions, and may refer to each other."""

from travel import ship

LAZY = """
import json, sys, types
class Lazy(types.ModuleType):
    def __getattr__(self, name):
        raise AttributeError(f"not loaded: {name}")
lazy = Lazy("json")
lazy.__dict__.update(vars(json))
sys.modules["json"] = lazy
"""


def test_lazy_module():
    assert ship(LAZY, "lazy", "import json; value is json") is True


def test_lazy_module_that_a_function_uses():
    assert ship(LAZY + "def f(): return lazy.dumps([1])", "f", "value()") == "[1]"


DYNAMIC = """
import types
module = types.ModuleType("made_up")
exec('''
count = 0
def add():
    global count
    count += 1
def get():
    return count
class Reader:
    def get(self): return count
''', module.__dict__)
"""


def test_functions_share_the_namespace_of_their_module():
    use = "value.add(); value.add(); [value.count, value.get(), value.Reader().get()]"
    assert ship(DYNAMIC, "module", use) == [2, 2, 2]


def test_what_is_set_in_the_module_its_functions_see():
    assert ship(DYNAMIC, "module", "value.count = 7; [value.get(), value.get.__globals__ is vars(value)]") == [7, True]


def test_module_that_refers_to_itself():
    assert ship(DYNAMIC + "module.me = module", "module", "value.me is value") is True


def test_modules_that_refer_to_each_other():
    source = DYNAMIC + "other = types.ModuleType('other')\nother.module, module.other = module, other"
    assert ship(source, "(module, other)", "[value[0].other is value[1], value[1].module is value[0]]") == [True, True]


def test_module_with_its_functions_beside_it():
    use = "module, add, get = value; add(); [get(), module.count, module.add is add]"
    assert ship(DYNAMIC, "(module, module.add, module.get)", use) == [1, 1, True]
