"""The source of registered modules, carried along with their functions for workers that lack the package.

A function that travels by value takes its globals along, but not what it imports when it is called: `import a.b` and
`from . import b` look for a module. With a function of a module given to `register_pickle_by_value` travels the source
of that module, of the packages that contain it, and of the registered modules that these import. Where it is loaded, a
finder at the end of `sys.meta_path` offers them to the import system.

At the end: what the worker has, imported or installed, comes first and is never shadowed. Modules of the same name that
were carried there before are replaced when their source changed, so that edits reach the worker with the next task.
They are run when an import statement asks for them, and have a state of their own, apart from the globals that
functions carry.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import opcode
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from types import CodeType, FrameType, ModuleType
from typing import TYPE_CHECKING, Callable, NamedTuple

if TYPE_CHECKING:
    # What travels: the name of each module, whether it is a package, its file, its source.
    Carried = dict[str, tuple[bool, str, str]]


class _Source(NamedTuple):
    """What is known of a registered module: as it travels, and the names of the modules that it may import."""

    # The time and size of its file, while which the rest is taken to be true.
    stamp: tuple[int, int] | None
    travelling: tuple[bool, str, str]
    imports: tuple[str, ...]


_LOCK = threading.RLock()
# The newest for each source, so that one pickle holds it once, and parsing is done once.
_SOURCES: dict[str, _Source] = {}
_CARRIED: dict[tuple[str, ...], Carried] = {}


def carried_with(name: str, is_registered: Callable[[str], bool]) -> Carried:
    """The sources that travel with what is defined in the registered module `name`.

    The same dict each time, as long as no source changes.
    """
    with _LOCK:
        found: Carried = {}
        pending = [name]
        while pending:
            each = pending.pop()
            if each in found or not is_registered(each):
                continue
            source = _source_of(each)
            if source is not None:
                found[each] = source.travelling
                pending += [each.rpartition(".")[0], *source.imports]
        ordered = dict(sorted(found.items()))
        key = (name, *(text for _, _, text in ordered.values()))
        return _CARRIED.setdefault(key, ordered)


def _source_of(name: str) -> _Source | None:
    """None for a module without source, or one that cannot be found."""
    try:
        module = sys.modules.get(name)
        spec = module.__spec__ if module is not None else importlib.util.find_spec(name)
        stamp = _stamp(spec)
        known = _SOURCES.get(name)
        if known is not None and stamp is not None and known.stamp == stamp:
            return known
        text = spec.loader.get_source(name)  # type: ignore[union-attr]
    except Exception:  # a loader may raise anything, and a module may be no more than an entry in sys.modules
        return None
    if text is None or spec is None:
        return None
    is_package = spec.submodule_search_locations is not None
    travelling = (is_package, spec.origin or f"<{name}>", text)
    package = name if is_package else name.rpartition(".")[0]
    known = _SOURCES[name] = _Source(stamp, travelling, tuple(dict.fromkeys(_imports(text, package))))
    return known


def _stamp(spec: importlib.machinery.ModuleSpec | None) -> tuple[int, int] | None:
    try:
        status = os.stat(spec.origin)  # type: ignore[union-attr, arg-type]
    except (OSError, TypeError, AttributeError):
        return None
    return status.st_mtime_ns, status.st_size


def _imports(text: str, package: str) -> Iterator[str]:
    """The names of all modules that the source may import, wherever in it: too many rather than too few."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                ancestors = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*ancestors, *([base] if base else [])])
            yield base
            for alias in node.names:
                yield f"{base}.{alias.name}"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and runs carried modules."""

    def __init__(self) -> None:
        self.carried: Carried = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        carried = self.carried.get(fullname)
        if carried is None or not _is_asked_by_import(sys._getframe(1)):
            return None
        is_package, origin, _ = carried
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=origin, is_package=is_package)
        # Without it, the module has no `__file__`, which source code may use.
        spec.has_location = not origin.startswith("<")
        return spec

    def get_source(self, fullname: str) -> str:
        """The source, also for tracebacks."""
        try:
            return self.carried[fullname][2]
        except KeyError:
            raise ImportError(f"{fullname} is not a carried module", name=fullname) from None

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.get_source(fullname), self.carried[fullname][1], "exec", dont_inherit=True)

    def is_package(self, fullname: str) -> bool:
        return self.carried[fullname][0]


def _is_asked_by_import(frame: FrameType | None) -> bool:
    """Whether an import statement, or `importlib.import_module`, asks for the module.

    An unpickler that looks for a global is told that there is no such module: what is pickled as a reference means the
    installed module, and a source that came along with something else is not that.
    """
    while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    if frame is None:
        return False
    asked_by = frame.f_code.co_code[frame.f_lasti]
    return asked_by == opcode.opmap["IMPORT_NAME"] or frame.f_globals.get("__name__") == "importlib"


_FINDER = _Finder()


def offer(carried: Carried) -> None:
    """Lets the import system find these modules, after all others that it finds. Called when a function is loaded."""
    with _LOCK:
        changed = [name for name, entry in carried.items() if _FINDER.carried.get(name) != entry]
        if not changed:
            return
        _FINDER.carried.update(carried)
        if _FINDER not in sys.meta_path:
            sys.meta_path.append(_FINDER)
        for name in changed:
            module = sys.modules.get(name)
            if module is not None and getattr(module.__spec__, "loader", None) is _FINDER:
                del sys.modules[name]
                package, _, part = name.rpartition(".")
                if getattr(sys.modules.get(package), part, None) is module:
                    delattr(sys.modules[package], part)
