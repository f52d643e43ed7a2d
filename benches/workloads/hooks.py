"""Subclasses of the Pickler with a hook that is called for every object."""

from __future__ import annotations

from typing import Any

from ways import Handle, PersistentId, ReducerOverride
from workloads import Workload


def with_handles(count: int) -> Any:
    """Records, each with one object that the hook takes."""
    return [{"id": number, "name": f"n{number}", "handle": Handle(number)} for number in range(count)]


WORKLOADS = [
    Workload("reducer_override", with_handles, 10_000, way=ReducerOverride()),
    Workload("persistent_id", with_handles, 10_000, way=PersistentId()),
]
