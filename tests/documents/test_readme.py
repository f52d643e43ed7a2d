"""The README's examples run as written, in order, in a process of their own."""

import re
import subprocess
import sys

from travel import PATIENCE, REPOSITORY


def examples():
    """Every ```python block of README.md."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.S | re.M)


def test_examples_run(tmp_path):
    blocks = examples()
    assert blocks, "README.md has no python block"
    script = tmp_path / "readme.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    command = [sys.executable, "-I", str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr


def test_support_table_is_what_the_matrix_runs():
    """`make test-all` checks the table against what passed; this, that the table is of the present matrix."""
    command = [sys.executable, str(REPOSITORY / "scripts" / "test_matrix.py"), "support"]
    table = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    assert table in (REPOSITORY / "README.md").read_text(encoding="utf-8")
