"""The command line, the functions' results, and how frameworks are found."""

import subprocess
import sys

import pytest

import cloudpickle
from cloudpickle import vendored
from cloudpickle.vendored import State, VendoredError
from travel import PATIENCE


def run(*arguments):
    command = [sys.executable, "-m", "cloudpickle", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("vendored",), ("vendored", "--help")])
def test_help_names_the_actions(arguments):
    done = run(*arguments)
    assert done.returncode == 0 and done.stderr == ""
    assert all(word in done.stdout for word in ("status", "replace", "restore", "ray"))


def test_version():
    assert run("--version").stdout.strip() == f"cloudpickle {cloudpickle.__version__}"


def test_what_is_not_understood_is_refused():
    assert run("vendored", "remove").returncode == 2
    done = run("vendored", "replace", "notepad")
    assert done.returncode == 1
    assert done.stderr == "error: no framework 'notepad' is known here; there are joblib, pyspark, ray\n"


def test_status_has_a_line_per_framework(environment):
    environment.install("ray", "2.1")
    environment.install("joblib", "1.5.3")
    environment.succeed("replace", "ray")
    lines = environment.succeed("status").splitlines()
    assert lines[0] == "joblib 1.5.3: its own copy (3.0.0)"
    assert lines[2] == "ray 2.1: the installed cloudpickle"
    assert environment.succeed("status", "ray").splitlines() == [lines[2]]


def test_a_failure_does_not_keep_the_other_frameworks_waiting(environment):
    environment.install("ray", "2.1")
    done = environment.command("replace", "notepad", "ray")
    assert done.returncode == 1 and "notepad" in done.stderr
    assert "ray 2.1: the installed cloudpickle" in done.stdout


def test_a_framework_without_metadata(environment):
    environment.install("ray")
    (environment.folder / "ray-1.0.dist-info" / "METADATA").unlink()
    (environment.folder / "ray-1.0.dist-info").rmdir()
    assert environment.succeed("status", "ray") == "ray (of unknown version): its own copy (3.1.2)\n"


def test_the_functions_results(environment, monkeypatch):
    environment.install("ray", "2.1")
    monkeypatch.syspath_prepend(environment.folder)
    (status,) = vendored.status("ray")
    assert (status.state, status.version, status.copy_version) == (State.OWN_COPY, "2.1", "3.1.2")
    assert status.location == environment.folder / "ray"
    outcome = vendored.replace("ray")
    assert outcome.changed and outcome.notes == () and outcome.status.state is State.INSTALLED
    assert not vendored.replace("ray").changed
    outcome = vendored.restore("ray")
    assert outcome.changed and outcome.notes == () and outcome.status == status
    with pytest.raises(VendoredError, match="no framework 'notepad'"):
        vendored.replace("notepad")


def test_a_process_that_imported_the_copy_is_told_to_start_anew(environment):
    environment.install("ray")
    seen = environment.run(
        """
        import ray.cloudpickle
        from cloudpickle import vendored
        before = ray.cloudpickle.dumps
        report(notes=vendored.replace("ray").notes, same=ray.cloudpickle.dumps is before)
        """
    )
    assert seen["same"] and "start it anew" in seen["notes"][0]


def test_a_folder_that_an_uninstalled_framework_left_is_not_the_framework(environment):
    (environment.folder / "ray" / "cloudpickle").mkdir(parents=True)
    assert environment.succeed("status", "ray") == "ray: not installed\n"
    failed = environment.command("replace", "ray")
    assert failed.returncode == 1 and "ray is not installed in the environment of" in failed.stderr
    assert environment.command("restore", "ray").returncode == 1


def test_without_any_framework_there_is_nothing_to_do(environment):
    if any(status.state is not State.NOT_INSTALLED for status in vendored.status()):
        pytest.skip("a real framework is installed beside this cloudpickle")
    printed = environment.succeed("replace")
    assert printed == "none of joblib, pyspark, ray is installed here with a copy of cloudpickle inside\n"


def test_import_cloudpickle_does_not_import_this():
    source = "import sys, cloudpickle; print([name for name in sys.modules if 'vendored' in name])"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout.strip() == "[]"
