"""PySpark on a cluster of its own: a master and an executor that are processes of their own, as on other machines."""

from on_pyspark import DISTRIBUTION, ENVIRONMENT, RERUNS_SCRIPT, SHIPMENTS, VENDORED, missing  # noqa: F401
from on_pyspark import workers as workers_of


def workers():
    # One executor with two cores and 1 GiB.
    return workers_of("local-cluster[1,2,1024]")
