"""WeakSet: its living elements travel."""

import gc
import weakref

from travel import round_trip, ship


class Element:
    """Something that can be referred to weakly."""


def test_weak_set_beside_its_elements():
    """The elements live on where something else in the pickle holds them."""
    source = """
    import weakref
    class Element: pass
    one, two = Element(), Element()
    group = weakref.WeakSet([one, two])
    """
    use = "group, one, two = value; [type(group).__name__, len(group), one in group, two in group]"
    assert ship(source, "(group, one, two)", use) == ["WeakSet", 2, True, True]


def test_weak_set_of_a_class():
    """Registries of living instances or subclasses are the common use."""
    source = """
    import weakref
    class Base:
        kinds = weakref.WeakSet()
        def __init_subclass__(cls): Base.kinds.add(cls)
    class A(Base): pass
    """
    assert ship(source, "(Base, A)", "value[1] in value[0].kinds") is True


def test_empty_weak_set(protocol):
    assert len(round_trip(weakref.WeakSet(), protocol)) == 0


def test_dead_elements_do_not_travel():
    one, two = Element(), Element()
    group = weakref.WeakSet([one, two])
    del two
    gc.collect()
    loaded, kept = round_trip((group, one))
    assert list(loaded) == [kept]
