"""Members of an enum arrive as they were: with what their `__new__` and `__init__` did, without calling either."""

import sys

import pytest

from travel import Peer, ship

needs_3_11 = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="boundary, member and nonmember came with Python 3.11"
)


def test_attributes_set_in_init():
    source = """
    import enum
    class Planet(enum.Enum):
        EARTH = (1, 2)
        MARS = (3, 4)
        def __init__(self, mass, radius):
            self.mass, self.radius = mass, radius
    """
    use = """
    kind, member = value
    [kind.EARTH.mass, member.radius, member is kind.MARS, kind((3, 4)) is member, member.value]
    """
    assert ship(source, "(Planet, Planet.MARS)", use) == [1, 4, True, True, (3, 4)]


@pytest.mark.also_upstream
def test_new_and_init_do_not_run_again():
    source = """
    import enum
    calls = []
    class Number(enum.Enum):
        ONE = 1
        def __new__(cls, value):
            calls.append("new")
            member = object.__new__(cls)
            member._value_ = value
            return member
        def __init__(self, value): calls.append("init")
    def made(): return calls
    """
    assert ship(source, "(Number, made)", "value[1]()") == ["new", "init"]


def test_custom_new_over_a_builtin_type():
    source = """
    import enum
    class Coordinate(bytes, enum.Enum):
        def __new__(cls, value, label):
            member = bytes.__new__(cls, [value])
            member._value_ = value
            member.label = label
            return member
        X = (0, "P.X")
        Y = (1, "P.Y")
    """
    use = "kind, y = value\n[kind(1) is y, y.label, bytes(y), y.value, len(kind), '__init__' in vars(kind)]"
    assert ship(source, "(Coordinate, Coordinate.Y)", use) == [True, "P.Y", b"\1", 1, 2, False]


AUTOMATIC = """
import enum
class Automatic(enum.Enum):
    def __new__(cls):
        member = object.__new__(cls)
        member._value_ = len(cls.__members__) + 1
        return member
class Step(Automatic):
    FIRST = ()
    SECOND = ()
"""


def test_new_inherited_from_a_base_of_the_script():
    assert ship(AUTOMATIC, "Step.SECOND", "[value.value, type(value)(1).name]") == [2, "FIRST"]


@pytest.mark.also_upstream
def test_extending_such_a_base_in_the_worker():
    use = "class More(value):\n    A = ()\n    B = ()\n[member.value for member in More]"
    assert ship(AUTOMATIC, "Automatic", use) == [1, 2]


def test_further_values_of_a_member():
    source = """
    import enum
    class Unit(enum.Enum):
        def __new__(cls, value, *others):
            member = object.__new__(cls)
            member._value_ = value
            for other in others: cls._value2member_map_[other] = member
            return member
        METRE = 1, "m", "metre"
        FOOT = 2, "ft"
    """
    assert ship(source, "Unit", "[value(key).name for key in (1, 'm', 'metre', 'ft')]") == ["METRE"] * 3 + ["FOOT"]


def test_mixed_in_dataclass():
    source = """
    import dataclasses, enum
    @dataclasses.dataclass
    class Shape:
        size: str
        legs: int = 0
    class Creature(Shape, enum.Enum):
        BEETLE = "small", 6
        DOG = "big", 4
    """
    assert ship(source, "Creature", "[value.DOG.size, value.BEETLE.legs, len(value)]") == ["big", 6, 2]


def test_mixed_in_date():
    source = """
    import datetime, enum
    class Day(datetime.date, enum.Enum):
        FIRST = 2020, 1, 2
    """
    assert ship(source, "Day", "[value.FIRST.year, str(value.FIRST.isoformat()), len(value)]") == [
        2020,
        "2020-01-02",
        1,
    ]


def test_mixed_in_named_tuple_and_tuple():
    source = """
    import enum, typing
    class Point(typing.NamedTuple):
        x: int
        y: int
    class Corner(Point, enum.Enum):
        A = 1, 2
        def __init__(self, x, y): self.total = x + y
    class Pair(tuple, enum.Enum):
        A = 1, 2
    """
    assert ship(source, "(Corner, Pair)", "[value[0].A.y, value[0].A.total, tuple(value[1].A)]") == [2, 3, (1, 2)]


def test_mixed_in_type_with_slots():
    source = """
    import enum
    class Colour:
        __slots__ = ("red",)
    class Palette(Colour, enum.Enum):
        DARK = 5
        def __init__(self, red): self.red = red
    """
    assert ship(source, "Palette", "[value.DARK.red, value.DARK.value]") == [5, 5]


def test_attributes_added_to_members_later():
    source = """
    import enum
    class Side(enum.Enum):
        LEFT = 1
        RIGHT = 2
    Side.LEFT.opposite, Side.RIGHT.opposite = Side.RIGHT, Side.LEFT
    Side.LEFT.kind = Side
    """
    use = "[value.opposite is type(value).RIGHT, value.opposite.opposite is value, value.kind is type(value)]"
    assert ship(source, "Side.LEFT", use) == [True, True, True]


def test_metaclass_of_its_own():
    source = """
    import enum
    class Meta(enum.EnumMeta):
        def __contains__(cls, value): return value in cls._value2member_map_
        def names(cls): return list(cls.__members__)
    class Level(enum.Enum, metaclass=Meta):
        LOW = 1
    """
    assert ship(source, "Level", "[1 in value, 2 in value, value.names()]") == [True, False, ["LOW"]]


def test_str_with_a_custom_new():
    source = """
    import enum
    class Encoding(str, enum.Enum):
        def __new__(cls, name, width):
            member = str.__new__(cls, name)
            member._value_ = name
            member.width = width
            return member
        ASCII = "ascii", 1
        WIDE = "utf-16", 2
    """
    assert ship(source, "Encoding.WIDE", "[value == 'utf-16', value.width, value.value]") == [True, 2, "utf-16"]


@needs_3_11
def test_functions_as_members():
    source = """
    import enum
    class Operation(enum.Enum):
        ADD = enum.member(lambda x: x + 1)
        @enum.member
        def TWICE(x): return x * 2
        limit = enum.nonmember(5)
    """
    use = "[value.ADD.value(1), value.TWICE.value(4), value.limit, len(value)]"
    assert ship(source, "Operation", use) == [2, 8, 5, 2]


@needs_3_11
def test_flag_that_keeps_unknown_bits():
    source = """
    import enum
    class Bits(enum.Flag, boundary=enum.KEEP):
        LOW = 3
        HIGH = 8
    """
    assert ship(source, "Bits", "[value.LOW.value, value(16).value, value.HIGH.name]") == [3, 16, "HIGH"]


FLAGS = """
import enum
class Access(enum.{kind}):
    NONE = 0
    READ = 4
    WRITE = 2
    BOTH = READ | WRITE
    def __init__(self, *arguments): self.note = "noted"
"""


@pytest.mark.parametrize("kind", ["Flag", "IntFlag"])
def test_flags_with_named_combinations_and_zero(kind):
    use = """
    kind, both, none, combined = value
    [both is kind.BOTH, none is kind.NONE, combined is both, kind(0) is none, kind(6) is both, both.note, none.note,
     (kind.READ | kind.WRITE) is both, kind.BOTH & kind.READ is kind.READ, list(kind.__members__)]
    """
    names = ["NONE", "READ", "WRITE", "BOTH"]
    expected = [True, True, True, True, True, "noted", "noted", True, True, names]
    source = FLAGS.format(kind=kind)
    assert ship(source, "(Access, Access.BOTH, Access.NONE, Access.READ | Access.WRITE)", use) == expected


@pytest.mark.also_upstream
def test_same_bytes_after_flags_were_combined():
    with Peer() as driver:
        driver.run(FLAGS.format(kind="Flag"))
        before = driver.pickle("Access")
        driver.run("Access.READ | Access.WRITE, ~Access.READ, ~Access.WRITE, Access(0)")
        assert driver.pickle("Access") == before


def test_aliases_and_attributes_together():
    source = """
    import enum
    class Shade(enum.Enum):
        RED = 1, "r"
        CRIMSON = 1, "r"
        BLUE = 2, "b"
        def __init__(self, number, letter): self.letter = letter
    """
    use = "[value.CRIMSON is value.RED, value.RED.letter, list(value.__members__), [m.name for m in value]]"
    assert ship(source, "Shade", use) == [True, "r", ["RED", "CRIMSON", "BLUE"], ["RED", "BLUE"]]


@pytest.mark.also_upstream
def test_missing_and_auto():
    source = """
    import enum
    class Mode(enum.Enum):
        FAST = enum.auto()
        SLOW = enum.auto()
        @classmethod
        def _missing_(cls, value): return cls.SLOW
    """
    assert ship(source, "Mode", "[value('?') is value.SLOW, value.SLOW.value]") == [True, 2]


def test_shipped_onwards_and_back():
    source = """
    import enum
    class Planet(enum.Enum):
        EARTH = (1, 2)
        def __init__(self, mass, radius): self.mass = mass
    """
    with Peer() as driver, Peer() as first, Peer() as second:
        driver.run(source)
        first.load(driver.pickle("Planet.EARTH"))
        second.load(first.pickle("value"))
        assert second.evaluate("[value.mass, value.name]") == [1, "EARTH"]
        driver.load(second.pickle("value"), "returned")
        assert driver.evaluate("returned is Planet.EARTH") is True
