"""PySpark: functions over distributed data whose code exists only in this script.

    pip install pyspark                             # and Java 17 or newer
    python -m cloudpickle vendored replace pyspark  # once per environment; `restore` undoes it
    python examples/pyspark_job.py

PySpark carries a copy of cloudpickle inside, and once more in the zip file from which its Python workers import. The
second line makes both run on the installed one. Without it this script still works, on the copy, and says so.
"""

import os
import sys
from dataclasses import dataclass

import pyspark.cloudpickle
from pyspark.sql import SparkSession

import cloudpickle


@dataclass(frozen=True)
class Reading:
    channel: str
    value: float


def which(_):
    """Runs in a worker."""
    import pyspark.cloudpickle

    return pyspark.cloudpickle.CloudPickler.__module__, "cloudpickle._native" in sys.modules, pyspark.__file__


def main():
    os.environ["PYSPARK_PYTHON"] = sys.executable  # the workers' interpreter
    builder = SparkSession.builder.master("local[1]").appName("cloudpickle")
    # Everything on this machine.
    builder = builder.config("spark.ui.enabled", "false").config("spark.driver.bindAddress", "127.0.0.1")
    session = builder.config("spark.driver.host", "127.0.0.1").getOrCreate()
    try:
        session.sparkContext.setLogLevel("ERROR")
        factor = 3
        numbers = session.sparkContext.parallelize(range(10), 2)
        assert numbers.map(lambda number: number * factor).sum() == 135

        readings = numbers.map(lambda number: Reading("even" if number % 2 == 0 else "odd", float(number))).collect()
        assert type(readings[0]) is Reading and readings[3] == Reading("odd", 3.0)

        sums = numbers.map(lambda number: (number % 2, number)).reduceByKey(lambda one, other: one + other)
        assert dict(sums.collect()) == {0: 20, 1: 25}

        module, native, place = numbers.map(which).first()
        print(f"PySpark {pyspark.__version__}: lambdas, closures and instances went to {place} and came back")
        if pyspark.cloudpickle.CloudPickler is cloudpickle.CloudPickler:
            assert module == "cloudpickle.cloudpickle" and native
            print(f"the worker used the installed cloudpickle {cloudpickle.__version__}")
        else:
            print(f"the worker used PySpark's copy, {module}")
    finally:
        session.stop()


if __name__ == "__main__":
    main()
