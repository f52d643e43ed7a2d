"""In spawned children of `multiprocessing` the script is `__mp_main__`: it travels as `__main__` does, both ways."""

import pytest

from travel import Peer, run_script

SCRIPT = """
import enum, multiprocessing, pickle, sys
import cloudpickle

class Point:
    def __init__(self, x): self.x = x
    def doubled(self): return Point(self.x * 2)

class Color(enum.Enum):
    RED = 1

def shift(point): return Point(point.x + 1)

def child(connection):
    # Here the script is `__mp_main__`.
    function = pickle.loads(connection.recv_bytes())
    point = function(Point(1))
    connection.send_bytes(cloudpickle.dumps([shift, Point, point, Color.RED, __name__]))

if __name__ == "__main__":
    Point.seen = "here"
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=child, args=(there,))
    process.start()
    here.send_bytes(cloudpickle.dumps(lambda point: point.doubled()))
    payload = here.recv_bytes()
    process.join()
    function, cls, point, color, name = pickle.loads(payload)
    report(name=name, x=point.x, shifted=function(point).x, seen=Point.seen, payload=payload.hex(),
           own=[cls is Point, type(point) is Point, color is Color.RED, type(function(point)) is Point])
"""


@pytest.fixture(scope="module")
def found():
    return run_script(SCRIPT)


@pytest.mark.also_upstream
def test_the_process_that_spawned_gets_its_own_classes_back(found):
    assert found["name"] == "__mp_main__"
    assert [found["x"], found["shifted"], found["seen"]] == [2, 3, "here"]
    assert found["own"] == [True, True, True, True]


def test_any_other_process_can_load_what_the_child_sent(found):
    with Peer() as worker:
        worker.load(bytes.fromhex(found["payload"]))
        use = """
            function, cls, point, color, name = value
            [function(point).x, type(point) is cls, color.value, cls.__module__, function.__globals__['__name__']]
        """
        assert worker.evaluate(use) == [3, True, 1, "__main__", "__main__"]
