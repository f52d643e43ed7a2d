"""By reference or by value: the lookup of a home module, in the presence of modules that misbehave."""

import pickle
import sys
import types

import pytest

import cloudpickle
from travel import Peer, round_trip, ship


class Hostile(types.ModuleType):
    """A module that raises whatever it is told to on any access to an unknown attribute."""

    error = RuntimeError

    def __getattr__(self, name):
        raise self.error(name)


@pytest.fixture
def install():
    """Put things into `sys.modules` for the length of a test."""
    before = dict(sys.modules)

    def put(name, module):
        sys.modules[name] = module

    yield put
    for name in set(sys.modules) - set(before):
        del sys.modules[name]


def homeless():
    """A function that says it has no module, so that all modules are searched for it."""

    def f():
        return "homeless"

    f.__module__ = None
    return f


@pytest.mark.parametrize("error", [RuntimeError, ImportError, AttributeError, KeyError, ZeroDivisionError, TypeError])
def test_modules_whose_attributes_raise(install, error):
    module = Hostile("hostile")
    module.error = error
    install("hostile", module)
    assert round_trip(homeless())() == "homeless"
    assert round_trip(lambda: 5)() == 5


def test_none_in_sys_modules(install):
    """`sys.modules[name] = None` blocks an import; https://docs.python.org/3/reference/import.html#the-module-cache"""
    install("blocked", None)
    assert round_trip(homeless())() == "homeless"


def test_things_that_are_no_modules(install):
    class Odd:
        def __getattr__(self, name):
            raise RuntimeError(name)

    for name, thing in {"odd": Odd(), "five": 5, "text": "x", "odd.child": Odd()}.items():
        install(name, thing)
    assert round_trip(homeless())() == "homeless"


def test_keys_that_are_no_strings(install):
    install(5, types.ModuleType("five"))
    assert round_trip(homeless())() == "homeless"


def test_modules_that_import_while_they_are_searched(install):
    class Importing(types.ModuleType):
        def __getattr__(self, name):
            sys.modules[f"imported_{len(sys.modules)}"] = types.ModuleType("late")
            raise AttributeError(name)

    install("importing", Importing("importing"))
    assert round_trip(homeless())() == "homeless"


def test_function_whose_module_is_none_and_is_found(install):
    """An object without `__module__` is looked for by its qualified name in every module, `__main__` excepted."""
    module = types.ModuleType("finds")
    f = homeless()
    f.__qualname__ = "f"
    module.f = f
    install("finds", module)
    assert round_trip(f) is f


def test_class_whose_module_is_none():
    source = "class A:\n    __module__ = None\n    x = 1"
    assert ship(source, "A", "value.x") == 1


def test_name_that_leads_to_another_object(install):
    """`__module__` and `__qualname__` lead to something else: by value."""
    module = types.ModuleType("has_another")
    exec("def f(): return 'first'", module.__dict__)
    first = module.f
    exec("def f(): return 'second'", module.__dict__)
    install("has_another", module)
    assert round_trip(first)() == "first" and round_trip(first) is not first
    assert round_trip(module.f) is module.f


def test_decorated_function_that_was_replaced():
    """The undecorated function has the name of the decorated one."""
    source = """
    def decorate(f):
        return lambda *args: ["decorated", f(*args)]
    @decorate
    def f(x): return x
    """
    assert ship(source, "f", "value(1)") == ["decorated", 1]


def test_module_that_was_never_imported(install):
    """A module object that is not in `sys.modules` makes its functions dynamic."""
    module = types.ModuleType("only_in_memory")
    exec("def f(): return 8", module.__dict__)
    assert round_trip(module.f)() == 8 and round_trip(module.f) is not module.f
    install("only_in_memory", module)
    assert round_trip(module.f) is module.f


def test_function_of_main_goes_by_value():
    with Peer() as driver, Peer() as worker:
        driver.run("def f(): return 'driver'")
        worker.run("def f(): return 'worker'")
        worker.load(driver.pickle("f"))
        assert worker.evaluate("[value(), f()]") == ["driver", "worker"]


def test_main_by_two_names():
    """`multiprocessing` puts the script into `sys.modules` as `__mp_main__` too."""
    with Peer() as driver, Peer() as worker:
        driver.run(
            "import sys\nsys.modules['__mp_main__'] = sys.modules['__main__']\ndef f(): return 1\nf.__module__ = None"
        )
        worker.load(driver.pickle("f"))
        assert worker.evaluate("value()") == 1


def test_local_qualified_name():
    """`<locals>` in a qualified name can never be looked up."""

    def f():
        return 1

    assert f.__module__ in sys.modules
    assert round_trip(f) is not f and round_trip(f)() == 1


def test_lambda_that_is_a_global_of_an_importable_module(install):
    """Its qualified name is `<lambda>`: by value, although a name for it exists."""
    module = types.ModuleType("with_lambda")
    exec("f = lambda: 3", module.__dict__)
    install("with_lambda", module)
    assert round_trip(module.f)() == 3


def test_nested_class_of_an_importable_module(install):
    module = types.ModuleType("nesting")
    exec("class A:\n    class B:\n        def f(self): pass", module.__dict__)
    install("nesting", module)
    assert round_trip((module.A.B, module.A.B.f)) == (module.A.B, module.A.B.f)
    assert b"_make_skeleton_class" not in cloudpickle.dumps(module.A.B)


def test_module_attribute_access_that_raises_for_a_function_of_it(install):
    """Errors of a module's own `__getattr__`, other than AttributeError, are the user's to see or are ignored."""
    module = Hostile("hostile_home")
    f = homeless()
    f.__module__, f.__qualname__ = "hostile_home", "f"
    install("hostile_home", module)
    refusal = None
    try:
        loaded = pickle.loads(cloudpickle.dumps(f))
    except RuntimeError as error:
        refusal = str(error)
    assert refusal == "f" or loaded() == "homeless"
