"""What stands in the place of a copy's modules: a few lines that hand over to the installed cloudpickle.

A module that puts another one into `sys.modules` under its own name is that other one for whoever imports it. So
`from ray.cloudpickle.cloudpickle import X`, `from .cloudpickle import *`, and the names in pickles that the copy wrote
earlier (`ray.cloudpickle.cloudpickle._make_function`) all lead to the installed cloudpickle, while the package's
`__init__.py`, with what the framework adds there, remains.
"""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

MODULES = ("cloudpickle", "cloudpickle_fast")
"""The modules of a copy. Copies of upstream 1.x and 2.x have their pickler in the second."""

_MARK = b"# Put here by `python -m cloudpickle vendored replace`"

_SOURCE = """\
{mark}; `... restore {framework}` puts the original back.
\"\"\"Hands over to the installed cloudpickle: whoever imports this module gets `cloudpickle.{module}`.\"\"\"
import sys

try:
    import cloudpickle.{module}
except ModuleNotFoundError as error:
    if error.name not in ("cloudpickle", "cloudpickle.{module}"):
        raise
    raise ImportError(
        "{framework} was made to run on the installed cloudpickle, and none is installed: install cloudpickle, "
        "or install {framework} anew"
    ) from None
sys.modules[__name__] = sys.modules["cloudpickle.{module}"]
"""


def source(framework: str, module: str) -> bytes:
    """The text that stands in the place of a copy's `module`."""
    return _SOURCE.format(mark=_MARK.decode(), framework=framework, module=module).encode()


def is_handover(data: bytes) -> bool:
    """Whether a module's text is one of these, of whatever version."""
    return data.startswith(_MARK)


def members(framework: str, copy: str) -> dict[str, bytes]:
    """The modules of a copy as an archive names them, and the text that takes their place."""
    return {str(PurePosixPath(framework, copy, f"{module}.py")): source(framework, module) for module in MODULES}


def is_handover_archive(path: Path, names: dict[str, bytes]) -> bool:
    """Whether an archive has any of the modules replaced."""
    with zipfile.ZipFile(path) as archive:
        return any(is_handover(archive.read(name)) for name in set(names).intersection(archive.namelist()))


def has_members(path: Path, names: dict[str, bytes]) -> bool:
    """Whether an archive has any of the modules at all."""
    with zipfile.ZipFile(path) as archive:
        return not set(names).isdisjoint(archive.namelist())


def write_archive(original: Path, target: Path, replacements: dict[str, bytes]) -> None:
    """Copy an archive with other contents for some members; everything else, their order included, stays."""
    # What was compiled from the replaced modules would be preferred to them.
    compiled = {f"{name}c" for name in replacements}
    with zipfile.ZipFile(original) as reading, zipfile.ZipFile(target, "w") as writing:
        writing.comment = reading.comment
        for member in reading.infolist():
            if member.filename not in compiled:
                data = replacements.get(member.filename)
                writing.writestr(member, reading.read(member) if data is None else data)
