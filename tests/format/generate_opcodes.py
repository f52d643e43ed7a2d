"""Write opcodes.tsv: what `pickletools` says about each opcode and each kind of argument.

Run it with any CPython that has protocol 5 (3.8 or later), when a Python version changes the format:

    python tests/format/generate_opcodes.py

`test_opcodes.py` fails when the file and the running interpreter disagree; the Rust table is compared with the file by
`cargo test -p pickle-format`.
"""

import pickletools
from pathlib import Path

GOLDEN = Path(__file__).with_name("opcodes.tsv")

COLUMNS = ("name", "code", "argument", "argument size", "protocol", "stack before", "stack after")

# The negative sizes of an ArgumentDescriptor, in words.
SIZES = {
    pickletools.TAKEN_FROM_ARGUMENT1: "counted by u1",
    pickletools.TAKEN_FROM_ARGUMENT4: "counted by i4",
    pickletools.TAKEN_FROM_ARGUMENT4U: "counted by u4",
    pickletools.TAKEN_FROM_ARGUMENT8U: "counted by u8",
}


def size(argument):
    """Say how long the argument is, in the words of the golden file."""
    if argument is None:
        return "0 bytes"
    if argument.n == pickletools.UP_TO_NEWLINE:
        # The descriptor does not tell a pair of lines from one line except by its name.
        return "2 lines" if argument.name.endswith("_pair") else "1 lines"
    return SIZES.get(argument.n) or f"{argument.n} bytes"


def row(opcode):
    """Return the columns of one opcode."""
    return (
        opcode.name,
        f"{ord(opcode.code):#04x}",
        opcode.arg.name if opcode.arg else "none",
        size(opcode.arg),
        str(opcode.proto),
        " ".join(item.name for item in opcode.stack_before),
        " ".join(item.name for item in opcode.stack_after),
    )


def table():
    """Return the text of the golden file."""
    rows = [COLUMNS, *map(row, pickletools.opcodes)]
    return "".join("\t".join(columns) + "\n" for columns in rows)


if __name__ == "__main__":
    GOLDEN.write_bytes(table().encode("ascii"))
