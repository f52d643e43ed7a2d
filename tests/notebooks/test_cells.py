"""What is defined in the cells of a notebook travels to workers and back, as it stands when it is sent."""

import pickletools
from pathlib import Path

import pytest

from notebook import CellError, Notebook
from travel import RemoteError


def test_the_kernel_is_a_real_one(notebook, worker):
    """Otherwise these tests would prove nothing about notebooks."""
    assert notebook.evaluate("get_ipython().__class__.__name__") == "ZMQInteractiveShell"
    notebook.cell("def f(): pass")
    assert notebook.evaluate("f.__module__, '.py' in f.__code__.co_filename") == ("__main__", True)
    # Its plain pickle is a name, which means nothing elsewhere.
    data = bytes.fromhex(notebook.cell("import pickle; print(pickle.dumps(f).hex())"))
    with pytest.raises(RemoteError, match="AttributeError"):
        worker.load(data, "f")


def test_functions_that_use_each_other_and_variables_of_other_cells(notebook, worker):
    notebook.cell("rate = 0.25")
    notebook.cell("def gross(net): return net * (1 + rate)")
    notebook.cell("import math\ndef total(prices): return math.fsum(map(gross, prices))")
    worker.load(notebook.pickle("total"), "total")
    assert worker.evaluate("total([100, 200])") == 375.0
    notebook.load(worker.pickle("total([100, 200]), total"), "returned")
    assert notebook.evaluate("returned[0], returned[1]([4])") == (375.0, 5.0)


def test_a_cell_that_is_run_again_with_changes(notebook, worker):
    """The usual way of working: edit, run, send."""
    notebook.cell("def step(x): return x + 1")
    notebook.cell("def twice(x): return step(step(x))")
    first = notebook.pickle("twice")
    notebook.cell("def step(x): return x * 10")
    second = notebook.pickle("twice")
    worker.load(first, "first")
    worker.load(second, "second")
    assert worker.evaluate("first(1), second(1), first(1)") == (3, 100, 3)


def test_a_closure_takes_the_variables_as_they_are_when_it_is_sent(notebook, worker):
    notebook.cell(
        """
        limit = 10
        def make(scale):
            seen = []
            def note(value):
                seen.append(min(value * scale, limit))
                return list(seen)
            return note
        note = make(3)
        """
    )
    notebook.cell("note(1)")
    worker.load(notebook.pickle("note"), "note")
    notebook.cell("limit = 100\nnote(20)")
    worker.load(notebook.pickle("note"), "later")
    assert worker.evaluate("note(50)") == [3, 10]
    assert worker.evaluate("later(50)") == [3, 60, 100]
    assert notebook.evaluate("note(1)") == [3, 60, 3]


ACCOUNT = """
class Account:
    '''As it stands in the first cell.'''
    currency = "EUR"

    def __init__(self, balance):
        self.balance = balance

    def pay(self, amount):
        self.balance -= amount
        return self

    @property
    def text(self):
        return f"{self.balance} {self.currency}"

    @classmethod
    def empty(cls):
        return cls(0)

class Savings(Account):
    def pay(self, amount):
        return super().pay(amount + 1)
"""


def test_classes_travel_and_instances_come_back_as_their_own(notebook, worker):
    notebook.cell(ACCOUNT)
    notebook.cell("mine = Savings(100)")
    worker.load(notebook.pickle("mine"), "theirs")
    assert worker.evaluate("theirs.pay(9).text, type(theirs).empty().balance") == ("90 EUR", 0)
    notebook.load(worker.pickle("theirs"), "returned")
    assert notebook.evaluate("type(returned) is Savings, isinstance(returned, Account), returned is mine") == (
        True,
        True,
        False,
    )
    assert notebook.evaluate("returned.balance, mine.balance") == (90, 100)


def test_a_redefined_class_is_another_one(notebook, worker):
    """A worker that has the earlier definition gets the later one, and its earlier instances stay what they are."""
    notebook.cell(ACCOUNT)
    notebook.cell("early = Account(1)")
    worker.load(notebook.pickle("early"), "early")
    notebook.cell(ACCOUNT.replace('"EUR"', '"CHF"').replace("self.balance -= amount", "self.balance -= 2 * amount"))
    notebook.cell("late = Account(100)")
    worker.load(notebook.pickle("late"), "late")
    assert worker.evaluate("early.text, late.pay(10).text, type(early) is type(late)") == ("1 EUR", "80 CHF", False)
    # Back in the notebook each finds the class that it came from.
    notebook.load(worker.pickle("[early, late]"), "returned")
    assert notebook.evaluate("[type(each) is type(own) for each, own in zip(returned, [early, late])]") == [True, True]
    assert notebook.evaluate("isinstance(returned[1], Account), isinstance(returned[0], Account)") == (True, False)


def test_a_class_that_is_edited_in_place_stays_the_same_one(notebook, worker):
    notebook.cell(ACCOUNT)
    notebook.cell("early = Account(1)")
    worker.load(notebook.pickle("early"), "early")
    notebook.cell("Account.currency = 'CHF'\nAccount.double = lambda self: 2 * self.balance")
    worker.load(notebook.pickle("Account(2)"), "late")
    assert worker.evaluate("type(early) is type(late), early.text, early.double()") == (True, "1 CHF", 2)


def test_enums_and_dataclasses(notebook, worker):
    notebook.cell(
        """
        import enum
        from dataclasses import dataclass, field, replace

        class Level(enum.Enum):
            LOW = 1
            HIGH = 2

            def other(self):
                return Level.LOW if self is Level.HIGH else Level.HIGH

        @dataclass(order=True)
        class Reading:
            value: float
            level: Level = field(default=Level.LOW, compare=False)

            def raised(self):
                return replace(self, level=self.level.other())
        """
    )
    worker.load(notebook.pickle("Reading(1.5)"), "reading")
    assert worker.evaluate("raised = reading.raised()\nraised.level.name, raised == reading") == ("HIGH", True)
    notebook.load(worker.pickle("raised"), "returned")
    assert notebook.evaluate("returned.level is Level.HIGH, type(returned) is Reading, returned < Reading(2.0)") == (
        True,
        True,
        True,
    )


def test_async_functions(notebook, worker):
    """Cells have an event loop that runs; workers start one."""
    notebook.cell(
        """
        import asyncio

        async def each(values):
            for value in values:
                await asyncio.sleep(0)
                yield value * scale

        async def total(values):
            return sum([value async for value in each(values)])

        scale = 3
        """
    )
    assert notebook.cell("print(await total([1, 2]))") == "9\n"
    worker.load(notebook.pickle("total"), "total")
    assert worker.evaluate("import asyncio\nasyncio.run(total([1, 2, 3]))") == 18
    notebook.load(worker.pickle("total"), "returned")
    assert notebook.cell("print(await returned([5]))") == "15\n"


def test_a_traceback_in_a_worker_names_the_cell_and_the_line(notebook, worker):
    notebook.cell(
        """
        class TooLow(Exception):
            pass

        def check(value):
            if value < 0:
                raise TooLow(value)
            return value
        """
    )
    cell, line = notebook.evaluate("check.__code__.co_filename, check.__code__.co_firstlineno + 2")
    worker.load(notebook.pickle("check"), "check")
    with pytest.raises(RemoteError) as caught:
        worker.evaluate("check(-1)")
    assert (caught.value.kind, caught.value.message) == ("TooLow", "-1")
    # Without the number of the process, which is another one after each start of the kernel.
    digest = Path(cell).stem
    assert f'File "<ipython-input-{digest}>", line {line}, in check' in str(caught.value)
    # The exception comes back, and the notebook's own `except` catches it.
    catch = "try:\n    check(-2)\nexcept Exception as error:\n    caught = error"
    worker.run(catch)
    notebook.load(worker.pickle("caught"), "returned")
    caught = "try:\n    raise returned\nexcept TooLow as error:\n    print(error.args)"
    assert notebook.cell(caught) == "(-2,)\n"


def test_a_traceback_of_a_function_that_came_back_shows_its_source(notebook, worker):
    notebook.cell("def fail(value):\n    return value / (3 - 3)")
    worker.load(notebook.pickle("fail"), "fail")
    notebook.load(worker.pickle("fail"), "returned")
    assert notebook.evaluate("returned is fail") is False
    with pytest.raises(CellError) as caught:
        notebook.cell("returned(1)")
    assert caught.value.kind == "ZeroDivisionError"
    assert "return value / (3 - 3)" in caught.value.report


def test_nothing_of_the_notebook_is_dragged_along(notebook):
    """Neither the shell, nor what earlier cells left in `In`, `Out` and `_`."""
    notebook.cell("large = bytes(1_000_000)\nlarge")
    notebook.cell("def f(x):\n    return x + offset\noffset = 1")
    data = notebook.pickle("f")
    assert len(data) < 1000
    strings = {argument for _, argument, _ in pickletools.genops(data) if isinstance(argument, str)}
    assert "offset" in strings and not strings & {"In", "Out", "_", "get_ipython", "large"}


def test_a_module_that_is_edited_beside_the_notebook(notebook, worker, tmp_path):
    """Reloaded and registered, it travels as it stands in the kernel; the worker does not have it."""
    module = tmp_path / "work" / "prices.py"
    module.write_text("def double(x):\n    return 2 * x\n")
    notebook.cell(
        """
        import sys
        sys.dont_write_bytecode = True  # the two texts are of one size and may be of one second
        import importlib, prices, cloudpickle
        cloudpickle.register_pickle_by_value(prices)
        """
    )
    worker.load(notebook.pickle("prices.double"), "first")
    module.write_text("def double(x):\n    return 3 * x\n")
    notebook.cell("importlib.reload(prices)")
    worker.load(notebook.pickle("prices.double"), "second")
    assert worker.evaluate("first(10), second(10)") == (20, 30)


def test_a_worker_that_a_cell_starts(notebook):
    """From one end to the other in the kernel: plain `pickle.loads` in a process that it starts."""
    printed = notebook.cell(
        """
        import subprocess, sys, cloudpickle

        def shout(text):
            return text.upper() + mark

        mark = "!"
        worker = "import pickle, sys; print(pickle.load(sys.stdin.buffer)('hello'))"
        command = [sys.executable, "-I", "-c", worker]
        done = subprocess.run(command, input=cloudpickle.dumps(shout), capture_output=True, check=True)
        print(done.stdout.decode().strip())
        """
    )
    assert printed == "HELLO!\n"


def test_one_notebook_to_another(notebook, tmp_path):
    """Both have a `__main__`, a history, and names in common."""
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    with Notebook(other_folder) as other:
        notebook.cell(ACCOUNT)
        other.cell(ACCOUNT.replace('"EUR"', '"USD"'))
        other.load(notebook.pickle("Account(5), Account"), "received")
        assert other.evaluate("received[0].text, Account(5).text") == ("5 EUR", "5 USD")
        notebook.load(other.pickle("received[1](6)"), "returned")
        assert notebook.evaluate("returned.text, type(returned) is Account") == ("6 EUR", True)
