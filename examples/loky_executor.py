"""loky: a reusable executor that runs closures and classes which exist only in this script.

    pip install loky
    python examples/loky_executor.py

loky imports cloudpickle by itself; nothing has to be set up.
"""

import os
import sys

from loky import get_reusable_executor

import cloudpickle


class Countdown:
    """Changed in a worker and sent back."""

    def __init__(self, start):
        self.left = start

    def step(self):
        self.left -= 1
        return self


class Empty(Exception):
    pass


def step(countdown):
    if countdown.left == 0:
        raise Empty("nothing is left")
    return countdown.step()


def main():
    executor = get_reusable_executor(max_workers=2)
    factor = 3
    assert list(executor.map(lambda number: number * factor, range(4))) == [0, 3, 6, 9]

    countdown = executor.submit(step, Countdown(2)).result()
    assert type(countdown) is Countdown and countdown.left == 1

    error = executor.submit(step, Countdown(0)).exception()
    assert type(error) is Empty and str(error) == "nothing is left"

    process, native = executor.submit(lambda: (os.getpid(), "cloudpickle._native" in sys.modules)).result()
    assert process != os.getpid() and native
    executor.shutdown()
    print("loky: lambdas, a closure, instances and an exception went to worker processes and came back")
    print(f"the worker used the installed cloudpickle {cloudpickle.__version__}")


if __name__ == "__main__":
    main()
