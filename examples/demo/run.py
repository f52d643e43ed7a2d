"""Ship code that lives in this script to worker processes that cannot import it.

    make demo

Everything below (functions, closures over numpy arrays, classes, a dataclass, an enum, an exception) is defined in
`__main__`. It travels as bytes from `cloudpickle.dumps` through a pipe to separate processes, which load it with the
standard library's `pickle.loads` and run it. Results, instances and errors come back and are checked; a wrong one makes
the script end with status 1. Beside each stands its size and how long pickling took, here and with upstream.
"""

from __future__ import annotations

import enum
import functools
import importlib
import os
import pickle
import platform
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Callable, NamedTuple

import numpy as np

import cloudpickle
from pool import Pool, WorkerTraceback
from upstream import load_upstream

WORKERS = 4
RUNS = 15  # a time is the median of this many runs, taken in turns
RUN_SECONDS = 0.004  # a run repeats what is quick for about this long


# What is shipped: a small analysis of sensor readings, as one would write it in a script or a notebook.


class Severity(enum.Enum):
    """How bad a reading is."""

    NORMAL = 0
    WARNING = 1
    ALARM = 2

    @classmethod
    def of(cls, deviation: float) -> Severity:
        return cls.ALARM if deviation > 4 else cls.WARNING if deviation > 3 else cls.NORMAL


@dataclass(frozen=True)
class Report:
    """What a worker found in one channel."""

    channel: str
    mean: float
    worst: Severity
    outliers: list[int] = field(default_factory=list)


class Detector:
    """Finds the readings that lie far from the mean."""

    limit = 3.0

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen = 0

    def deviations(self, readings: np.ndarray) -> np.ndarray:
        return np.abs(readings - readings.mean()) / readings.std()

    def inspect(self, readings: np.ndarray) -> Report:
        self.seen += len(readings)
        deviations = self.deviations(readings)
        outliers = np.flatnonzero(deviations > self.limit).tolist()
        return Report(self.name, float(readings.mean()), Severity.of(float(deviations.max())), outliers)


class RobustDetector(Detector):
    """The same with the median, and so with `super()` and a class attribute of its own."""

    limit = 6.0

    def deviations(self, readings: np.ndarray) -> np.ndarray:
        centred = np.abs(readings - np.median(readings))
        return centred / (np.median(centred) * 1.4826)

    def inspect(self, readings: np.ndarray) -> Report:
        return super().inspect(readings)


class SensorFault(Exception):
    """Raised in a worker, caught here."""

    def __init__(self, channel: str, position: int) -> None:
        super().__init__(channel, position)
        self.channel = channel
        self.position = position


def calibrated(gain: np.ndarray, offset: float) -> Callable[[np.ndarray], np.ndarray]:
    """A closure over an array."""

    def calibrate(readings: np.ndarray) -> np.ndarray:
        return readings * gain + offset

    return calibrate


def pipeline(*steps: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A closure over other closures."""
    return lambda value: functools.reduce(lambda current, step: step(current), steps, value)


def spectrum_peak(readings: np.ndarray) -> int:
    """A function that uses an imported package and one of its submodules."""
    return int(np.argmax(np.abs(np.fft.rfft(readings - readings.mean()))))


def checked(readings: np.ndarray, channel: str) -> int:
    """A function that raises an exception of this script."""
    broken = np.flatnonzero(~np.isfinite(readings))
    if broken.size:
        raise SensorFault(channel, int(broken[0]))
    return len(readings)


def worst_of(reports: list[Report]) -> Severity:
    return max((report.worst for report in reports), key=lambda severity: severity.value)


def fibonacci(n: int) -> int:
    """A function that refers to itself."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def whereabouts() -> dict[str, Any]:
    """Runs in a worker and tries to get at this script there."""
    refused = []
    for name in ("run", "demo.run", "examples.demo.run"):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            refused.append(name)
    main = sys.modules["__main__"]
    return {"process": os.getpid(), "refused": refused, "in main": [n for n in SHIPPED_NAMES if hasattr(main, n)]}


SHIPPED_NAMES = ["Severity", "Report", "Detector", "RobustDetector", "SensorFault", "calibrated", "fibonacci"]


# The run.


class Shipment(NamedTuple):
    """One thing that is sent. `travel` sends it and checks what comes back; `payload` is what is measured."""

    what: str
    payload: Any
    travel: Callable[[Pool], bool]


def shipments(channels: dict[str, np.ndarray]) -> list[Shipment]:
    """All shipments. The checks compare with what the same code computes here."""
    names = list(channels)
    arrays = list(channels.values())
    scale = np.linspace(0.9, 1.1, arrays[0].size)
    calibrate = calibrated(scale, -0.5)
    heavy = calibrated(np.linspace(0.9, 1.1, 1_000_000), -0.5)
    steps = pipeline(calibrate, spectrum_peak, lambda peak: peak % 97)
    square = lambda x: x * x  # noqa: E731
    detector = Detector("a")
    expected = [RobustDetector(name).inspect(readings) for name, readings in channels.items()]

    def inspect_everything(pool: Pool) -> bool:
        reports = pool.map(lambda name, readings: RobustDetector(name).inspect(readings), names, arrays)
        # Reports made in four processes are instances of the class here: equal, and of one type.
        return reports == expected and all(type(report) is Report for report in reports)

    def inspect_and_return(pool: Pool) -> bool:
        def inspect(detector: Detector, readings: np.ndarray) -> Detector:
            detector.inspect(readings)
            return detector

        returned = pool.submit(inspect, detector, arrays[0]).result()
        return type(returned) is Detector and returned is not detector and returned.seen == arrays[0].size

    def raise_there(pool: Pool) -> bool:
        broken = arrays[0].copy()
        broken[41] = np.nan
        try:
            pool.submit(checked, broken, "a").result()
        except SensorFault as fault:
            cause = str(fault.__cause__)
            arrived = (fault.channel, fault.position) == ("a", 41)
            return arrived and isinstance(fault.__cause__, WorkerTraceback) and "in checked" in cause
        return False

    def edit_and_resend(pool: Pool) -> bool:
        limits = pool.everywhere(lambda: Detector.limit)
        Detector.limit = 2.0
        try:
            return limits == [3.0] * WORKERS and pool.everywhere(lambda: Detector.limit) == [2.0] * WORKERS
        finally:
            Detector.limit = 3.0

    return [
        Shipment("lambda", square, lambda pool: pool.map(square, range(8)) == [x * x for x in range(8)]),
        Shipment("recursive function", fibonacci, lambda pool: pool.submit(fibonacci, 15).result() == 610),
        Shipment(
            "function using numpy.fft",
            spectrum_peak,
            lambda pool: pool.map(spectrum_peak, arrays) == [spectrum_peak(readings) for readings in arrays],
        ),
        Shipment(
            "closure over an array",
            calibrate,
            lambda pool: np.array_equal(pool.submit(calibrate, arrays[0]).result(), calibrate(arrays[0])),
        ),
        Shipment(
            "closure over an array of 8 MB",
            heavy,
            lambda pool: np.array_equal(pool.submit(lambda: heavy(2.0)).result(), heavy(2.0)),
        ),
        Shipment(
            "closure over three closures",
            steps,
            lambda pool: pool.submit(steps, arrays[0]).result() == steps(arrays[0]),
        ),
        Shipment(
            "enum",
            Severity,
            # Members are singletons: what comes back is the member here.
            lambda pool: pool.submit(lambda: Severity.of(3.5)).result() is Severity.WARNING,
        ),
        Shipment("dataclass", Report, inspect_everything),
        Shipment("class with a base and super()", RobustDetector, inspect_everything),
        Shipment("instance, changed there", detector, inspect_and_return),
        Shipment("class edited between two calls", Detector, edit_and_resend),
        Shipment(
            "1000 instances of a dataclass",
            [Report(f"channel {n}", n / 7, Severity(n % 3), [n, n + 1]) for n in range(1000)],
            lambda pool: pool.submit(worst_of, expected).result() is worst_of(expected),
        ),
        Shipment("exception, raised there", checked, raise_there),
    ]


class Row(NamedTuple):
    """A line of the table."""

    what: str
    right: bool
    size: int
    ours: float
    upstreams: float


def main() -> int:
    upstream = load_upstream()
    random = np.random.default_rng(20)
    channels = {name: random.normal(20.0, 1.5, 2_000) for name in "abcdefgh"}
    channels["c"][[7, 1_234]] = 60.0

    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"\n{bold('cloudpickle')} {cloudpickle.__version__} on {python}")
    with tempfile.TemporaryDirectory() as elsewhere, Pool(WORKERS, elsewhere) as pool:
        isolated = prove_isolation(pool)
        rows = [
            Row(shipment.what, travels(shipment, pool), *measure(shipment.payload, upstream.dumps))
            for shipment in shipments(channels)
        ]
    print_table(rows)

    wrong = [row.what for row in rows if not row.right]
    if wrong or not isolated:
        print(red(f"\nwrong: {', '.join(wrong) or 'the workers can reach this script'}"))
        return 1
    ratio = median(row.upstreams / row.ours for row in rows)
    print(f"\nAll {len(rows)} right. Median speed of dumps against upstream {upstream.__version__}: {ratio:.1f}x\n")
    return 0


def prove_isolation(pool: Pool) -> bool:
    """Show that the workers cannot import this script, and that plain pickle therefore fails."""
    places = pool.everywhere(whereabouts)
    unreachable = all(len(place["refused"]) == 3 and not place["in main"] for place in places)
    processes = Counter(place["process"] for place in places)
    separate = len(processes) == WORKERS and os.getpid() not in processes
    print(f"{WORKERS} workers: processes {', '.join(map(str, processes))}; this script is process {os.getpid()}")
    print(f"importing the script there: {'ModuleNotFoundError in each' if unreachable else red('possible')}")
    try:
        pool.submit_pickled(pickle.dumps((fibonacci, (15,)))).result()
    except AttributeError as error:
        message = str(error).partition(" from ")[0]
        print(f"pickle.dumps instead of cloudpickle.dumps: {type(error).__name__}: {message}")
        return unreachable and separate
    print(red("pickle.dumps instead of cloudpickle.dumps: works, so nothing is proved"))
    return False


def travels(shipment: Shipment, pool: Pool) -> bool:
    """Whether what came back is right. An exception is shown and counts as wrong."""
    try:
        return shipment.travel(pool)
    except Exception as error:
        print(red(f"{shipment.what}: {type(error).__name__}: {error}"))
        if error.__cause__ is not None:
            print(error.__cause__)
        return False


def measure(payload: Any, upstream_dumps: Callable[[Any], bytes]) -> tuple[int, float, float]:
    """The size of the pickle, and the median seconds per `dumps` with ours and with upstream, taken in turns."""
    functions = (cloudpickle.dumps, upstream_dumps)
    repetitions = []
    for dumps in functions:
        begin = time.perf_counter()
        dumps(payload)
        repetitions.append(max(1, int(RUN_SECONDS / (time.perf_counter() - begin))))
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS):
        for dumps, repeat, times in zip(functions, repetitions, seconds):
            begin = time.perf_counter()
            for _ in range(repeat):
                dumps(payload)
            times.append((time.perf_counter() - begin) / repeat)
    return len(cloudpickle.dumps(payload)), median(seconds[0]), median(seconds[1])


# The terminal.


def print_table(rows: list[Row]) -> None:
    width = max(len(row.what) for row in rows)
    rule = "─" * (width + 58)
    print(f"\n{bold('shipped from __main__'.ljust(width))}   result     bytes      dumps   upstream   ratio\n{rule}")
    for row in rows:
        mark = green("right") if row.right else red("WRONG")
        ratio = row.upstreams / row.ours
        bar = "█" * min(round(ratio / 2), 9)
        print(
            f"{row.what.ljust(width)}   {mark}  {row.size:>9,}  {duration(row.ours):>9}  {duration(row.upstreams):>9}"
            f"  {ratio:5.1f}x {green(bar)}"
        )
    print(rule)
    print(f"dumps, upstream: median of {RUNS} runs in turns, in one process with {len(sys.modules)} modules loaded")


def duration(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def styled(code: str) -> Callable[[str], str]:
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    return lambda text: text if plain else f"\033[{code}m{text}\033[0m"


bold, green, red = styled("1"), styled("32"), styled("31")


if __name__ == "__main__":
    sys.exit(main())
