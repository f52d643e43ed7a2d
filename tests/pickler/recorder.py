"""A file that remembers how it was written."""


class Recorder:
    """A file that keeps every piece that was written, as it came."""

    def __init__(self):
        self.pieces = []

    def write(self, piece):
        self.pieces.append(piece)
        return len(piece)

    def joined(self):
        return b"".join(bytes(piece) for piece in self.pieces)
