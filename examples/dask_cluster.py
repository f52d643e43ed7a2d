"""dask.distributed: a cluster of processes runs functions and returns instances whose code exists only in this script.

    pip install distributed
    python examples/dask_cluster.py

dask imports cloudpickle by itself; nothing has to be set up.
"""

import os
import sys
from dataclasses import dataclass

import dask
from dask.distributed import Client, LocalCluster

import cloudpickle


@dataclass(frozen=True)
class Reading:
    channel: str
    value: float


class TooLow(Exception):
    pass


def check(reading):
    if reading.value < 0:
        raise TooLow(reading.channel)
    return reading


def main():
    local = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(host="127.0.0.1", **local) as cluster, Client(cluster) as client:
        factor = 3
        assert client.gather(client.map(lambda number: number * factor, range(4))) == [0, 3, 6, 9]

        reading = client.submit(lambda: Reading("a", 1.0)).result()
        assert type(reading) is Reading and reading == Reading("a", 1.0)

        total = dask.delayed(sum)([dask.delayed(lambda number: number**2)(number) for number in range(5)])
        assert client.compute(total).result() == 30

        try:
            client.submit(check, Reading("b", -1.0)).result()
            raise AssertionError("the exception did not arrive")
        except TooLow as error:
            channel = str(error)
        assert channel == "b"

        seen = client.run(lambda: (os.getpid(), "cloudpickle._native" in sys.modules))
        processes, native = zip(*seen.values())
        assert len({os.getpid(), *processes}) == 3 and all(native)
    print("dask.distributed: lambdas, a closure, instances and an exception went to 2 processes and came back")
    print(f"the workers used the installed cloudpickle {cloudpickle.__version__}")


if __name__ == "__main__":
    main()
