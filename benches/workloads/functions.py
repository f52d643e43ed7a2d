"""Functions and lambdas of `__main__`."""

from __future__ import annotations

import itertools
from types import CodeType, FunctionType
from typing import Any, Callable

from workloads import Workload, of_main

_line = itertools.count(1000)


def same_for(*arguments: Any) -> Callable[[Any, Any], bool]:
    """Whether two functions give the same."""
    return lambda mine, loaded: loaded is not mine and mine(*arguments) == loaded(*arguments)


def same_closures(mine: Any, loaded: Any) -> bool:
    return [function(3) for function in mine] == [function(3) for function in loaded]


def cold_functions(count: int) -> list[FunctionType]:
    """The 40-line function so many times, each with code that is equal to no other: code objects compare by value."""
    model = of_main("forty_line_function")
    functions = []
    for _ in range(count):
        function = FunctionType(on_line(model.__code__, next(_line)), model.__globals__, model.__name__)
        function.__defaults__ = model.__defaults__
        function.__kwdefaults__ = dict(model.__kwdefaults__)
        function.__doc__ = model.__doc__
        functions.append(function)
    return functions


def on_line(code: CodeType, line: int) -> CodeType:
    """The same code, and that of the functions in it, as if it stood on another line."""
    constants = (on_line(value, line) if isinstance(value, CodeType) else value for value in code.co_consts)
    return code.replace(co_firstlineno=line, co_consts=tuple(constants))


def of_packages(_: int) -> Any:
    return of_main("uses_packages")


SAME_ROWS = same_for(["a", "b", "c", "d"])
SAME_ADDRESS = same_for("http://host/a/b.txt?x=1&y=2", "here")

WORKLOADS = [
    Workload("lambda", lambda _: of_main("simple_lambda"), same=same_for(2), c_pickle=False),
    Workload("closure", lambda _: of_main("make_closure")(), same=same_for(2), c_pickle=False),
    Workload("40-line function", lambda _: of_main("forty_line_function"), same=SAME_ROWS, c_pickle=False),
    Workload("cold function", cold_functions, same=SAME_ROWS, c_pickle=False, fresh=True),
    Workload("function using packages, 200 modules", of_packages, same=SAME_ADDRESS, c_pickle=False, modules=200),
    Workload("function using packages, 3000 modules", of_packages, same=SAME_ADDRESS, c_pickle=False, modules=3000),
    Workload(
        "100 closures",
        lambda count: [of_main("make_closure")() for _ in range(count)],
        count=100,
        same=same_closures,
        c_pickle=False,
    ),
]
