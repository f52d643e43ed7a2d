"""Installed in a clean environment, in each way there is, the package works, and its metadata says what it should."""

import re

import packaging.requirements
import packaging.specifiers
import packaging.version
import pytest

from builds import run
from travel import REPOSITORY

# What those who depend on cloudpickle ask for.
PINS = {
    "dask, distributed": ">=3.0.0",
    "loky, joblib": ">=3.0",
    "mlflow": "<4",
    "prefect": ">=2,<4",
    "executorlib": "<3.2.0",
    "whoever pins upstream's release": "==3.1.2",
}

METADATA = """
import json, importlib.metadata
distribution = importlib.metadata.distribution("cloudpickle")
print(json.dumps({
    "name": distribution.metadata["Name"],
    "version": distribution.version,
    "licence": distribution.metadata["License-Expression"],
    "licence files": distribution.metadata.get_all("License-File"),
    "python": distribution.metadata["Requires-Python"],
    "requires": distribution.requires or [],
    "readme": distribution.metadata.get_payload() or distribution.metadata["Description"],
    "files": [str(file) for file in distribution.files],
    "missing": [str(file) for file in distribution.files if not file.locate().exists()],
}))
"""


@pytest.fixture(scope="module")
def metadata(installation):
    return installation.script(METADATA)


def test_a_lambda_goes_through_separate_processes(installation):
    sent = installation.script(
        "import cloudpickle, json\nfactor = 6\nprint(json.dumps(cloudpickle.dumps(lambda x: x * factor).hex()))"
    )
    loaded = installation.script(
        f"import json, pickle, sys; f = pickle.loads(bytes.fromhex({sent!r}));"
        "print(json.dumps([f(7), sys.modules['cloudpickle'].__file__, sys.modules['cloudpickle._native'].__file__]))"
    )
    answer, *files = loaded
    assert answer == 42
    for file in files:
        assert file.startswith(str(installation.python.parents[1])), "not what was installed"


def test_the_command_is_there(installation):
    printed = run([installation.python, "-I", "-m", "cloudpickle", "vendored", "status"])
    assert printed.splitlines() == ["joblib: not installed", "pyspark: not installed", "ray: not installed"]


def test_name_and_licence(metadata):
    assert metadata["name"] == "cloudpickle"
    assert metadata["licence"] == "BSD-3-Clause"
    assert metadata["licence files"] == ["LICENSE"]


def test_the_readme_is_the_description(metadata):
    assert metadata["readme"].strip() == (REPOSITORY / "README.md").read_text(encoding="utf-8").strip()


def test_no_run_time_dependency(metadata):
    assert metadata["requires"] == []


def test_requires_python(metadata):
    supported = packaging.specifiers.SpecifierSet(metadata["python"])
    assert "3.9" in supported and "3.15" in supported and "3.8" not in supported


def test_type_checkers_find_the_types(metadata):
    assert {"cloudpickle/py.typed", "cloudpickle/_native.pyi"} <= set(metadata["files"])


def test_every_installed_file_is_on_record(metadata):
    assert metadata["missing"] == []


def test_the_versions_form(metadata):
    assert re.fullmatch(r"3\.1\.2\+rust\.\d+", metadata["version"])
    version = packaging.version.Version(metadata["version"])
    assert version.public == "3.1.2" and not version.is_prerelease


@pytest.mark.parametrize("pin", PINS.values(), ids=PINS)
def test_it_satisfies(metadata, pin):
    requirement = packaging.requirements.Requirement(f"cloudpickle{pin}")
    assert requirement.specifier.contains(metadata["version"])


def test_pip_takes_it_for_upstream(installation):
    """Nothing is fetched, because what is asked for is there."""
    for pin in PINS.values():
        installation.pip("install", "--no-index", f"cloudpickle{pin}")
