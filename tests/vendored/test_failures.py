"""A `replace` or `restore` that fails leaves everything as it was; one that was killed can be taken up again."""

import os
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

import cloudpickle.vendored as vendored
from cloudpickle.vendored import VendoredError
from fake_frameworks import environment_in
from travel import PATIENCE

ACTIONS = {"replace": vendored.replace, "restore": vendored.restore}


@pytest.fixture
def here(environment, monkeypatch):
    """PySpark, which has most files, on the path of this process."""
    monkeypatch.syspath_prepend(environment.folder)
    environment.install("pyspark")
    return environment


@pytest.mark.parametrize("action", ACTIONS)
def test_a_failure_at_any_exchange_leaves_everything_as_it_was(here, monkeypatch, action):
    if action == "restore":
        vendored.replace("pyspark")
    before = here.snapshot()
    exchange, failures = os.replace, 0
    for fails_at in range(100):
        calls = 0

        def failing(source, target):
            nonlocal calls
            calls += 1
            if calls == fails_at + 1:
                raise PermissionError(13, "Permission denied", str(source), None, str(target))
            exchange(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", failing)
            try:
                ACTIONS[action]("pyspark")
                break
            except VendoredError as error:
                message = str(error)
        failures += 1
        assert str(here.folder) in message and "owner of the environment" in message
        assert here.snapshot() == before
    assert failures >= 3, "each file changes places in a step of its own"
    assert here.snapshot() != before


@pytest.mark.parametrize("action", ACTIONS)
def test_an_interrupt_leaves_everything_as_it_was(here, monkeypatch, action):
    if action == "restore":
        vendored.replace("pyspark")
    before = here.snapshot()
    exchange, calls = os.replace, []

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == 3:
            raise KeyboardInterrupt
        exchange(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ACTIONS[action]("pyspark")
    assert here.snapshot() == before


KILLED = """
import os, sys
from cloudpickle import vendored
exchange, calls = os.replace, 0
def killed(source, target):
    global calls
    calls += 1
    if calls == {at}:
        os._exit(9)
    exchange(source, target)
os.replace = killed
vendored.{action}("pyspark")
"""


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("then", ACTIONS)
def test_a_killed_one_can_be_taken_up_again(environment, action, then):
    which = "import pyspark.cloudpickle as c, cloudpickle; report(ours=c.dumps is cloudpickle.dumps)"
    environment.install("pyspark")
    before = environment.snapshot()
    killed = 0
    for at in range(1, 100):
        if action == "restore":
            environment.succeed("replace", "pyspark")
        done = environment._run([sys.executable, "-c", KILLED.format(action=action, at=at)])
        assert done.returncode in (0, 9), done.stderr
        killed += done.returncode == 9
        environment.succeed(then, "pyspark")
        assert environment.run(which) == {"ours": then == "replace"}
        environment.succeed("restore", "pyspark")
        assert environment.snapshot() == before
        if done.returncode == 0:
            break
    assert killed >= 3


def test_several_processes_at_once(environment):
    """As when every worker of a machine prepares its environment."""
    environment.install("pyspark")
    before = environment.snapshot()
    for _ in range(3):
        for action in ACTIONS:
            with ThreadPoolExecutor(6) as processes:
                printed = list(processes.map(lambda _: environment.succeed(action, "pyspark"), range(6)))
            assert sum("(as before)" not in each for each in printed) == 1
    assert environment.snapshot() == before


def test_folders_that_cannot_be_written():
    """In a process without the superuser's rights, which override modes."""
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_in(folder)
        environment.install("ray")
        before = environment.snapshot()
        folders = [environment.folder, environment.folder / "ray", environment.folder / "ray" / "cloudpickle"]
        for path in folders:
            path.chmod(0o555)
        os.chmod(folder, 0o755)
        script = f"""
            import os, sys
            sys.path.insert(0, {str(environment.folder)!r})
            from cloudpickle import vendored
            print(vendored.status("ray")[0])
            if os.geteuid() == 0:
                os.seteuid(65534)
            try:
                vendored.replace("ray")
            except vendored.VendoredError as error:
                print(error)
            """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        for path in folders:
            path.chmod(0o755)
        assert done.returncode == 0, done.stderr
        status, error = done.stdout.splitlines()
        assert status == "ray 1.0: its own copy (3.1.2)"
        assert str(environment.folder) in error and "Permission denied" in error and "-m venv" in error
        assert environment.snapshot() == before


def test_a_symbolic_link_is_refused(here):
    """Installers that link packages into environments share one file between all of them."""
    path = here.folder / "pyspark" / "cloudpickle" / "cloudpickle_fast.py"
    shared = here.folder.parent / "shared.py"
    path.rename(shared)
    path.symlink_to(shared)
    before = here.snapshot()
    with pytest.raises(VendoredError, match="is a symbolic link"):
        vendored.replace("pyspark")
    assert here.snapshot() == before


def test_a_damaged_archive(here):
    (here.folder / "pyspark" / "python" / "lib" / "pyspark.zip").write_bytes(b"not a zip file")
    before = here.snapshot()
    with pytest.raises(VendoredError, match="damaged"):
        vendored.replace("pyspark")
    assert here.snapshot() == before
