"""The golden encodings are those of the running interpreter's C pickler."""

import sys

import pytest
from generate_encodings import GOLDEN, table


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="PyPy's pickler chooses other opcodes and frames")
def test_golden_file_equals_the_c_pickler():
    assert GOLDEN.read_text(encoding="ascii") == table()
