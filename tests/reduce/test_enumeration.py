"""Enums of the script: the worker gets a real enum, whose members are singletons there."""

import sys

import pytest

from travel import load_elsewhere, ship, ship_and_return

COLOUR = """
import enum
class Colour(enum.Enum):
    RED = 1
    GREEN = "g"
    def describe(self): return self.name.lower(), self.value
    @classmethod
    def first(cls): return cls.RED
"""


def test_enum(protocol):
    use = "[[m.name for m in value], value('g').name, value['RED'].value, value.RED.describe(), value.first().name]"
    assert ship(COLOUR, "Colour", use, protocol) == [["RED", "GREEN"], "GREEN", 1, ("red", 1), "RED"]


def test_member_identity():
    """Members are compared with `is`: the loaded member is the one that the loaded enum has."""
    use = "kind, member, table = value; [member is kind.GREEN, table[kind.RED], type(member) is kind]"
    assert ship(COLOUR, "(Colour, Colour.GREEN, {Colour.RED: 5})", use) == [True, 5, True]


ALIASED = """
import enum
class Colour(enum.Enum):
    RED = 1
    CRIMSON = 1
"""


def test_alias():
    use = "[value.CRIMSON is value.RED, value['CRIMSON'] is value.RED, list(value.__members__), len(value)]"
    assert ship(ALIASED, "Colour", use) == [True, True, ["RED", "CRIMSON"], 1]


def test_enum_with_an_alias_comes_back_as_the_original():
    assert ship_and_return(ALIASED, "Colour", "value.CRIMSON", "returned is Colour.RED") is True


def test_member_alone_comes_back_as_the_original():
    assert ship_and_return(COLOUR, "Colour.RED", "[value, type(value)]", "returned[0] is Colour.RED") is True


def test_int_enum():
    source = """
    import enum
    class Level(enum.IntEnum):
        LOW = 1
        HIGH = 10
    """
    use = "[value.LOW < value.HIGH, value.HIGH + 1, isinstance(value.LOW, int), value(10) is value.HIGH]"
    assert ship(source, "Level", use) == [True, 11, True, True]


def test_flag():
    source = """
    import enum
    class Access(enum.Flag):
        READ = enum.auto()
        WRITE = enum.auto()
        BOTH = READ | WRITE
    """
    use = """
    kind, both = value
    [both is kind.READ | kind.WRITE, both == kind.BOTH, kind.READ in both, both.value, bool(kind.READ & kind.WRITE)]
    """
    assert ship(source, "(Access, Access.READ | Access.WRITE)", use) == [True, True, True, 3, False]


def test_int_flag():
    source = "import enum\nclass Bits(enum.IntFlag):\n    A = 1\n    B = 2\n"
    use = "[int(value[0] | 4), value[0] == 3, int(value[1].A), isinstance(value[0], value[1])]"
    assert ship(source, "(Bits.A | Bits.B, Bits)", use) == [7, True, 1, True]


def test_auto_and_generated_values():
    source = """
    import enum
    class Name(enum.Enum):
        def _generate_next_value_(name, start, count, last): return name.title()
        NORTH = enum.auto()
        SOUTH = enum.auto()
    """
    assert ship(source, "Name", "[m.value for m in value]") == ["North", "South"]


def test_members_with_unhashable_values():
    source = "import enum\nclass Shape(enum.Enum):\n    A = [1]\n    B = {'x': 2}\n"
    assert ship(source, "Shape", "[value.A.value, value({'x': 2}) is value.B]") == [[1], True]


def test_enum_mixed_with_a_type():
    source = """
    import enum
    class Text(str, enum.Enum):
        A = "a"
        def twice(self): return self * 2
    """
    assert ship(source, "Text.A", "[value == 'a', value.twice(), isinstance(value, str)]") == [True, "aa", True]


def test_enum_with_a_base_of_the_script():
    source = """
    import enum
    class Base(enum.Enum):
        def shout(self): return self.name + "!"
    class Mood(Base):
        GOOD = 1
    """
    assert ship(source, "Mood", "[value.GOOD.shout(), issubclass(value, value.__mro__[1])]") == ["GOOD!", True]


def test_properties_and_docstring():
    source = '''
    import enum
    class Planet(enum.Enum):
        """With a moon."""
        EARTH = (1, "Moon")
        @property
        def moon(self): return self.value[1]
    '''
    assert ship(source, "Planet", "[value.EARTH.moon, value.__doc__]") == ["Moon", "With a moon."]


def test_enum_inside_a_class():
    source = """
    import enum
    class Job:
        class State(enum.Enum):
            IDLE = 0
        def __init__(self): self.state = self.State.IDLE
    """
    use = "[value.state is type(value).State.IDLE, type(value.state).__qualname__, type(value.state).__module__]"
    assert ship(source, "Job()", use) == [True, "Job.State", "__main__"]


def test_functional_enum():
    source = "import enum\nAnimal = enum.Enum('Animal', 'CAT DOG')"
    assert ship(source, "Animal", "[(m.name, m.value) for m in value]") == [("CAT", 1), ("DOG", 2)]


def test_function_that_uses_an_enum():
    assert ship(COLOUR + "\ndef f(c): return c is Colour.RED", "(f, Colour.RED)", "value[0](value[1])") is True


@pytest.mark.skipif(sys.version_info < (3, 11), reason="StrEnum, enum.member and enum.property came with Python 3.11")
def test_str_enum():
    source = """
    import enum
    class Unit(enum.StrEnum):
        METRE = enum.auto()
        FOOT = "ft"
        @enum.property
        def short(self): return self.value[0]
    """
    use = "[str(value.METRE), value.FOOT == 'ft', value.METRE.short]"
    assert ship(source, "Unit", use) == ["metre", True, "m"]


def test_importable_enum_travels_by_name():
    import re

    assert load_elsewhere((re.RegexFlag, re.I), "import re; value[0] is re.RegexFlag and value[1] is re.I") is True
