"""`restore` puts the same files back, whatever happened in between."""

import os

import pytest

import cloudpickle.vendored as vendored
from cloudpickle.vendored import VendoredError

NAMES = ("ray", "pyspark", "joblib")


@pytest.fixture
def here(environment, monkeypatch):
    """The environment, on the path of this process too."""
    monkeypatch.syspath_prepend(environment.folder)
    return environment


@pytest.mark.parametrize("name", NAMES)
def test_files_modes_and_times_are_those_of_before(environment, name):
    environment.install(name)
    (environment.folder / name / "__init__.py").chmod(0o600)
    before = environment.snapshot()
    environment.succeed("replace", name)
    assert environment.snapshot() != before
    environment.succeed("restore", name)
    assert environment.snapshot() == before


def test_they_are_the_same_files(environment):
    environment.install("pyspark")
    paths = [
        environment.folder / "pyspark" / "cloudpickle" / "cloudpickle.py",
        environment.folder / "pyspark" / "python" / "lib" / "pyspark.zip",
    ]
    before = [path.stat().st_ino for path in paths]
    environment.succeed("replace")
    environment.succeed("restore")
    assert [path.stat().st_ino for path in paths] == before


def test_where_files_cannot_be_linked_they_are_copied(here, monkeypatch):
    here.install("pyspark")
    before = here.snapshot()

    def refuse(*paths, **options):
        raise OSError("no links on this file system")

    monkeypatch.setattr(os, "link", refuse)
    vendored.replace("pyspark")
    assert here.run("import pyspark.cloudpickle as c, cloudpickle; report(ours=c.dumps is cloudpickle.dumps)")["ours"]
    vendored.restore("pyspark")
    assert here.snapshot() == before


def test_what_was_never_replaced_is_left_alone(environment):
    environment.install("ray")
    before = environment.snapshot()
    assert "(as before)" in environment.succeed("restore", "ray")
    assert environment.snapshot() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_framework_that_was_upgraded_keeps_its_files(environment, name):
    environment.install(name, "1.0")
    environment.succeed("replace", name)
    environment.install(name, "2.0")
    assert f"{name} 2.0: its own copy" in environment.succeed("status", name)
    printed = environment.succeed("restore", name)
    assert "installed anew" in printed and f"{name} 2.0: its own copy" in printed and "(as before)" in printed
    after = environment.snapshot()
    environment.install(name, "2.0")
    assert {key: value[:2] for key, value in after.items()} == {
        key: value[:2] for key, value in environment.snapshot().items()
    }


def test_an_upgraded_framework_can_be_replaced_and_restored(environment):
    environment.install("pyspark", "1.0")
    environment.succeed("replace")
    environment.install("pyspark", "2.0")
    before = environment.snapshot()
    environment.succeed("replace")
    assert "pyspark 2.0: the installed cloudpickle" in environment.succeed("status")
    printed = environment.succeed("restore")
    assert "installed anew" not in printed
    without_store = {key: value for key, value in before.items() if not key.startswith(".cloudpickle-vendored")}
    assert environment.snapshot() == without_store


def test_one_file_installed_anew_is_partly(environment):
    """As when an installation was interrupted, or somebody put the zip back by hand."""
    environment.install("pyspark", "1.0")
    archive = environment.folder / "pyspark" / "python" / "lib" / "pyspark.zip"
    before = environment.snapshot()
    original = archive.read_bytes()
    about = archive.stat()
    environment.succeed("replace")
    archive.unlink()
    archive.write_bytes(original)
    os.utime(archive, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert "partly" in environment.succeed("status", "pyspark")
    environment.succeed("restore")
    assert environment.snapshot() == before


def test_a_framework_that_lost_its_copy_is_cleaned_up(environment):
    """As joblib 1.6, which imports cloudpickle."""
    environment.install("joblib", "1.5")
    environment.succeed("replace")
    for path in (environment.folder / "joblib" / "externals" / "cloudpickle").glob("*.py"):
        path.unlink()
    environment.install("joblib", "1.6", copy=None)
    assert "joblib 1.6: no copy inside" in environment.succeed("status", "joblib")
    assert "installed anew" in environment.succeed("restore", "joblib")
    assert not (environment.folder / ".cloudpickle-vendored").exists()
    failed = environment.command("replace", "joblib")
    assert failed.returncode == 1 and "no copy" in failed.stderr


def test_a_file_that_a_later_version_lacks_is_forgotten(environment):
    """As `cloudpickle_fast.py` may be one day."""
    environment.install("joblib", "1.0")
    environment.succeed("replace")
    environment.install("joblib", "2.0")
    (environment.folder / "joblib" / "externals" / "cloudpickle" / "cloudpickle_fast.py").unlink()
    environment.succeed("replace")
    assert "installed anew" not in environment.succeed("restore", "joblib")
    assert not (environment.folder / ".cloudpickle-vendored").exists()


def test_an_uninstalled_framework_leaves_no_importable_folder(environment):
    """What is kept lies outside the package, which would otherwise survive as a package without contents."""
    environment.install("ray")
    installed = {key for key in environment.snapshot() if key.startswith("ray")}
    environment.succeed("replace", "ray")
    assert {key for key in environment.snapshot() if key.startswith("ray")} == installed


def test_an_edited_file_is_not_overwritten(environment):
    environment.install("ray")
    environment.succeed("replace")
    path = environment.folder / "ray" / "cloudpickle" / "cloudpickle.py"
    path.write_text(path.read_text() + "# edited\n")
    before = environment.snapshot()
    failed = environment.command("restore", "ray")
    assert failed.returncode == 1
    assert f"{path} was edited since it was replaced" in failed.stderr and "install ray anew" in failed.stderr
    assert environment.snapshot() == before


@pytest.mark.parametrize(
    "lost, message",
    [
        ("record.json", "no record of it is left"),
        ("cloudpickle/cloudpickle.py.original", "is not in"),
    ],
)
def test_lost_originals_are_said_to_be_lost(here, lost, message):
    here.install("ray")
    vendored.replace("ray")
    (here.folder / ".cloudpickle-vendored" / "ray" / lost).unlink()
    before = here.snapshot()
    with pytest.raises(VendoredError, match=message):
        vendored.restore("ray")
    assert here.snapshot() == before


def test_a_damaged_record_is_said_to_be_damaged(here):
    here.install("ray")
    vendored.replace("ray")
    (here.folder / ".cloudpickle-vendored" / "ray" / "record.json").write_text("{")
    with pytest.raises(VendoredError, match=r"record\.json is damaged"):
        vendored.restore("ray")


def test_restoring_one_framework_leaves_the_other_replaced(environment):
    environment.install("ray", "1.0")
    environment.install("joblib", "1.0")
    environment.succeed("replace")
    environment.succeed("restore", "ray")
    printed = environment.succeed("status")
    assert "ray 1.0: its own copy (3.1.2)" in printed and "joblib 1.0: the installed cloudpickle" in printed
    environment.succeed("restore", "joblib")
    assert not (environment.folder / ".cloudpickle-vendored").exists()
