"""What is in the source distribution and in the wheel: all that is needed, and nothing that a machine made."""

import base64
import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile

import packaging.tags
import packaging.utils
import pytest

from travel import REPOSITORY


@pytest.fixture(scope="module")
def files_of_sdist(sdist):
    """Path inside the distribution's one folder to contents."""
    with tarfile.open(sdist) as archive:
        members = [member for member in archive if member.isfile()]
        assert {member.name.partition("/")[0] for member in members} == {sdist.name[: -len(".tar.gz")]}
        return {member.name.partition("/")[2]: archive.extractfile(member).read() for member in members}


@pytest.fixture(scope="module")
def files_of_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def test_the_sdist_has_what_a_build_needs(files_of_sdist):
    assert {"PKG-INFO", "pyproject.toml", "Cargo.toml", "Cargo.lock", "LICENSE", "README.md"} <= set(files_of_sdist)
    for crate in (REPOSITORY / "crates").iterdir():
        assert f"crates/{crate.name}/Cargo.toml" in files_of_sdist
        assert f"crates/{crate.name}/src/lib.rs" in files_of_sdist
    assert "python/cloudpickle/py.typed" in files_of_sdist
    # With these, `make test-package` runs from it.
    assert {"Makefile", "requirements/test.txt", "tests/travel.py"} <= set(files_of_sdist)


def test_the_sdist_is_what_is_versioned_and_no_more(files_of_sdist):
    """Built amid caches, environments and compiled files."""
    git = shutil.which("git")
    if git is None or not (REPOSITORY / ".git").exists():
        pytest.skip("this is no clone, so what is versioned is not known")
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    versioned = {name for name in listed.split("\0") if name and (REPOSITORY / name).is_file()}
    assert set(files_of_sdist) == versioned | {"PKG-INFO"}
    for name in versioned:
        assert files_of_sdist[name] == (REPOSITORY / name).read_bytes(), name


def test_the_wheel_is_for_this_python_and_machine(wheel):
    name, version, _, tags = packaging.utils.parse_wheel_filename(wheel.name)
    assert (name, str(version)) == ("cloudpickle", version_in_cargo())
    assert tags & set(packaging.tags.sys_tags())
    assert {tag.interpreter for tag in tags} == {
        packaging.tags.interpreter_name() + packaging.tags.interpreter_version()
    }


def version_in_cargo():
    text = (REPOSITORY / "Cargo.toml").read_text(encoding="utf-8")
    return text.partition('\nversion = "')[2].partition('"')[0]


def test_the_wheel_has_the_package_and_nothing_else(files_of_wheel):
    extension = f"cloudpickle/_native{sysconfig.get_config_var('EXT_SUFFIX')}"
    folder = REPOSITORY / "python"
    sources = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    expected = {path.as_posix() for path in sources if "__pycache__" not in path.parts}
    assert "cloudpickle/py.typed" in expected and "cloudpickle/_native.pyi" in expected
    found = {name for name in files_of_wheel if ".dist-info/" not in name}
    assert found == expected | {extension}
    about = {name.partition(".dist-info/")[2] for name in files_of_wheel if ".dist-info/" in name}
    # Some versions of maturin add bills of materials.
    about = {name for name in about if not name.startswith("sboms/")}
    assert about == {"METADATA", "RECORD", "WHEEL", "licenses/LICENSE"}
    assert b"\0" in files_of_wheel[extension] and len(files_of_wheel[extension]) > 100_000


def test_the_wheels_record_is_right(files_of_wheel):
    (record,) = (name for name in files_of_wheel if name.endswith(".dist-info/RECORD"))
    listed = {}
    for line in files_of_wheel[record].decode().splitlines():
        name, digest, size = line.rsplit(",", 2)
        listed[name.strip('"')] = (digest, size)
    assert set(listed) == set(files_of_wheel)
    for name, contents in files_of_wheel.items():
        if name != record:
            digest = base64.urlsafe_b64encode(hashlib.sha256(contents).digest()).rstrip(b"=").decode()
            assert listed[name] == (f"sha256={digest}", str(len(contents)))


def test_the_wheel_does_not_name_the_machine_it_was_built_on(files_of_wheel):
    """Paths of the builder in panic messages would."""
    home = str(REPOSITORY).encode()
    assert not [name for name, contents in files_of_wheel.items() if home in contents]
    assert sys.executable.encode() not in b"".join(files_of_wheel.values())
