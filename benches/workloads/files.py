"""`dump` to a file and `load` from it."""

from __future__ import annotations

from ways import File
from workloads import Workload, plain_data

WORKLOADS = [
    Workload("records, to a file", plain_data.records, plain_data.MANY // 10, way=File()),
    Workload("bytes, 100 MB, to a file", lambda count: b"x" * count, 100_000_000, way=File()),
]
