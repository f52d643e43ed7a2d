"""Each shipment arrives in the workers of each framework, and the cloudpickle of those workers is this package.

One driver process per framework ships everything; each shipment's outcome is a test. README.md says how to run them.
"""

import json
import os
import re
import signal
import subprocess
import sys
from importlib.metadata import version
from typing import NamedTuple, Union

import pytest

from adapters import ADAPTERS, FOLDER, reason_to_skip
from cloudpickle.vendored import State, status

# Only guards against a hang; no test measures time. Ray and Spark start servers of their own.
PATIENCE = 240
# Named like a shipment: the driver and its workers end without a crash.
THE_END = "the_end"
# Its functions, not imported: they are the driver's.
SHIPMENT_NAMES = re.findall(
    r"^@shipment\ndef (\w+)", (FOLDER / "shipments.py").read_text(encoding="utf-8"), re.MULTILINE
)


def pytest_generate_tests(metafunc):
    cases = []
    for framework, adapter in ADAPTERS.items():
        if adapter.ENVIRONMENT != metafunc.config.option.environment:
            continue
        reason = reason_to_skip(adapter)
        if reason:
            cases.append(pytest.param(framework, (), None, id=framework, marks=pytest.mark.skip(reason=reason)))
            continue
        for extra in ((), ("--everywhere",)) if adapter.RERUNS_SCRIPT else ((),):
            cases += [
                pytest.param(framework, extra, name, id=f"{framework}{''.join(extra)}-{name}")
                for name in [*SHIPMENT_NAMES, *adapter.SHIPMENTS, THE_END]
            ]
    assert cases, f"no on_*.py has ENVIRONMENT = {metafunc.config.option.environment!r}"
    metafunc.parametrize("framework, extra, name", cases)


def test_shipment(framework, extra, name, deliveries):
    delivered = deliveries(framework, extra)
    if name == THE_END:
        assert delivered.status == 0, delivered.log
    else:
        assert name in delivered.outcomes, f"the driver ended before this shipment\n{delivered.log}"
        outcome = delivered.outcomes[name]
        assert "failed" not in outcome, f"{outcome['failed']}\n{delivered.log}"


@pytest.fixture(scope="session")
def deliveries(tmp_path_factory, workers_seen, record_testsuite_property):
    """Run the driver of a framework, once."""
    done = {}

    replaced = []

    def run_once(framework, extra):
        vendored = getattr(ADAPTERS[framework], "VENDORED", None)
        if vendored not in (None, *replaced) and status(vendored)[0].state is not State.NO_COPY:
            vendored_copy("replace", vendored)
            replaced.append(vendored)
        if (framework, extra) not in done:
            delivered = done[framework, extra] = run(framework, extra, tmp_path_factory.mktemp(framework))
            workers_seen.append(worker_line(framework, extra, delivered))
            record_testsuite_property("remark", workers_seen[-1])
        return done[framework, extra]

    yield run_once
    for vendored in replaced:
        vendored_copy("restore", vendored)


def worker_line(framework, extra, delivered):
    """Which cloudpickle a worker imported, in words."""
    distribution = ADAPTERS[framework].DISTRIBUTION
    where = " ".join([framework, *([version(distribution)] if distribution else []), *extra])
    worker = delivered.outcomes.get("report", {}).get("returned")
    if worker is None:
        return f"{where}: the worker did not say which cloudpickle it has"
    return f"{where}: the worker used cloudpickle {worker['version']} from {worker['native']}"


def vendored_copy(action, framework):
    """Make a framework that carries a copy of cloudpickle run on the installed one, or on its own again."""
    subprocess.run([sys.executable, "-m", "cloudpickle", "vendored", action, framework], check=True, timeout=PATIENCE)


class Delivered(NamedTuple):
    """What a driver left: its exit status, the outcome of each shipment by name, the end of what was printed."""

    status: Union[int, str]
    outcomes: dict
    log: str


def run(framework, extra, folder):
    report, log = folder / "report.jsonl", folder / "log.txt"
    command = [sys.executable, str(FOLDER / "drive.py"), framework, str(report), *extra]
    with log.open("wb") as output:
        # A session of its own, so that workers which outlive a driver can be ended with it.
        driver = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = driver.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            status = f"none after {PATIENCE} s"
        finally:
            end_session(driver)
    lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    text = log.read_text(encoding="utf-8", errors="replace")
    return Delivered(
        status,
        {outcome["shipment"]: outcome for outcome in map(json.loads, lines)},
        f"exit status of the driver: {status}. The end of its output:\n{text[-4000:]}",
    )


def end_session(driver):
    try:
        os.killpg(driver.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it and its workers have ended
    driver.wait()
