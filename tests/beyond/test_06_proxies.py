"""An object that shows another's `__class__` travels as what it is: `type(obj)` decides."""

import pytest

from travel import ship

PROXY = """
import types
class Proxy:
    def __init__(self, target):
        self.target = target
    @property
    def __class__(self):
        return type(self.target)
class K: pass
def f(): return 1
"""


@pytest.mark.parametrize("target", ["f", "K", "K()", "types", "3", "[1]", "'text'", "property()", "K.__init__"])
def test_of_everything(target):
    if target == "property()":
        target = "property(f)"
    source = PROXY + f"target = {target}\nproxy = Proxy(target)"
    use = "[type(value[0]).__name__, type(value[0].target) is type(value[1]), isinstance(value[0], type(value[1]))]"
    assert ship(source, "(proxy, target)", use) == ["Proxy", True, True]


def test_that_names_its_own_class():
    """The property that lies refers to the class it belongs to."""
    source = """
    class Proxy:
        @property
        def __class__(self): return int
        def same(self): return type(self) is Proxy
    """
    use = "[type(value).__name__, isinstance(value, int), value.same()]"
    assert ship(source, "Proxy()", use) == ["Proxy", True, True]
