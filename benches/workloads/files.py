"""`dump` to a file and `load` from it, and a Pickler for one object."""

from __future__ import annotations

from ways import ByPickler, File, InMemoryFile
from workloads import Workload, plain_data

WORKLOADS = [
    Workload("config dict, to a BytesIO", plain_data.config, way=InMemoryFile()),
    Workload("records, to a BytesIO", plain_data.records, plain_data.MANY // 10, way=InMemoryFile()),
    Workload("config dict, by a Pickler", plain_data.config, way=ByPickler()),
    Workload("records, by a Pickler", plain_data.records, plain_data.MANY // 10, way=ByPickler()),
    Workload("records, to a file", plain_data.records, plain_data.MANY // 10, way=File()),
    Workload("bytes, 100 MB, to a file", lambda count: b"x" * count, 100_000_000, way=File()),
]
