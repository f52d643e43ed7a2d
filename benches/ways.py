"""How an object is pickled and loaded: one class per way, each the same for every side.

`write(side)` gives a function from object to payload, `read(side)` one from payload to object; both are what is timed.
"""

from __future__ import annotations

import io
import itertools
import pickle
import tempfile
from pathlib import Path
from typing import Any, Callable

from sides import Side


class Dumps:
    """`dumps` and `loads`."""

    name = "dumps"

    def write(self, side: Side) -> Callable[..., Any]:
        """Called with the object and `side.protocol`: without a function of ours in between."""
        return side.dumps

    def further(self, side: Side) -> tuple[int, ...]:
        """What `write`'s function takes besides the object."""
        return side.protocol

    def read(self, side: Side) -> Callable[[Any], Any]:
        return side.loads

    def size(self, payload: Any) -> int:
        """Bytes of the payload."""
        return len(payload)


class _Wrapped(Dumps):
    """A way that needs more than one call: its functions take the object alone."""

    def further(self, side: Side) -> tuple[int, ...]:
        return ()


class Written:
    """A new file, removed with this object. The clock stands when a result goes, and the next file is a new one too.

    Files that are overwritten are no measure of `dump`: ext4 writes a file that was truncated to the disk when it is
    closed, which took 35 ms or 55 ms for the same 100 MB; the same call with new files took 26 ms each time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __del__(self) -> None:
        self.path.unlink()


class File(_Wrapped):
    """`dump` to a new file and `load` from it."""

    name = "file"

    def __init__(self) -> None:
        # Removed when the process ends.
        self._folder = tempfile.TemporaryDirectory()
        self._numbers = itertools.count()

    def write(self, side: Side) -> Callable[[Any], Any]:
        folder, numbers, dump, protocol = Path(self._folder.name), self._numbers, side.dump, side.protocol

        def write(obj: Any) -> Written:
            written = Written(folder / str(next(numbers)))
            with open(written.path, "wb") as file:
                dump(obj, file, *protocol)
            return written

        return write

    def read(self, side: Side) -> Callable[[Any], Any]:
        load = side.load

        def read(written: Written) -> Any:
            with open(written.path, "rb") as file:
                return load(file)

        return read

    def size(self, payload: Written) -> int:
        return payload.path.stat().st_size


class InMemoryFile(_Wrapped):
    """`dump` to a new `io.BytesIO` and `load` from one."""

    name = "BytesIO"

    def write(self, side: Side) -> Callable[[Any], Any]:
        dump, protocol = side.dump, side.protocol

        def write(obj: Any) -> bytes:
            file = io.BytesIO()
            dump(obj, file, *protocol)
            return file.getvalue()

        return write

    def read(self, side: Side) -> Callable[[Any], Any]:
        load = side.load
        return lambda payload: load(io.BytesIO(payload))


class ByPickler(_Wrapped):
    """A `Pickler` without hooks, made for one object, as frameworks do."""

    name = "Pickler"

    def write(self, side: Side) -> Callable[[Any], Any]:
        return written_by(side.Pickler, side)


class OutOfBand(_Wrapped):
    """`dumps` with a `buffer_callback`, `loads` with the buffers."""

    name = "out of band"

    def write(self, side: Side) -> Callable[[Any], Any]:
        dumps, protocol = side.dumps, (*side.protocol, 5)[0]

        def write(obj: Any) -> tuple[bytes, list[pickle.PickleBuffer]]:
            buffers: list[pickle.PickleBuffer] = []
            return dumps(obj, protocol, buffer_callback=buffers.append), buffers

        return write

    def read(self, side: Side) -> Callable[[Any], Any]:
        loads = side.loads
        return lambda payload: loads(payload[0], buffers=payload[1])

    def size(self, payload: tuple[bytes, list[pickle.PickleBuffer]]) -> int:
        """Of the pickle: the buffers are the object's own."""
        return len(payload[0])


class Handle:
    """What the hooks below look for: a thing that is known to both ends by its number."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and other.number == self.number

    def __hash__(self) -> int:
        return self.number


class ReducerOverride(_Wrapped):
    """A subclass of the Pickler whose `reducer_override` reduces a `Handle` and leaves the rest."""

    name = "reducer_override"

    def write(self, side: Side) -> Callable[[Any], Any]:
        base: Any = side.Pickler

        class Overriding(base):  # type: ignore[misc]
            def reducer_override(self, obj: Any) -> Any:
                if type(obj) is Handle:
                    return Handle, (obj.number,)
                return super().reducer_override(obj) if side.by_value else NotImplemented

        return written_by(Overriding, side)


class PersistentId(_Wrapped):
    """A subclass of the Pickler whose `persistent_id` names a `Handle`, and an Unpickler that knows the names."""

    name = "persistent_id"

    def write(self, side: Side) -> Callable[[Any], Any]:
        base: Any = side.Pickler

        class Naming(base):  # type: ignore[misc]
            def persistent_id(self, obj: Any) -> Any:
                return obj.number if type(obj) is Handle else None

        return written_by(Naming, side)

    def read(self, side: Side) -> Callable[[Any], Any]:
        base: Any = side.Unpickler

        class Knowing(base):  # type: ignore[misc]
            def persistent_load(self, number: int) -> Handle:
                return Handle(number)

        return lambda payload: Knowing(io.BytesIO(payload)).load()


def written_by(pickler: Any, side: Side) -> Callable[[Any], bytes]:
    """A function that makes a pickler of this class for each object."""
    protocol = side.protocol

    def write(obj: Any) -> bytes:
        file = io.BytesIO()
        pickler(file, *protocol).dump(obj)
        return file.getvalue()

    return write
