"""After `replace`, whoever imports a framework's copy gets the installed cloudpickle, by every way there is."""

import os
import stat
import zipfile

import pytest

from cloudpickle import vendored

WAYS = """
import pickle, subprocess, sys
import cloudpickle
import cloudpickle.cloudpickle as implementation

import {copy} as package
import {copy}.cloudpickle as module
import {copy}.cloudpickle_fast as fast_module
from {copy} import cloudpickle as attribute
from {copy}.cloudpickle import CloudPickler, _make_function
from {copy}.cloudpickle_fast import CloudPickler as fast_pickler

star = {{}}
exec("from {copy}.cloudpickle import *", star)

shipped = package.dumps(lambda x: x + 1)
worker = "import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1]))(41))"
answer = subprocess.run([sys.executable, "-c", worker, shipped.hex()], capture_output=True, text=True, check=True)

# A pickle as the copy wrote it when it was in its place.
earlier = cloudpickle.dumps(lambda x: x + 1, protocol=2).replace(b"ccloudpickle.", b"c{copy}.")
even_earlier = earlier.replace(b"{copy}.cloudpickle\\n", b"{copy}.cloudpickle_fast\\n")

report(
    package=package.dumps is cloudpickle.dumps and package.CloudPickler is cloudpickle.CloudPickler,
    file=package.__file__,
    version=package.__version__,
    module=module is implementation and attribute is implementation,
    fast=fast_module._make_function is implementation._make_function and fast_pickler is cloudpickle.CloudPickler,
    names=CloudPickler is cloudpickle.CloudPickler and _make_function is implementation._make_function,
    star=star["register_pickle_by_value"] is cloudpickle.register_pickle_by_value,
    answer=answer.stdout.strip(),
    earlier=[b"{copy}" in each and pickle.loads(each)(1) for each in (earlier, even_earlier)],
    native="cloudpickle._native" in sys.modules,
)
"""
COPIES = {"ray": "ray.cloudpickle", "pyspark": "pyspark.cloudpickle", "joblib": "joblib.externals.cloudpickle"}


def check_ways(name, seen, folder):
    assert seen.pop("file").startswith(str(folder))
    assert seen == {
        "package": True,
        "version": "3.0.0" if name == "joblib" else "3.1.2",
        "module": True,
        "fast": True,
        "names": True,
        "star": True,
        "answer": "42",
        "earlier": [2, 2],
        "native": True,
    }


@pytest.mark.parametrize("name", COPIES)
def test_every_way_to_import_the_copy_leads_to_the_installed_one(environment, name):
    environment.install(name)
    environment.succeed("replace", name)
    check_ways(name, environment.run(WAYS.format(copy=COPIES[name])), environment.folder)


def test_workers_that_import_from_the_zip(environment):
    environment.install("pyspark")
    environment.succeed("replace", "pyspark")
    archive = environment.folder / "pyspark" / "python" / "lib" / "pyspark.zip"
    check_ways("pyspark", environment.run(WAYS.format(copy="pyspark.cloudpickle"), path=archive), archive)


def test_the_frameworks_own_package_around_the_copy_remains(environment):
    environment.install("ray")
    package = environment.folder / "ray" / "cloudpickle" / "__init__.py"
    before = package.stat()
    environment.succeed("replace", "ray")
    assert (package.stat().st_ino, package.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    seen = environment.run(
        """
        import threading
        from ray.cloudpickle import dumps_debug, loads
        try:
            dumps_debug(threading.Lock())
        except TypeError as error:
            report(answer=loads(dumps_debug(lambda: 5))(), refused=str(error))
        """
    )
    assert seen["answer"] == 5 and seen["refused"].startswith("said by ray: ")


def test_what_was_compiled_from_the_copy_is_not_taken_for_it(environment):
    """Same size, same second, and .pyc files that are not checked against their source at all."""
    environment.install("ray")
    folder = environment.folder / "ray" / "cloudpickle"
    compile_unchecked = """
        import py_compile, sys
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        for name in ("cloudpickle", "cloudpickle_fast"):
            py_compile.compile(f"{folder}/{name}.py", invalidation_mode=mode)
        report(done=True)
        """
    which = "import ray.cloudpickle, cloudpickle; report(ours=ray.cloudpickle.dumps is cloudpickle.dumps)"
    environment.run(f"folder = {str(folder)!r}\n" + compile_unchecked.replace("\n        ", "\n"))
    assert environment.run(which) == {"ours": False}
    environment.succeed("replace", "ray")
    assert environment.run(which) == {"ours": True}
    environment.run(f"folder = {str(folder)!r}\n" + compile_unchecked.replace("\n        ", "\n"))
    environment.succeed("restore", "ray")
    assert environment.run(which) == {"ours": False}


def test_what_is_put_in_place_never_has_the_time_of_the_original(environment, monkeypatch):
    """A .pyc is matched by seconds and size; the clock may stand where it stood at the installation."""
    environment.install("ray")
    path = environment.folder / "ray" / "cloudpickle" / "cloudpickle.py"
    monkeypatch.syspath_prepend(environment.folder)
    ahead = path.stat().st_mtime + 1000
    for at in (path.stat().st_mtime, ahead):
        os.utime(path, (at, at))
        before = int(path.stat().st_mtime)
        vendored.replace("ray")
        assert int(path.stat().st_mtime) != before
        vendored.restore("ray")
        assert int(path.stat().st_mtime) == before


def test_modes_are_kept(environment):
    environment.install("pyspark")
    module = environment.folder / "pyspark" / "cloudpickle" / "cloudpickle.py"
    archive = environment.folder / "pyspark" / "python" / "lib" / "pyspark.zip"
    module.chmod(0o640)
    archive.chmod(0o604)
    environment.succeed("replace", "pyspark")
    assert module.stat().st_mode & 0o777 == 0o640 and archive.stat().st_mode & 0o777 == 0o604


def test_whoever_may_read_the_framework_may_ask_for_its_status(environment):
    """Also where another user, such as root, replaced its copy: nothing that is kept is for that user's eyes only."""
    environment.install("pyspark")
    environment.succeed("replace", "pyspark")
    kept = [path for path in (environment.folder / ".cloudpickle-vendored").rglob("*") if path.is_file()]
    assert "record.json" in {path.name for path in kept}
    assert {path.name for path in kept if not path.stat().st_mode & stat.S_IROTH} == set()


def test_the_zip_differs_in_the_two_modules_and_nothing_else(environment):
    environment.install("pyspark")
    path = environment.folder / "pyspark" / "python" / "lib" / "pyspark.zip"

    def contents():
        with zipfile.ZipFile(path) as archive:
            about = [
                (each.filename, each.date_time, each.compress_type, each.external_attr) for each in archive.infolist()
            ]
            return archive.comment, about, {name: archive.read(name) for name in archive.namelist()}

    comment, about, before = contents()
    environment.succeed("replace", "pyspark")
    assert contents()[:2] == (comment, about)
    after = contents()[2]
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"pyspark/cloudpickle/cloudpickle.py", "pyspark/cloudpickle/cloudpickle_fast.py"}


def test_a_second_time_changes_nothing(environment):
    environment.install("pyspark")
    assert "(as before)" not in environment.succeed("replace", "pyspark")
    once = environment.snapshot()
    assert "(as before)" in environment.succeed("replace", "pyspark")
    assert environment.snapshot() == once


def test_without_names_all_that_are_installed(environment):
    environment.install("ray", "2.0")
    environment.install("joblib", "1.5.3")
    printed = environment.succeed("replace")
    assert "ray 2.0: the installed cloudpickle" in printed and "joblib 1.5.3: the installed cloudpickle" in printed
    assert "Processes that run keep what they imported." in printed


def test_another_version_of_this_package_renews_its_text_and_keeps_the_original(environment, monkeypatch):
    from cloudpickle.vendored import handover

    environment.install("pyspark")
    before = environment.snapshot()
    monkeypatch.syspath_prepend(environment.folder)
    with monkeypatch.context() as earlier:
        earlier.setattr(handover, "_SOURCE", handover._SOURCE + "# as an earlier version wrote it\n")
        assert vendored.replace("pyspark").changed
    module = environment.folder / "pyspark" / "cloudpickle" / "cloudpickle.py"
    assert "as an earlier version" in module.read_text()
    assert vendored.replace("pyspark").changed and not vendored.replace("pyspark").changed
    assert "as an earlier version" not in module.read_text()
    assert vendored.restore("pyspark").changed
    assert environment.snapshot() == before


def test_without_an_installed_cloudpickle_the_error_says_what_to_do(environment):
    environment.install("ray")
    environment.succeed("replace", "ray")
    seen = environment.run(
        """
        import sys
        sys.modules["cloudpickle"] = None  # as if none were installed
        try:
            import ray.cloudpickle
        except ImportError as error:
            report(error=str(error), cause=error.__cause__)
        """
    )
    assert "install cloudpickle" in seen["error"] and seen["cause"] is None
