"""The names of `cloudpickle.cloudpickle`, under the module name that pickles of upstream 1.x refer to."""

from __future__ import annotations

from . import cloudpickle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def __getattr__(name: str) -> Any:
    return getattr(cloudpickle, name)
