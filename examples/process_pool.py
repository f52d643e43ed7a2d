"""The standard library's process pool: lambdas, closures and local classes, which `pickle` refuses.

    pip install .                           # cloudpickle alone
    python examples/process_pool.py

`ProcessPoolExecutor` pickles with `pickle`. What it is given here is a function that both sides can import, and bytes
that cloudpickle made. Workers are spawned: they are fresh interpreters, not copies of this process.
"""

import multiprocessing
import os
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor

import cloudpickle


def call(payload):
    """Runs in a worker, which finds this function by its name."""
    function, arguments = pickle.loads(payload)
    return cloudpickle.dumps(function(*arguments))


class CloudPool(ProcessPoolExecutor):
    """A process pool whose functions, arguments and results may be what cloudpickle can pickle."""

    def submit(self, function, /, *arguments):
        return super().submit(call, cloudpickle.dumps((function, arguments)))

    def run(self, function, *arguments):
        """The result of one call."""
        return pickle.loads(self.submit(function, *arguments).result())


def make_counter():
    """A class and a function that exist only while this runs."""
    limit = 3

    class Counter:
        def __init__(self):
            self.seen = []

        def count(self, value):
            self.seen.append(min(value, limit))
            return self

    return Counter, lambda counter, values: [counter.count(value) for value in values][-1]


def main():
    context = multiprocessing.get_context("spawn")
    with CloudPool(max_workers=2, mp_context=context) as pool:
        factor = 7
        futures = [pool.submit(lambda x: x * factor, number) for number in range(5)]
        assert [pickle.loads(future.result()) for future in futures] == [0, 7, 14, 21, 28]

        Counter, count_all = make_counter()
        counter = pool.run(count_all, Counter(), [1, 2, 5])
        assert type(counter) is Counter and counter.seen == [1, 2, 3]

        process, module = pool.run(lambda: (os.getpid(), sys.modules["cloudpickle"].__version__))
        assert process != os.getpid()
    print("process pool: lambdas, a closure and instances of a local class went to spawned workers and came back")
    print(f"the worker used cloudpickle {module}")


if __name__ == "__main__":
    main()
