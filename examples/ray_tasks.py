"""Ray: tasks, actors and results whose code exists only in this script.

    pip install ray
    python -m cloudpickle vendored replace ray      # once per environment; `restore` undoes it
    python examples/ray_tasks.py

Ray carries a copy of cloudpickle inside. The second line makes it run on the installed one, and its workers too.
Without it this script still works, on the copy, and says so.
"""

import sys
from dataclasses import dataclass

import ray

import cloudpickle


@dataclass
class Reading:
    channel: str
    value: float


class Total:
    """An actor: it lives in a worker process, and its class travelled there."""

    def __init__(self, scale):
        self.scale = scale
        self.sum = 0.0

    def add(self, reading):
        self.sum += self.scale * reading.value
        return self.sum


class TooLow(Exception):
    pass


def main():
    ray.init(num_cpus=1, include_dashboard=False, configure_logging=False)
    try:
        factor = 3

        @ray.remote
        def scale(reading):
            return Reading(reading.channel, reading.value * factor)

        result = ray.get(scale.remote(Reading("a", 2.0)))
        assert type(result) is Reading and result == Reading("a", 6.0)

        total = ray.remote(Total).remote(10.0)
        for number in range(4):
            last = total.add.remote(Reading("a", number))
        assert ray.get(last) == 60.0

        @ray.remote
        def check(reading):
            if reading.value < 0:
                raise TooLow(reading.channel)

        try:
            ray.get(check.remote(Reading("b", -1.0)))
            raise AssertionError("the exception did not arrive")
        except TooLow as error:
            report = str(error)
        assert "TooLow: b" in report

        @ray.remote
        def which():
            import ray.cloudpickle

            return ray.cloudpickle.CloudPickler.__module__, "cloudpickle._native" in sys.modules

        module, native = ray.get(which.remote())
        print(f"Ray {ray.__version__}: a task, an actor and an exception arrived and came back")
        if ray.cloudpickle.CloudPickler is cloudpickle.CloudPickler:
            assert module == "cloudpickle.cloudpickle" and native
            print(f"the worker used the installed cloudpickle {cloudpickle.__version__}")
        else:
            print(f"the worker used Ray's copy, {module}")
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
