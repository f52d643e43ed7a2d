"""Files of all kinds, each made of its contents. What is asked of those in Python is written down."""

import gzip
import io
import os
import pickle
import socket
import tempfile
import threading


class Minimal:
    """What `pickle.load` needs, and no more."""

    def __init__(self, contents):
        self.contents = contents
        self.position = 0
        self.calls = []

    def read(self, count):
        self.calls.append(("read", count))
        return self.take(count)

    def readline(self):
        self.calls.append(("readline",))
        end = self.contents.find(b"\n", self.position) + 1
        return self.take((end or len(self.contents)) - self.position)

    def take(self, count):
        taken = self.contents[self.position : self.position + count]
        self.position += len(taken)
        return taken

    def tell(self):
        return self.position


class WithReadinto(Minimal):
    def readinto(self, buffer):
        self.calls.append(("readinto", len(buffer)))
        taken = self.take(len(buffer))
        buffer[: len(taken)] = taken
        return len(taken)


class WithPeek(Minimal):
    shown = 50

    def peek(self, count):
        self.calls.append(("peek", count))
        return self.contents[self.position : self.position + self.shown]


class WithBoth(WithPeek, WithReadinto):
    shown = 5_000


class ShowingAll(WithPeek, WithReadinto):
    shown = 1 << 30


class ShowingNothing(WithReadinto):
    def peek(self, count):
        self.calls.append(("peek", count))
        raise NotImplementedError


class GivingByteArrays(WithReadinto):
    def take(self, count):
        return bytearray(super().take(count))


class GivingViews(WithBoth):
    def take(self, count):
        return memoryview(super().take(count))

    def peek(self, count):
        return memoryview(super().peek(count))


IN_PYTHON = [
    Minimal, WithReadinto, WithPeek, WithBoth, ShowingAll, ShowingNothing, GivingByteArrays, GivingViews,
]  # fmt: skip


def real(contents, **options):
    file = tempfile.TemporaryFile(**options)
    file.write(contents)
    file.seek(0)
    return file


def zipped(contents):
    return gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(contents, 1)))


REAL = {
    "BytesIO": io.BytesIO,
    "buffered": real,
    "buffered a little": lambda contents: real(contents, buffering=20),
    "unbuffered": lambda contents: real(contents, buffering=0),
    "gzip": zipped,
    "readinto that reads": lambda contents: io.BufferedReader(io.BytesIO(contents), 100),
}


def fed(reader, write, contents):
    """`reader`, with a thread at the other end that writes `contents`, and then nothing, and does not close it."""

    def feed():
        for start in range(0, len(contents), 10_000):
            write(contents[start : start + 10_000])

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    return reader


def pipe(contents):
    read_end, write_end = os.pipe()
    return fed(os.fdopen(read_end, "rb"), lambda data: os.write(write_end, data), contents)


def connection(contents):
    ours, theirs = socket.socketpair()
    reader = ours.makefile("rb")
    # Neither end closes before the file does.
    reader.ends = ours, theirs
    return fed(reader, theirs.sendall, contents)


OPEN_ENDED = {"pipe": pipe, "socket": connection}


class Failing(WithReadinto):
    """Raises at the `fails_at`th call."""

    def __init__(self, contents, fails_at, error):
        super().__init__(contents)
        self.fails_at = fails_at
        self.error = error

    def take(self, count):
        if len(self.calls) == self.fails_at:
            raise self.error
        return super().take(count)


class FailingToShow(WithBoth):
    shown = 20

    def __init__(self, contents, fails_at, error):
        super().__init__(contents)
        self.fails_at = fails_at
        self.error = error

    def peek(self, count):
        shown = super().peek(count)
        if len(self.calls) == self.fails_at:
            raise self.error
        return shown


ERRORS = {
    "OSError": lambda: OSError("no disk"),
    "UnpicklingError": lambda: pickle.UnpicklingError("of the file"),
    "NotImplementedError": NotImplementedError,
    "EOFError": lambda: EOFError("no more"),
    "KeyboardInterrupt": KeyboardInterrupt,
}
