"""PySpark on this machine: Spark's executors start Python workers, which import from PySpark's zip file.

Its copies of cloudpickle, in the package and in the zip, are replaced by the installed one before it starts.
"""

import contextlib
import os
import shutil
import sys

import numpy

import cloudpickle

ENVIRONMENT = "pyspark"
DISTRIBUTION = "pyspark"
RERUNS_SCRIPT = False
VENDORED = "pyspark"
MASTER = "local[2]"


def missing():
    return None if shutil.which("java") else "there is no java on this machine"


@contextlib.contextmanager
def workers(master=MASTER):
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.sql.shuffle.partitions": "2",
    }
    builder = SparkSession.builder.master(master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")

    def call(function, *arguments):
        """Spark reports what a task raises as text, so here exceptions travel as values, as results do."""

        def run(_):
            try:
                return "returned", function(*arguments)
            except Exception as error:
                return "raised", error

        outcome, value = session.sparkContext.parallelize([0], 1).map(run).first()
        if outcome == "raised":
            raise value
        return value

    try:
        yield call
    finally:
        session.stop()


def active():
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession()


def its_serializer_is_ours(call):
    import pyspark.cloudpickle
    import pyspark.serializers

    def used():
        import pyspark.cloudpickle
        import pyspark.serializers

        return pyspark.cloudpickle.CloudPickler.__module__, pyspark.serializers.cloudpickle.dumps.__module__

    assert pyspark.cloudpickle.CloudPickler is cloudpickle.CloudPickler
    assert used() == call(used) == (cloudpickle.CloudPickler.__module__, cloudpickle.dumps.__module__)
    serializer = pyspark.serializers.CloudPickleSerializer()
    assert serializer.loads(serializer.dumps(lambda x: x + 1))(41) == 42


def functions_over_an_rdd(call):
    context = active().sparkContext
    offset, weights = 10, numpy.arange(5)
    numbers = context.parallelize(range(100), 4)
    assert numbers.map(lambda n: n + offset).filter(lambda n: n % 2).sum() == sum(range(11, 110, 2))
    assert numbers.map(lambda n: int(weights[n % 5])).reduce(lambda a, b: a + b) == 200
    pairs = numbers.map(lambda n: (n % 3, n)).reduceByKey(lambda a, b: max(a, b)).collectAsMap()
    assert pairs == {0: 99, 1: 97, 2: 98}
    assert numbers.mapPartitionsWithIndex(lambda index, part: [(index, sum(part))]).count() == 4


def instances_in_an_rdd(call):
    """Distributed by the driver, changed in workers, shuffled between them, collected."""
    from __main__ import Level, Point

    context = active().sparkContext
    points = context.parallelize([Point(n, n) for n in range(10)], 2).map(lambda point: point.moved(1)).collect()
    assert points == [Point(n + 1, n + 1) for n in range(10)] and type(points[0]) is Point
    pairs = context.parallelize(range(10), 2).map(lambda n: (n % 2, Point(n, n)))
    grouped = pairs.groupByKey().mapValues(lambda points: (Level.HIGH, sorted(point.x for point in points))).collect()
    assert dict(grouped) == {0: (Level.HIGH, [0, 2, 4, 6, 8]), 1: (Level.HIGH, [1, 3, 5, 7, 9])}


def a_broadcast(call):
    from __main__ import Point

    context = active().sparkContext
    table = context.broadcast({"scale": 3, "weights": numpy.arange(4)})
    assert context.parallelize(range(4), 2).map(lambda n: n * table.value["scale"]).collect() == [0, 3, 6, 9]
    assert context.parallelize([2], 1).map(lambda n: int(table.value["weights"][n])).first() == 2
    scale = Point(2, 3)
    assert context.parallelize([1], 1).map(lambda n: scale.moved(n).x).first() == 3
    table.destroy()


def an_accumulator(call):
    context = active().sparkContext
    total = context.accumulator(0)
    context.parallelize(range(10), 2).foreach(lambda n: total.add(n))
    assert total.value == 45


def a_user_defined_function(call):
    from pyspark.sql.functions import udf
    from pyspark.sql.types import IntegerType

    from __main__ import Level

    session = active()
    bonus = 5
    add = udf(lambda n: n + bonus if Level(2) is Level.HIGH else 0, IntegerType())
    frame = session.createDataFrame([(1, "a"), (2, "b")], ["n", "name"])
    assert [row.total for row in frame.select(add("n").alias("total")).collect()] == [6, 7]
    session.udf.register("shout", lambda text: text.upper() + "!")
    frame.createOrReplaceTempView("names")
    assert [row.loud for row in session.sql("SELECT shout(name) AS loud FROM names ORDER BY n").collect()] == [
        "A!",
        "B!",
    ]


def an_exception_is_reported(call):
    """Outside `call`: the text of the worker's traceback arrives, with the class of `__main__` that was raised."""
    from __main__ import Refused

    def refuse(n):
        raise Refused("no", n)

    try:
        active().sparkContext.parallelize([7], 1).map(refuse).collect()
    except Exception as error:
        assert "Refused: no (7)" in str(error)
    else:
        raise AssertionError("nothing was raised")


SHIPMENTS = {
    "its_serializer_is_ours": its_serializer_is_ours,
    "functions_over_an_rdd": functions_over_an_rdd,
    "instances_in_an_rdd": instances_in_an_rdd,
    "a_broadcast": a_broadcast,
    "an_accumulator": an_accumulator,
    "a_user_defined_function": a_user_defined_function,
    "an_exception_is_reported": an_exception_is_reported,
}
