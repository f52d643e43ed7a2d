"""What is shipped to every framework's workers. `drive.py` runs this file as part of its own `__main__`.

So the functions and classes of this file belong to `__main__` of a driver, like those of a user's script, and no worker
can import them. Each shipment is a function that is given `call`: `call(function, *arguments)` runs in a worker process
and returns what the function returned, or raises what it raised. A shipment fails when it raises.

What only one framework does is shipped by that framework's file, `on_FRAMEWORK.py`.
"""

import abc
import collections
import contextlib
import enum
import functools
import importlib.util
import inspect
import os
import pickle
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy

import cloudpickle

# Name of a shipment -> function, in the order of this file.
SHIPMENTS = {}


def shipment(ship):
    SHIPMENTS[ship.__name__] = ship
    return ship


# What belongs to the driver's script.

RATE = 0.25


class Point:
    """A class like any user's: state, methods, a property, a class method that names its class."""

    made = 0

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __eq__(self, other):
        return type(other) is type(self) and (other.x, other.y) == (self.x, self.y)

    def __hash__(self):
        return hash((self.x, self.y))

    @classmethod
    def origin(cls):
        return cls(0, 0)

    @property
    def length(self):
        return (self.x**2 + self.y**2) ** 0.5

    def moved(self, by):
        return Point(self.x + by, self.y + by)


class Point3(Point):
    """Its methods call the base class through `super`, which needs the cell `__class__`."""

    def __init__(self, x, y, z):
        super().__init__(x, y)
        self.z = z

    @property
    def length(self):
        return (super().length ** 2 + self.z**2) ** 0.5


class Slotted:
    __slots__ = ("__hidden", "shown")

    def __init__(self, shown, hidden):
        self.shown = shown
        self.__hidden = hidden

    def both(self):
        return self.shown, self.__hidden


class Level(enum.Enum):
    LOW = 1
    HIGH = 2
    TOP = 2

    def above(self, other):
        return self.value > other.value


class Access(enum.Flag):
    READ = 1
    WRITE = 2
    BOTH = 3


@dataclass(frozen=True)
class Reading:
    channel: str
    level: Level
    samples: list = field(default_factory=list)


class Pair(NamedTuple):
    first: int
    second: str = "none"


Kind = TypeVar("Kind")


class Box(Generic[Kind]):
    def __init__(self, content: Kind):
        self.content = content


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


class Square(Shape):
    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side**2


class Refused(Exception):
    """An exception whose arguments are not those of its constructor."""

    def __init__(self, reason, code):
        super().__init__(f"{reason} ({code})")
        self.reason = reason
        self.code = code

    def __reduce__(self):
        return type(self), (self.reason, self.code)


class Image:
    """Offers its pixels as a buffer that may travel outside the pickle (PEP 574)."""

    def __init__(self, width, pixels):
        self.width = width
        self.pixels = memoryview(pixels)

    def __reduce_ex__(self, protocol):
        if protocol < 5:
            return Image, (self.width, bytes(self.pixels))
        return Image, (self.width, pickle.PickleBuffer(self.pixels))


def describe_process():
    """Which cloudpickle the process that runs this has, and whether any other is loaded beside it."""
    foreign = []
    for name, module in sorted(sys.modules.items()):
        if module is None or "cloudpickle" not in name:
            continue
        for attribute in ("dumps", "CloudPickler", "_make_function"):
            if vars(module).get(attribute, getattr(cloudpickle.cloudpickle, attribute)) is not getattr(
                cloudpickle.cloudpickle, attribute
            ):
                foreign.append(f"{name}.{attribute}")
    return {
        "pid": os.getpid(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "file": cloudpickle.__file__,
        "version": cloudpickle.__version__,
        "native": getattr(sys.modules.get("cloudpickle._native"), "__file__", None),
        "foreign": foreign,
        # Whether the worker could find the script's classes by their name.
        "has_script": hasattr(sys.modules["__main__"], "Point"),
    }


# What is shipped.


@shipment
def report(call):
    """The worker is another process, and its cloudpickle is the one that is installed here: this package."""
    here, there = describe_process(), call(describe_process)
    assert there["pid"] != here["pid"]
    assert there["native"] and there["native"] == here["native"], there
    assert (there["file"], there["version"]) == (here["file"], here["version"]), there
    assert "+rust." in there["version"]
    assert there["foreign"] == here["foreign"] == [], (there["foreign"], here["foreign"])
    # With --everywhere the worker has run the script's definitions too; without it they exist in the driver only.
    assert there["has_script"] == ("--everywhere" in sys.argv)
    return there


@shipment
def a_lambda(call):
    assert call(lambda x: x * (1 + RATE), 100) == 125


@shipment
def a_closure_over_an_array(call):
    weights = numpy.arange(6.0).reshape(2, 3)
    assert numpy.array_equal(call(lambda vector: weights @ vector, numpy.ones(3)), [3.0, 12.0])


@shipment
def a_large_array(call):
    def work(array):
        assert array.shape == (1000, 1000) and array.flags.c_contiguous
        return array * 2, float(array.sum())

    array = numpy.arange(1_000_000, dtype=numpy.float64).reshape(1000, 1000)
    doubled, total = call(work, array)
    assert numpy.array_equal(doubled, array * 2) and total == array.sum()


@shipment
def a_large_array_in_a_closure(call):
    array = numpy.arange(1_000_000, dtype=numpy.float64)[::-1]
    assert call(lambda: float(array[0] + array.sum())) == array[0] + array.sum()


@shipment
def an_object_with_a_buffer(call):
    def invert(image):
        assert type(image) is Image
        return Image(image.width, bytes(255 - byte for byte in image.pixels))

    pixels = bytearray(range(256)) * 400
    back = call(invert, Image(320, pixels))
    assert type(back) is Image and back.width == 320
    assert bytes(back.pixels) == bytes(255 - byte for byte in pixels)


@shipment
def a_class(call):
    assert call(lambda cls: (cls.__name__, cls.origin().length, cls(3, 4).length), Point) == ("Point", 0, 5)
    assert call(lambda cls: cls, Point3) is Point3


@shipment
def instances(call):
    def work(point, points):
        assert type(point) is Point and isinstance(points[1], Point)
        return [point.moved(1), *points, Point3(2, 3, 6)]

    moved, first, second, third = call(work, Point(1, 2), [Point(3, 4), Point3(2, 3, 6)])
    assert type(moved) is Point and moved == Point(2, 3)
    assert type(first) is Point and first == Point(3, 4)
    assert type(second) is type(third) is Point3 and second.length == third.length == 7


@shipment
def a_class_that_arrives_on_several_ways_is_one(call):
    """As an argument, as the type of an argument, and through the function that uses it."""
    assert call(lambda cls, point: type(point) is cls is Point, Point, Point(1, 2))


@shipment
def a_class_made_in_the_worker(call):
    def make():
        class Made(Point):
            def twice(self):
                return Made(self.x * 2, self.y * 2)

        return Made, Made(1, 2)

    made, instance = call(make)
    assert type(instance) is made and issubclass(made, Point)
    assert instance.twice() == made(2, 4)


@shipment
def a_class_with_slots(call):
    """Private slots and the absence of `__dict__` survive, which upstream's pickler loses: ours wrote both pickles."""

    def work(sent):
        assert not hasattr(sent, "__dict__") and sent.both() == (1, 2)

        class Made:
            __slots__ = ("value",)

        made = Made()
        made.value = 3
        return sent, made

    sent, made = call(work, Slotted(1, 2))
    assert type(sent) is Slotted and sent.both() == (1, 2)
    assert made.value == 3 and not hasattr(made, "__dict__")


@shipment
def an_enum(call):
    level, access, top = call(lambda level: (Level(level.value), Access.READ | Access.WRITE, Level.TOP), Level.LOW)
    assert level is Level.LOW and access is Access.BOTH and top is Level.HIGH
    assert call(lambda level: level is Level.HIGH and level.above(Level["LOW"]) and Level.TOP is level, Level.HIGH)


@shipment
def a_dataclass(call):
    def work(reading):
        assert reading == Reading("a", Level.HIGH, [1])
        return Reading("b", Level.LOW)

    reading = call(work, Reading("a", Level.HIGH, [1]))
    assert type(reading) is Reading and reading == Reading("b", Level.LOW, [])


@shipment
def a_named_tuple(call):
    pair = call(lambda pair: pair._replace(first=pair.first + 1), Pair(1))
    assert type(pair) is Pair and pair == (2, "none")


@shipment
def generic_and_abstract_classes(call):
    def work(box, shape):
        assert isinstance(shape, Shape)
        try:
            Shape()
        except TypeError:
            return Box[int](box.content + shape.area())

    box = call(work, Box(1), Square(3))
    assert type(box) is Box and box.content == 10


@shipment
def an_exception_raised(call):
    def refuse(code):
        raise Refused("no", code)

    try:
        call(refuse, 7)
    except Refused as error:
        assert type(error) is Refused and (error.reason, error.code) == ("no", 7)
    else:
        raise AssertionError("nothing was raised")


@shipment
def a_builtin_exception_raised(call):
    try:
        call(lambda: {}["absent"])
    except KeyError as error:
        assert error.args == ("absent",)
    else:
        raise AssertionError("nothing was raised")


@shipment
def exceptions_as_values(call):
    def work(errors):
        assert [type(error) for error in errors] == [Refused, ValueError] and errors[0].code == 1
        return {"errors": [*errors, Refused("there", 2)]}

    first, second, third = call(work, [Refused("here", 1), ValueError("plain")])["errors"]
    assert type(first) is type(third) is Refused and (first.code, third.reason) == (1, "there")
    assert type(second) is ValueError and second.args == ("plain",)


@shipment
def nested_functions(call):
    def outer(base):
        def inner(x, *, scale=2):
            return base + x * scale

        return inner

    assert call(outer(10), 5) == 20
    assert call(outer, 10)(5, scale=3) == 25


@shipment
def recursive_closures(call):
    def factorial(n):
        return 1 if n == 0 else n * factorial(n - 1)

    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    assert call(factorial, 20) == factorial(20)
    assert call(even, 10) and not call(odd, 10)


@shipment
def closures_that_share_a_variable(call):
    """Upstream's pickler gives each closure a variable of its own: sharing shows that ours wrote them on both ways."""

    def counter():
        count = 0

        def add(n):
            nonlocal count
            count += n

        def total():
            return count

        # A tuple would do, but dask pickles the elements of a result one by one.
        return lambda: (add, total)

    def use(both):
        add, total = both()
        add(3)
        return total()

    assert call(use, counter()) == 3
    assert use(call(counter)) == 3


@shipment
def generators_and_coroutines(call):
    def squares(n):
        yield from (x * x for x in range(n))

    async def double(x):
        return 2 * x

    def work():
        import asyncio

        return list(squares(4)), asyncio.new_event_loop().run_until_complete(double(21))

    assert call(work) == ([0, 1, 4, 9], 42)


@shipment
def methods_and_partials(call):
    assert call(Point(3, 4).moved, 1) == Point(4, 5)
    assert call(Point.origin) == Point(0, 0)
    assert call(functools.partial(lambda a, b: a - b, b=1), 3) == 2


@shipment
def collections_of_instances(call):
    points = {Point(n, n): [Point3(n, n, n), Level.HIGH] for n in range(100)}
    back = call(lambda points: collections.OrderedDict(sorted(points.items(), key=lambda item: -item[0].x)), points)
    assert back == {point: [Point3(point.x, point.x, point.x), Level.HIGH] for point in points}
    assert next(iter(back)) == Point(99, 99)


@shipment
def a_registered_module(call):
    """A module that the driver imported from a folder that no longer exists when the worker is asked to use it."""
    with module_that_disappears() as prices:
        # As a name it could not travel. Asked this way, since frameworks lose workers over calls that cannot be loaded.
        assert call(lambda name: importlib.util.find_spec(name) is None, prices.__name__)
        cloudpickle.register_pickle_by_value(prices)
        try:
            # Inside lambdas, since dask sends by plain pickle what plain pickle can write, registered or not.
            assert call(lambda: prices.gross(200)) == 250
            assert call(lambda function: function(100), prices.gross) == 125
            price = call(lambda price: prices.Price(price.amount * 2), prices.Price(3))
            assert type(price) is prices.Price and price.amount == 6
        finally:
            cloudpickle.unregister_pickle_by_value(prices)


@contextlib.contextmanager
def module_that_disappears():
    name = "prices_of_the_driver"
    folder = tempfile.mkdtemp()
    source = """
        rate = 0.25

        def gross(net):
            return net * (1 + rate)

        class Price:
            def __init__(self, amount):
                self.amount = amount
        """
    Path(folder, f"{name}.py").write_text(inspect.cleandoc(source), encoding="utf-8")
    sys.path.insert(0, folder)
    module = importlib.import_module(name)
    sys.path.remove(folder)
    shutil.rmtree(folder)
    try:
        yield module
    finally:
        del sys.modules[name]
