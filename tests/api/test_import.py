"""Importing the package imports little, and what it leaves out is found when a program has it."""

import subprocess
import sys

import pytest


def run(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_neither_logging_nor_platform_is_imported():
    code = "import sys; before = set(sys.modules); import cloudpickle; print(*(set(sys.modules) - before))"
    assert {"logging", "platform"}.isdisjoint(run(code).split())


@pytest.mark.parametrize("first", ["cloudpickle", "logging"])
def test_reducers_of_modules_that_are_imported_later(first):
    """The same table in the end, and the same bytes, whichever came first."""
    second = "logging" if first == "cloudpickle" else "cloudpickle"
    code = f"""
import {first}, {second}, typing
from cloudpickle.cloudpickle import Pickler, _logger_reduce, _typevar_reduce
T = typing.TypeVar("T")
assert cloudpickle.loads(cloudpickle.dumps(logging.getLogger("a.b"))) is logging.getLogger("a.b")
assert cloudpickle.loads(cloudpickle.dumps(logging.getLogger())) is logging.getLogger()
assert cloudpickle.loads(cloudpickle.dumps(T)) is T
assert Pickler.dispatch_table[logging.Logger] is _logger_reduce
assert Pickler.dispatch_table[typing.TypeVar] is _typevar_reduce
print(cloudpickle.dumps(logging.getLogger("a.b")))
"""
    assert "a.b" in run(code)


def test_what_was_registered_before_stays():
    code = """
import cloudpickle
import logging
cloudpickle.Pickler.dispatch_table[logging.Logger] = lambda logger: (str, (logger.name,))
print(cloudpickle.loads(cloudpickle.dumps(logging.getLogger("a.b"))))
"""
    assert run(code) == "a.b"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
def test_type_variables_of_syntax_without_typing():
    code = """
import sys, cloudpickle
def f[T](x: T) -> T: return x
g = cloudpickle.loads(cloudpickle.dumps(f))
T = type(f.__type_params__[0])
assert cloudpickle.loads(cloudpickle.dumps(T)) is T
print(g(1), g.__type_params__[0].__name__)
"""
    assert run(code) == "1 T"
