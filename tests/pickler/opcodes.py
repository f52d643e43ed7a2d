"""The opcodes of a pickle, to be compared."""

import pickletools


def without_frames(data):
    """Names and arguments of all opcodes but FRAME: where frames end is for each pickler to say."""
    return [(opcode.name, argument) for opcode, argument, _ in pickletools.genops(data) if opcode.name != "FRAME"]
