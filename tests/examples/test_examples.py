"""The light examples run as written; each is listed, says what to install, and starts nothing when it is imported.

Those of Ray and PySpark are run with the other tests of these frameworks.
"""

import ast
import importlib.util
import re
import subprocess
import sys

import pytest

from travel import PATIENCE, REPOSITORY

FOLDER = REPOSITORY / "examples"
SCRIPTS = sorted(FOLDER.glob("*.py"))
# The package without which the example cannot run.
LIGHT = {
    "process_pool": "cloudpickle",
    "dask_cluster": "distributed",
    "joblib_parallel": "joblib",
    "loky_executor": "loky",
}


@pytest.mark.parametrize("name, package", LIGHT.items(), ids=LIGHT)
def test_light_examples_run(tmp_path, name, package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    command = [sys.executable, str(FOLDER / f"{name}.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    if name == "joblib_parallel" and done.stdout.endswith("joblib's copy, joblib.externals.cloudpickle.cloudpickle\n"):
        pytest.skip("this joblib carries a copy of cloudpickle, which tests/frameworks replaces")
    assert re.search(r"came back\nthe workers? used (the installed )?cloudpickle 3\.1\.2\+rust\.\d+\n$", done.stdout)


def test_the_list_is_complete():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\((\w+\.py)\)", text)) == {path.name for path in SCRIPTS}
    assert {path.stem for path in SCRIPTS} >= set(LIGHT)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_each_says_what_to_install_and_how_to_run_it(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstring = ast.get_docstring(tree)
    assert "pip install" in docstring and f"python examples/{path.name}" in docstring
    assert ast.unparse(tree.body[-1]) == "if __name__ == '__main__':\n    main()"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_none_shadows_what_it_imports(path):
    """A script's folder is the first in which it looks for modules."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.partition(".")[0])
    assert imported.isdisjoint({each.stem for each in SCRIPTS})
