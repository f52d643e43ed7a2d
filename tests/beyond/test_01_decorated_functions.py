"""Caches, dispatching functions and context managers of `__main__` work in the worker."""

import sys

import pytest

from travel import RemoteError, ship, ship_and_return

CACHED = """
import functools
@functools.lru_cache(maxsize=7, typed=True)
def f(x):
    'Doubles.'
    return x * 2
f.tag = "kept"
f(1)
"""


def test_cache_arrives_empty_with_its_parameters():
    use = "value(3); tuple(value.cache_info())"
    assert ship(CACHED, "f", use) == (0, 1, 7, 1)
    use = "[value(3), value.cache_parameters(), value.tag, value.__name__, value.__doc__]"
    assert ship(CACHED, "f", use) == [6, {"maxsize": 7, "typed": True}, "kept", "f", "Doubles."]


def test_cache_keeps_its_identity():
    assert ship(CACHED, "(f, [f], lambda: f)", "value[0] is value[1][0] is value[2]()") is True


def test_cache_that_its_function_calls():
    source = """
    import functools
    @functools.lru_cache(maxsize=None)
    def f(n): return n if n < 2 else f(n - 1) + f(n - 2)
    """
    use = "[value(30), value.cache_info().misses, value.__wrapped__.__globals__['f'] is value]"
    assert ship(source, "f", use) == [832040, 31, True]


def test_cache_that_says_it_wraps_another_function():
    """What is called is the function that the cache was made of, whatever `functools.wraps` says of it."""
    source = """
    import functools
    def cached(function):
        @functools.wraps(function)
        @functools.lru_cache(maxsize=None)
        def add(x): return function(x) + 1
        return add
    @cached
    def f(x): return x * 10
    """
    assert ship(source, "f", "[value(3), value.__name__, value.__wrapped__(3)]") == [31, "f", 30]


def test_cache_of_a_class_and_of_callables_that_keeps_functions():
    source = """
    import functools
    class A:
        def __init__(self, x): self.x = x
    def same(x): return x
    caches = [functools.lru_cache(A), functools.lru_cache(functools.partial(int, base=2)), functools.lru_cache(same)]
    caches[2](print)
    """
    use = "[value[0](3).x, value[0](3) is value[0](3), value[1]('11'), value[2](5)]"
    assert ship(source, "caches", use) == [3, True, 3, 5]


def test_cache_tells_of_itself_as_one_made_here():
    use = "import functools; type(value.cache_info()) is functools._CacheInfo"
    assert ship(CACHED, "f", use) is True
    assert ship("import functools", "functools._CacheInfo", "import functools; value is functools._CacheInfo") is True


def test_cache_in_a_class():
    source = """
    import functools
    class A:
        @functools.lru_cache
        def method(self, x): return self, x
        @classmethod
        @functools.lru_cache
        def of_class(cls): return cls
    """
    use = "a = value(); [a.method(1) == (a, 1), value.of_class() is value, value.method.cache_info().currsize]"
    assert ship(source, "A", use) == [True, True, 1]


@pytest.mark.also_upstream
def test_cache_of_an_importable_module_is_a_reference():
    """As plain pickle writes it."""
    assert ship("import tokenize", "tokenize._compile", "import tokenize; value is tokenize._compile") is True


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="cached_property holds no lock since Python 3.12")
def test_cached_property():
    source = "import functools\nclass A:\n    @functools.cached_property\n    def p(self): 'Doc.'; return [5]"
    use = "a = value(); [a.p is a.p, vars(a), value.p.__doc__, value.p.attrname]"
    assert ship(source, "A", use) == [True, {"p": [5]}, "Doc.", "p"]


DISPATCHING = """
import functools
class C: pass
@functools.singledispatch
def f(x): return "object"
@f.register(int)
def _(x): return "int"
@f.register(C)
def _(x): return "C"
f(1)
"""


def test_singledispatch():
    use = "f, C = value; [f('s'), f(1), f(C()), f.dispatch(bool)(1)]"
    assert ship(DISPATCHING, "(f, C)", use) == ["object", "int", "C", "int"]


def test_singledispatch_takes_new_types():
    use = "value.register(str)(lambda x: 'str'); [value('s'), value(b's')]"
    assert ship(DISPATCHING, "f", use) == ["str", "object"]


def test_singledispatchmethod():
    source = """
    import functools
    class A:
        @functools.singledispatchmethod
        def f(self, x): return "object"
        @f.register(int)
        def _(self, x): return "int"
    """
    assert ship(source, "A()", "[value.f('s'), value.f(1)]") == ["object", "int"]


CONTEXT = """
import contextlib
log = []
@contextlib.contextmanager
def tag(name, *, end="/"):
    log.append(name)
    yield name
    log.append(end)
manager = tag("a", end="b")
@tag("c")
def f():
    return list(log)
"""


def test_context_manager():
    assert ship(CONTEXT, "(manager, log)", "with value[0] as name: pass\n[name, value[1]]") == ["a", ["a", "b"]]


def test_context_manager_as_a_decorator():
    assert ship(CONTEXT, "f", "[value(), value()]") == [["c"], ["c", "/", "c"]]


def test_context_manager_that_was_entered():
    with pytest.raises(RemoteError, match="context manager that was entered"):
        ship(CONTEXT + "manager.__enter__()", "manager", "value")


def test_asynchronous_context_manager():
    source = "import contextlib\n@contextlib.asynccontextmanager\nasync def c(): yield 4\nmanager = c()"
    use = "import asyncio\nasync def main():\n    async with value as x: return x\nasyncio.run(main())"
    assert ship(source, "manager", use) == 4


def test_partial_trees_over_these():
    source = CACHED + "p = functools.partial(map, functools.partial(f))"
    assert ship(source, "p", "list(value([1, 2]))") == [2, 4]


def test_cache_that_comes_back_is_usable():
    assert ship_and_return(CACHED, "f", "value", "[returned(4), returned.cache_parameters()['maxsize']]") == [8, 7]
