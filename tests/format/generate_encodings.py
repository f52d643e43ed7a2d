"""Write encodings.tsv: what CPython's C pickler makes of values at the edges between opcodes, and of frames.

Each row is a kind, a protocol, a value, and what came out. `fast` is on, so that nothing is memoized and a row is about
its value alone. How values are spelt:

    none, bool, int      as in Python
    float                the eight bytes, big-endian, in hexadecimal
    float_text           its repr
    str                  its UTF-8 in hexadecimal
    str_text             its code points in hexadecimal
    bytes, bytearray     in hexadecimal

and the result is the pickle in hexadecimal. In rows of the kind `list`, the value is the lengths of the bytes objects
in a list, which are zeros; the result is the CRC-32 of the pickle and the lengths of the pieces written to the file.

Run it with any CPython from 3.9 on; `test_encodings.py` fails when the file and the running interpreter disagree.
"""

import pickle
import struct
import zlib
from pathlib import Path

GOLDEN = Path(__file__).with_name("encodings.tsv")

COLUMNS = ("kind", "protocol", "value", "result")

INTS = sorted(
    {(1 << 63) - 1, -(1 << 63)}.union(
        sign * (1 << bits) + offset
        for sign in (1, -1)
        for bits in (0, 7, 8, 15, 16, 23, 24, 31, 32, 39, 40, 47, 48, 55, 56, 62)
        for offset in (-1, 0, 1)
    )
)

FLOATS = (0.0, -0.0, 1.0, 0.1, -1e300, 5e-324, float("inf"), float("-inf"), float("nan"))

TEXTS = (
    "",
    "abc",
    "a\\b\0c\nd\re\x1af\tg\x7f\x80\xff\u0100\ud800\uffff\U00010000\U0010ffff",
    "a" * 255,
    "a" * 256,
    "\xe9" * 127,
    "\xe9" * 128,
)

BYTES = (b"", b"\0\xff", b"a" * 255, b"a" * 256)

LARGE = 64 * 1024

LISTS = (
    [],
    [0],
    [LARGE - 1],
    [LARGE],
    [LARGE, LARGE],
    [LARGE, 0],
    [3, LARGE, 3],
    [LARGE - 1, LARGE, LARGE - 1],
    # What precedes the second object in its frame: EMPTY_LIST, MARK, and opcode and length in five bytes.
    [LARGE - 8, 0],
    [LARGE - 7, 0],
    [LARGE - 6, 0],
    [30000] * 7,
)


class Recorder:
    """A file that remembers what was written to it, piece by piece."""

    def __init__(self):
        self.pieces = []

    def write(self, piece):
        self.pieces.append(bytes(piece))


def pieces(value, protocol):
    """Return the pieces in which the C pickler writes the value to a file."""
    recorder = Recorder()
    pickler = pickle.Pickler(recorder, protocol)
    pickler.fast = True
    pickler.dump(value)
    return recorder.pieces


def values(protocol):
    """Yield kind, value and spelling of all values that have an opcode of their own in this protocol."""
    yield "none", None, "None"
    yield "bool", True, "True"
    yield "bool", False, "False"
    for value in INTS:
        yield "int", value, str(value)
    for value in FLOATS:
        if protocol == 0:
            yield "float_text", value, repr(value)
        else:
            yield "float", value, struct.pack(">d", value).hex()
    for value in TEXTS:
        if protocol == 0:
            yield "str_text", value, " ".join(f"{ord(character):x}" for character in value)
        else:
            yield "str", value, value.encode("utf-8", "surrogatepass").hex()
    if protocol >= 3:
        for value in BYTES:
            yield "bytes", value, value.hex()
    if protocol >= 5:
        for value in BYTES:
            yield "bytearray", bytearray(value), value.hex()


def table():
    """Return the text of the golden file."""
    rows = [COLUMNS]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for kind, value, spelling in values(protocol):
            rows.append((kind, str(protocol), spelling, b"".join(pieces(value, protocol)).hex()))
        if protocol >= 3:
            for lengths in LISTS:
                written = pieces([bytes(length) for length in lengths], protocol)
                result = [f"{zlib.crc32(b''.join(written)):08x}", *(str(len(piece)) for piece in written)]
                rows.append(("list", str(protocol), " ".join(map(str, lengths)), " ".join(result)))
    return "".join("\t".join(columns) + "\n" for columns in rows)


if __name__ == "__main__":
    GOLDEN.write_bytes(table().encode("ascii"))
