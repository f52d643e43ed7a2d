"""The workflow that builds wheels: it parses, and covers every interpreter and platform that the package is for."""

import re
import sys

import pytest
import yaml

from travel import REPOSITORY

WORKFLOWS = REPOSITORY / ".github" / "workflows"


def supported():
    """The interpreters that the tests run on, as far as wheels are for them.

    There are none for debug builds; for builds without the GIL there are from 3.14 on.
    """
    sys.path.insert(0, str(REPOSITORY / "scripts"))
    try:
        from interpreters import INTERPRETERS
    finally:
        sys.path.pop(0)
    names = {interpreter.name for interpreter in INTERPRETERS}
    return {name for name in names if re.fullmatch(r"3\.\d+|pypy3\.\d+", name)} | {"3.14t"}


@pytest.fixture(scope="module")
def workflow():
    return yaml.safe_load((WORKFLOWS / "wheels.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_each_is_a_workflow_that_ends(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML reads the key `on` as a truth value.
    assert content["name"] and content[True]
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        assert job["timeout-minutes"] and job["runs-on"] and job["steps"]
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert "uses" not in step or re.fullmatch(r"[\w./-]+@v\d+", step["uses"])


def test_wheels_are_built_for_every_interpreter(workflow):
    assert set(workflow["env"]["INTERPRETERS"].split()) == supported()
    (maturin,) = (step for step in workflow["jobs"]["build"]["steps"] if "maturin" in step.get("uses", ""))
    assert (
        maturin["with"]["args"].endswith("--interpreter ${{ env.INTERPRETERS }}")
        and "--locked" in maturin["with"]["args"]
    )
    (setup,) = (step for step in workflow["jobs"]["build"]["steps"] if "setup-python" in step.get("uses", ""))
    assert set(setup["with"]["python-version"].split()) == supported()


def test_wheels_are_built_for_every_platform(workflow):
    rows = workflow["jobs"]["build"]["strategy"]["matrix"]["include"]
    assert {row["platform"] for row in rows} == {
        f"{system}-{machine}"
        for system, machines in {
            "manylinux": ("x86_64", "aarch64"),
            "musllinux": ("x86_64", "aarch64"),
            "macos": ("x86_64", "arm64"),
            "windows": ("x64",),
        }.items()
        for machine in machines
    }
    assert all(row["manylinux"].startswith("musllinux") == row["platform"].startswith("musllinux") for row in rows)


def test_every_wheel_is_tested_where_it_belongs(workflow):
    built = {row["platform"]: row["runner"] for row in workflow["jobs"]["build"]["strategy"]["matrix"]["include"]}
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    tested = {row["platform"]: row["runner"] for row in matrix["include"]}
    assert set(matrix["platform"]) == set(tested) and set(matrix["python"]) == supported()
    matrix = workflow["jobs"]["test-musllinux"]["strategy"]["matrix"]
    tested.update({f"musllinux-{row['machine']}": row["runner"] for row in matrix["include"]})
    assert {f"musllinux-{machine}" for machine in matrix["machine"]} <= set(tested)
    # Images of Alpine are of CPython with the GIL.
    assert set(matrix["python"]) == {name for name in supported() if re.fullmatch(r"3\.\d+", name)}
    assert tested == built


def test_there_is_a_source_distribution(workflow):
    (maturin,) = (step for step in workflow["jobs"]["sdist"]["steps"] if "maturin" in step.get("uses", ""))
    assert maturin["with"]["command"] == "sdist"
