"""House rules that no compiler checks: where danger and version differences may stand, and how files begin."""

import re

import pytest

from travel import REPOSITORY

CRATES = REPOSITORY / "crates"
RUST = sorted(path for path in CRATES.rglob("*.rs") if "target" not in path.parts)
DANGER = CRATES / "python-objects"
SAFE = [path for path in RUST if DANGER not in path.parents]


def name(path):
    return str(path.relative_to(REPOSITORY))


def without_comments_and_strings(text):
    """The code alone: what is quoted or remarked is not what is done."""
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', text, flags=re.S)


def test_there_is_something_to_check():
    assert len(RUST) >= 5 and len(SAFE) >= 3


@pytest.mark.parametrize("crate", ["pickle-format", "cloudpickle"])
def test_unsafe_is_forbidden_by_the_compiler(crate):
    assert "#![forbid(unsafe_code)]" in (CRATES / crate / "src" / "lib.rs").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SAFE, ids=name)
def test_no_unsafe_outside_its_crate(path):
    code = without_comments_and_strings(path.read_text(encoding="utf-8")).replace("forbid(unsafe_code)", "")
    assert not re.search(r"\bunsafe\b|\bunsafe_code\b", code)


@pytest.mark.parametrize("path", SAFE, ids=name)
def test_no_python_versions_outside_their_crate(path):
    code = without_comments_and_strings(path.read_text(encoding="utf-8"))
    assert not re.search(r"\bPy_3_\d+|\bPyPy\b|\bPy_GIL_DISABLED\b|\bPy_LIMITED_API\b", code)


@pytest.mark.parametrize("path", [path for path in RUST if path not in SAFE], ids=name)
def test_every_unsafe_block_says_why_it_is_sound(path):
    """`// SAFETY:` stands directly above, with nothing but the rest of the comment in between."""
    lines = path.read_text(encoding="utf-8").splitlines()
    bare = []
    for number, line in enumerate(lines):
        code = without_comments_and_strings(line)
        if not re.search(r"\bunsafe\s*(\{|impl\b)", code):
            continue
        above = number - 1
        # The block may be the tail of a statement that started on an earlier line.
        while above >= 0 and not lines[above].strip().startswith("//") and not re.search(r"[;{}]\s*$", lines[above]):
            above -= 1
        comment = []
        while above >= 0 and lines[above].strip().startswith("//"):
            comment.append(lines[above].strip())
            above -= 1
        if not any(text.startswith("// SAFETY:") for text in comment):
            bare.append(f"{name(path)}:{number + 1}: {line.strip()}")
    assert bare == []


@pytest.mark.parametrize("path", RUST, ids=name)
def test_every_file_opens_with_what_it_is_for(path):
    assert path.read_text(encoding="utf-8").startswith("//!")


def test_no_rooms_for_odds_and_ends():
    odd = {"util", "utils", "helper", "helpers", "common", "manager", "misc"}
    folders = [CRATES, REPOSITORY / "python", REPOSITORY / "tests"]
    found = [name(p) for folder in folders for p in folder.rglob("*") if p.stem in odd and "target" not in p.parts]
    assert found == []


def test_reduce_and_rebuild_are_lists_of_families():
    """`reduce/x.rs` and `rebuild/x.rs` are two halves of one thing; a family that needs one half only has one file."""
    source = CRATES / "cloudpickle" / "src"
    for half in ("reduce", "rebuild"):
        text = (source / half / "mod.rs").read_text(encoding="utf-8")
        for path in (source / half).glob("*.rs"):
            if path.stem != "mod":
                assert re.search(rf"\bmod {path.stem};", text), f"{half}/mod.rs does not list {path.stem}"


def modules_of(path):
    return re.findall(r"^(?:pub(?:\(\w+\))? )?mod (\w+);", path.read_text(encoding="utf-8"), re.M)


# Families are listed in a table of their own, and some files are a choice between two.
LISTS = [path for path in RUST if "//! - [`" in path.read_text(encoding="utf-8") and modules_of(path)]


@pytest.mark.parametrize("path", LISTS, ids=name)
def test_lists_of_modules_are_complete(path):
    """A file that opens with a list of its modules names them all."""
    head = "\n".join(re.findall(r"^//!.*", path.read_text(encoding="utf-8"), re.M))
    assert [module for module in modules_of(path) if not re.search(rf"`(?:mod@)?{module}`", head)] == []


def test_the_house_has_every_room():
    """The tree at the head of ARCHITECTURE.md names what stands at the top of each crate."""
    text = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")
    house = text.partition("## The house")[2].partition("\n## ")[0]
    missing = []
    for crate in CRATES.iterdir():
        tree = house.partition(f"crates/{crate.name}/ ")[2].partition("\ncrates/")[0]
        rooms = (crate / "src" / "lib.rs", *(crate / "src").glob("write/mod.rs"))
        missing += [
            f"{crate.name}: {room}"
            for path in rooms
            for room in modules_of(path)
            if not re.search(rf"(?<![\w-]){room}(?![\w-])", tree)
        ]
    assert missing == []


def test_statics_are_listed():
    """ARCHITECTURE.md lists what outlives a call."""
    text = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.partition("## What outlives a call")[2].partition("\n## ")[0]
    listed = sorted((path, static) for static, path in re.findall(r"^\| `(\w+)` \| `([\w/.-]+)` \|", table, re.M))
    found = []
    for path in (path for path in RUST if "src" in path.parts):
        code = without_comments_and_strings(path.read_text(encoding="utf-8"))
        # What is declared there is the interpreter's.
        code = re.sub(r"unsafe extern [^{;]*\{[^}]*\}", "", code)
        for static in re.findall(r"\bstatic (?:mut )?(\w+):", code):
            found.append((str(path.relative_to(CRATES)).removeprefix("cloudpickle/src/"), static))
    assert sorted(found) == listed


def test_panics_unwind():
    """A panic becomes a Python exception; with `abort` it would end the user's process."""
    text = (REPOSITORY / "Cargo.toml").read_text(encoding="utf-8")
    release = text.partition("[profile.release]")[2].partition("\n[")[0]
    assert 'panic = "unwind"' in release and 'panic = "abort"' not in text


def test_no_run_time_dependency():
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r"^dependencies = \[\]$", text, re.M)


def test_every_folder_of_tests_is_run():
    """A folder is in pytest's `testpaths`, for `make test-package`, or is a suite with a target of its own."""
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    listed = set(re.findall(r'^    "tests/(\w+)",$', text, re.M))
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    with_tests = {path.parent.name for path in (REPOSITORY / "tests").glob("*/*.py") if "__pycache__" not in path.parts}
    own_target = {folder for folder in with_tests if re.search(rf"\btests/{folder}\b", makefile)}
    assert listed <= with_tests
    assert with_tests - listed - own_target == set()
