"""How files change places: originals are kept, each exchange is one `os.replace`, a failure undoes what came before it.

For each file that is replaced, the store has the original and the record has three hashes:

    original    of the file that was taken away
    placed      of the file that was put in its place
    handover    of the text in it (the two differ for archives)

From these alone is told how a file stands, so it does not matter in what order `replace`, `restore`, upgrades and
reinstallations come, nor whether one of them was killed half way. A file that is neither `original` nor `placed` came
with another installation of the framework, and what is kept for it is stale.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from . import handover
from .frameworks import Installation, State, VendoredError


def state(installation: Installation) -> State:
    """How the files of an installation stand together."""
    with _readable_errors():
        record = _read_record(installation)
        own = {file.stand(record.get(file.name)) is _Stand.OWN for file in _files(installation)}
    if not own:
        return State.NO_COPY
    if len(own) == 2:
        return State.PARTLY
    return State.OWN_COPY if own.pop() else State.INSTALLED


def replace(installation: Installation) -> bool:
    """Put the handover in the place of each module of the copy. Returns whether anything had to be done."""
    with _readable_errors(), _alone(installation), _Transaction() as transaction:
        files = list(_files(installation))
        # Without what an earlier version of the framework had besides.
        names = {file.name for file in files}
        record = {name: entry for name, entry in _read_record(installation).items() if name in names}
        if not files:
            raise VendoredError(
                f"{installation.framework.name} carries no copy of cloudpickle in {installation.folder}"
            )
        ready: dict[_File, Path] = {}
        for file in files:
            entry = record.get(file.name)
            stand = file.stand(entry)
            if stand is _Stand.OWN:
                original = _keep(file, transaction)
            elif stand is _Stand.PLACED and entry is not None and entry.handover != file.handover():
                original = _kept(file, entry)  # another version of this package put its text there
            else:
                continue
            temporary = transaction.temporary_beside(file.path)
            file.write(original, temporary)
            _imitate(original, temporary)
            record[file.name] = _Entry(_hash(original), _hash(temporary), file.handover())
            ready[file] = temporary
        if ready:
            _write_record(installation, record, transaction)
        _exchange_all(ready, transaction)
    return bool(ready)


def restore(installation: Installation) -> tuple[bool, tuple[str, ...]]:
    """Put the originals back. Returns whether files changed places, and what the user ought to know."""
    name = installation.framework.name
    with _readable_errors(), _alone(installation), _Transaction() as transaction:
        record = _read_record(installation)
        files = list(_files(installation))
        ready: dict[_File, Path] = {}
        # What the record knows and the framework does not have any more is as stale as what differs.
        stale = not set(record) <= {file.name for file in files}
        for file in files:
            entry = record.get(file.name)
            stand = file.stand(entry)
            if stand is _Stand.FOREIGN:
                reason = "was edited since it was replaced" if entry else "is replaced, and no record of it is left"
                kept = f" (the original is kept in {file.kept})" if file.kept.exists() else ""
                raise VendoredError(f"{file.path} {reason}{kept}: install {name} anew")
            if stand is _Stand.PLACED and entry is not None:
                ready[file] = transaction.temporary_beside(file.path)
                _link_or_copy(_kept(file, entry), ready[file])
            elif entry is not None and _hash(file.path) != entry.original:
                stale = True
        _exchange_all(ready, transaction)
        transaction.commit()
        _clear(installation, files)
    note = f"{name} was installed anew after its copy was replaced: it keeps the files it came with"
    return bool(ready), (note,) if stale else ()


# The files, and how they stand.


class _Stand(enum.Enum):
    """How one file stands."""

    OWN = enum.auto()
    """The framework's: never replaced, restored, or installed anew since."""
    PLACED = enum.auto()
    """What the record says was put in place."""
    FOREIGN = enum.auto()
    """Hands over, and is not what the record says: edited, or the record is lost."""


@dataclass(frozen=True)
class _Entry:
    """A line of the record. The module's docstring says what the hashes are of."""

    original: str
    placed: str
    handover: str


@dataclass(frozen=True, eq=False)
class _File:
    """A file of the framework that is replaced: a module of the copy, or an archive."""

    path: Path
    name: str
    """In the record: the path inside the framework's package."""
    framework: str
    kept: Path
    """Where its original is kept while it is replaced."""
    replacements: dict[str, bytes]
    """What an archive's members are replaced by; for a module, its one text under the empty name."""

    @property
    def is_archive(self) -> bool:
        return "" not in self.replacements

    def handover(self) -> str:
        """The hash that the record has under this name."""
        return _hash_of(b"".join(text for _, text in sorted(self.replacements.items())))

    def stand(self, entry: _Entry | None) -> _Stand:
        if entry is not None and _hash(self.path) == entry.placed:
            return _Stand.PLACED
        return _Stand.FOREIGN if self.hands_over(self.path) else _Stand.OWN

    def hands_over(self, path: Path) -> bool:
        """Whether `path`, which is this file or its original, has a handover in it."""
        if self.is_archive:
            return handover.is_handover_archive(path, self.replacements)
        return handover.is_handover(path.read_bytes())

    def write(self, original: Path, target: Path) -> None:
        """Write what takes the place of `original`."""
        if self.is_archive:
            handover.write_archive(original, target, self.replacements)
        else:
            target.write_bytes(self.replacements[""])


def _files(installation: Installation) -> Iterator[_File]:
    """The files of an installation that are replaced, those that are there."""
    framework = installation.framework

    def file(path: Path, replacements: dict[str, bytes]) -> _File:
        name = path.relative_to(installation.folder).as_posix()
        return _File(path, name, framework.name, installation.store / f"{name}.original", replacements)

    for module in handover.MODULES:
        path = installation.copy_folder / f"{module}.py"
        if path.is_file():
            yield file(path, {"": handover.source(framework.name, module)})
    members = handover.members(framework.name, framework.copy)
    for path in installation.archives():
        if handover.has_members(path, members):
            yield file(path, members)


def _keep(file: _File, transaction: _Transaction) -> Path:
    """Keep the original in the store; it remains in its place as well."""
    if file.path.is_symlink():
        raise VendoredError(
            f"{file.path} is a symbolic link, which other environments may share: install {file.framework} with copies"
        )
    temporary = transaction.temporary_beside(file.kept)
    _link_or_copy(file.path, temporary)
    if file.hands_over(temporary):
        raise VendoredError(f"{file.path} is being replaced by another process")
    transaction.exchange(file.kept, temporary)
    return file.kept


def _kept(file: _File, entry: _Entry) -> Path:
    """The original in the store, seen to be the original."""
    if not file.kept.is_file() or _hash(file.kept) != entry.original:
        raise VendoredError(
            f"the original of {file.path} is not in {file.kept} any more: install {file.framework} anew"
        )
    return file.kept


def _exchange_all(ready: dict[_File, Path], transaction: _Transaction) -> None:
    for file, temporary in ready.items():
        transaction.exchange(file.path, temporary)
    # Not every .pyc is checked against its source; one that is left is of no harm where it is checked.
    for file in ready:
        if not file.is_archive:
            for compiled in (file.path.parent / "__pycache__").glob(f"{file.path.stem}.*.pyc"):
                with contextlib.suppress(OSError):
                    compiled.unlink()


# The record.


def _read_record(installation: Installation) -> dict[str, _Entry]:
    path = _record_path(installation)
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {name: _Entry(**entry) for name, entry in entries.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        name = installation.framework.name
        raise VendoredError(f"{path} is damaged: remove {path.parent} and install {name} anew") from error


def _write_record(installation: Installation, record: dict[str, _Entry], transaction: _Transaction) -> None:
    path = _record_path(installation)
    temporary = transaction.temporary_beside(path)
    text = json.dumps({name: asdict(entry) for name, entry in record.items()}, indent=2)
    temporary.write_text(text + "\n", encoding="utf-8")
    # Temporary files are their owner's alone. Whoever may read the framework may ask for its status.
    shutil.copymode(next(_files(installation)).path, temporary)
    transaction.exchange(path, temporary)


def _record_path(installation: Installation) -> Path:
    return installation.store / "record.json"


def _clear(installation: Installation, files: list[_File]) -> None:
    """Remove what was kept of this framework, the store if nothing else is in it, and what a killed process left."""
    for file in files:
        for left in file.path.parent.glob(f".{file.path.name}.*{_TEMPORARY}"):
            _remove(left)
    if installation.store.exists():
        shutil.rmtree(installation.store)
    _remove_if_empty(installation.store.parent)


# The file system.


_TEMPORARY = ".cloudpickle-temporary"


class _Transaction:
    """Exchanges of files that all happen or, if an exception leaves the `with` block, are all taken back."""

    def __init__(self) -> None:
        self._undo = contextlib.ExitStack()
        self._temporaries: list[Path] = []

    def __enter__(self) -> _Transaction:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.commit()
        else:
            self._undo.close()

    def commit(self) -> None:
        """From here on nothing is taken back."""
        self._undo.pop_all()
        for path in self._temporaries:
            _remove(path)

    def temporary_beside(self, path: Path) -> Path:
        """An empty file in the folder of `path`, from where `os.replace` can move it there."""
        self._make_folder(path.parent)
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_TEMPORARY, dir=path.parent)
        except OSError as error:
            # The name of the temporary file would say nothing to the reader.
            raise OSError(error.errno, error.strerror, str(path)) from error
        os.close(descriptor)
        temporary = Path(name)
        self._temporaries.append(temporary)
        # In the course of undoing, before the folder that was made for it goes, and after it was put back.
        self._undo.callback(_remove, temporary)
        return temporary

    def exchange(self, path: Path, temporary: Path) -> None:
        """Move `temporary` to `path` in one step."""
        before = None
        if path.exists():
            before = self.temporary_beside(path)
            _link_or_copy(path, before)
        os.replace(temporary, path)
        if before is None:
            self._undo.callback(_remove, path)
        else:
            self._undo.callback(os.replace, before, path)

    def _make_folder(self, path: Path) -> None:
        if not path.is_dir():
            self._make_folder(path.parent)
            path.mkdir(exist_ok=True)
            self._undo.callback(_remove_if_empty, path)


def _link_or_copy(source: Path, target: Path) -> None:
    """Let `target` be the same file as `source`, with its times, mode and owner, or a copy of it without links."""
    _remove(target)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _imitate(original: Path, target: Path) -> None:
    """Give `target` the mode and owner of `original`, and another time: compiled code is matched by time and size."""
    shutil.copymode(original, target)
    before, after = original.stat(), target.stat()
    if (before.st_uid, before.st_gid) != (after.st_uid, after.st_gid):
        with contextlib.suppress(OSError):  # only the superuser may give files away
            os.chown(target, before.st_uid, before.st_gid)
    if int(before.st_mtime) == int(after.st_mtime):
        os.utime(target, (after.st_atime, after.st_mtime + 1))


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _remove_if_empty(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.rmdir()


def _hash(path: Path) -> str:
    return _hash_of(path.read_bytes())


def _hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def _alone(installation: Installation) -> Iterator[None]:
    """One process at a time, where the system can lock folders: not on Windows. No lock outlives its process."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(installation.folder.parent, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _readable_errors() -> Iterator[None]:
    """Turn what the file system refuses into an error that names the path and a remedy."""
    try:
        yield
    except zipfile.BadZipFile as error:
        raise VendoredError(f"a zip file of the framework is damaged ({error}): install it anew") from error
    except OSError as error:
        # Of a pair of paths the second is the place that is written to.
        path = error.filename2 or error.filename
        raise VendoredError(
            f"{path}: {error.strerror or error}. Run this as the owner of the environment, "
            f"or make an environment of your own ({Path(sys.executable).name} -m venv) and install the framework there"
        ) from error
