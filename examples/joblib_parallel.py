"""joblib: `Parallel` with closures and classes that exist only in this script.

    pip install "joblib>=1.6"
    python examples/joblib_parallel.py

joblib 1.6 and later import cloudpickle. Up to 1.5 they carry a copy inside; then, once per environment:

    python -m cloudpickle vendored replace joblib
"""

import os
import sys
from dataclasses import dataclass

import joblib

import cloudpickle


@dataclass(frozen=True)
class Reading:
    channel: str
    value: float


def which():
    """Runs in a worker."""
    from joblib.externals.loky.backend import reduction

    return os.getpid(), reduction.get_loky_pickler().__mro__[1].__module__, "cloudpickle._native" in sys.modules


def main():
    factor = 3
    with joblib.Parallel(n_jobs=2, backend="loky") as parallel:
        assert parallel(joblib.delayed(lambda number: number * factor)(number) for number in range(4)) == [0, 3, 6, 9]

        readings = parallel(joblib.delayed(lambda number: Reading("a", number))(number) for number in range(4))
        assert readings == [Reading("a", number) for number in range(4)]
        assert all(type(reading) is Reading for reading in readings)

        ((process, module, native),) = parallel([joblib.delayed(which)()])
        assert process != os.getpid()
    print(f"joblib {joblib.__version__}: lambdas, a closure and instances went to worker processes and came back")
    if native:
        print(f"the worker used the installed cloudpickle {cloudpickle.__version__}")
    else:
        print(f"the worker used joblib's copy, {module}")


if __name__ == "__main__":
    main()
