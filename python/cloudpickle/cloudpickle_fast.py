"""The names of `cloudpickle.cloudpickle`, under the module name that pickles of upstream 1.x refer to."""

from __future__ import annotations

from typing import Any

from . import cloudpickle


def __getattr__(name: str) -> Any:
    return getattr(cloudpickle, name)
