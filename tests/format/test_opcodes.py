"""The golden opcode table is that of the running interpreter."""

from generate_opcodes import GOLDEN, table


def test_golden_file_equals_pickletools():
    assert GOLDEN.read_text(encoding="ascii") == table()
