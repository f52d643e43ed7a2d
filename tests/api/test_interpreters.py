"""The package and the life of the interpreter: sub-interpreters, shutdown, signals."""

import sys

import pytest

from implementation import not_on_pypy
from travel import run_script

SUB_INTERPRETERS = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"


def test_sub_interpreters_are_refused_and_do_no_harm():
    """What the extension keeps for the process would mix the objects of two interpreters."""
    pytest.importorskip(SUB_INTERPRETERS)
    result = run_script(
        f"""
        import {SUB_INTERPRETERS} as interpreters, os, pickle
        script = '''
        try:
            import cloudpickle
        except ImportError as error:
            text = "refused: " + str(error)
        else:
            text = "imported"
        with open("outcome", "w") as file:
            file.write(text)
        '''
        import textwrap
        interpreter = interpreters.create()
        interpreters.run_string(interpreter, textwrap.dedent(script))
        interpreters.destroy(interpreter)
        import cloudpickle
        class C: pass
        report(outcome=open("outcome").read(), here=pickle.loads(cloudpickle.dumps(C)) is C)
        """
    )
    # Since 3.12 the interpreter itself refuses extensions that do not declare their support.
    assert result["outcome"].startswith("refused: ")
    assert result["here"] is True


@not_on_pypy("finalisers at exit")
def test_finalisers_that_pickle_at_shutdown():
    """An answer or an exception that `except Exception` catches, whatever is left of the interpreter."""
    result = run_script(
        """
        import json, os, sys, cloudpickle
        class AtTheEnd:
            def __init__(self, name, work): self.name, self.work = name, work
            def __del__(self, write=os.write):
                try:
                    outcome = "bytes" if type(self.work()) is bytes else "?"
                except Exception as error:
                    outcome = "exception"
                except BaseException as error:
                    outcome = type(error).__name__
                write(1, ('REPORT {"%s": "%s"}\\n' % (self.name, outcome)).encode())
        class C: pass
        function = lambda: 1
        objects = {"function": function, "class": C, "module": os, "builtin": len, "data": [1], "instance": C()}
        for name, obj in objects.items():
            sys.modules["keeps_" + name] = AtTheEnd(name, lambda dumps=cloudpickle.dumps, obj=obj: dumps(obj))
        """
    )
    assert set(result) == {"function", "class", "module", "builtin", "data", "instance"}
    assert set(result.values()) <= {"bytes", "exception"}


def test_a_signal_interrupts_a_long_dump():
    """The handler runs during the dump, not behind it: its exception comes out of `dumps`."""
    result = run_script(
        """
        import signal, cloudpickle
        def interrupt(*args): raise KeyboardInterrupt
        data = [[i] for i in range(2_000_000)]
        signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        try:
            cloudpickle.dumps(data)
            report(outcome="finished")
        except KeyboardInterrupt:
            report(outcome="interrupted")
        """
    )
    assert result == {"outcome": "interrupted"}
