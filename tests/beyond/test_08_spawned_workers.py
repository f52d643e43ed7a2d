"""In spawned children of `multiprocessing` the script is `__mp_main__`: it travels as `__main__` does, both ways."""

from travel import run_script

SCRIPT = """
import multiprocessing, pickle, sys
import cloudpickle

class Point:
    def __init__(self, x): self.x = x
    def doubled(self): return Point(self.x * 2)

def shift(point): return Point(point.x + 1)

def child(connection):
    # Here the script is `__mp_main__`.
    function = pickle.loads(connection.recv_bytes())
    point = function(Point(1))
    connection.send_bytes(cloudpickle.dumps([shift, Point, point, __name__]))

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=child, args=(there,))
    process.start()
    here.send_bytes(cloudpickle.dumps(lambda point: point.doubled()))
    payload = here.recv_bytes()
    process.join()
    function, cls, point, name = pickle.loads(payload)
    report(name=name, x=point.x, shifted=function(point).x, modules=[function.__module__, cls.__module__],
           globals=function.__globals__["__name__"], names_it=b"__mp_main__" in payload.replace(name.encode(), b"", 1))
"""


def test_both_ways():
    found = run_script(SCRIPT)
    assert found == {
        "name": "__mp_main__",
        "x": 2,
        "shifted": 3,
        "modules": ["__main__", "__main__"],
        "globals": "__main__",
        "names_it": False,
    }
