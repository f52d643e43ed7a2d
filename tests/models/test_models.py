"""Models of a script, of libraries whose metaclasses look at what they make, arrive where there is no such script.

They run in the environment of the frameworks (`make test-frameworks`), which installs them.
"""

from travel import Peer, ship

PYDANTIC = """
import typing
import pydantic
class Item(pydantic.BaseModel):
    name: str = "nothing"
    sizes: typing.List[int] = []
    parent: typing.Optional["Item"] = None
    @pydantic.field_validator("sizes")
    @classmethod
    def positive(cls, sizes):
        if any(size < 0 for size in sizes): raise ValueError("negative")
        return sizes
class Order(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    items: typing.List[Item]
    def names(self): return [item.name for item in self.items]
"""


def test_a_model_of_pydantic_validates():
    use = """
    order = value(items=[{"name": "nut", "sizes": ["3"], "parent": {"name": "bolt"}}])
    try:
        value(items=[{"sizes": [-1]}])
    except ValueError as error:
        refused = "negative" in str(error)
    [order.names(), order.items[0].sizes, order.items[0].parent.name, refused, sorted(value.model_fields)]
    """
    assert ship(PYDANTIC, "Order", use) == [["nut"], [3], "bolt", True, ["items"]]


def test_an_instance_of_a_model_of_pydantic():
    expression = "Order(items=[Item(name='nut', parent=Item(name='bolt'))])"
    use = "[value.names(), value.items[0].parent.name, value.model_dump()['items'][0]['sizes']]"
    assert ship(PYDANTIC, expression, use) == [["nut"], "bolt", []]


def test_a_model_of_pydantic_that_comes_back_is_the_same():
    with Peer() as driver, Peer() as worker:
        driver.run(PYDANTIC)
        worker.load(driver.pickle("Order"))
        driver.load(worker.pickle("value(items=[])"), "returned")
        assert driver.evaluate("type(returned) is Order") is True


def test_a_class_of_attrs():
    source = """
    import attrs
    @attrs.define
    class Point:
        x: int = attrs.field(validator=attrs.validators.ge(0))
        y: int = 0
        def moved(self): return attrs.evolve(self, x=self.x + 1)
    """
    use = """
    try:
        value(-1)
    except ValueError:
        refused = True
    [value(1).moved().x, refused, hasattr(value(1), "__dict__"), value(1, 2) == value(1, 2)]
    """
    assert ship(source, "Point", use) == [2, True, False, True]


def test_a_class_of_traitlets():
    source = """
    import traitlets
    class Conf(traitlets.HasTraits):
        port = traitlets.Int(3, min=0)
        name = traitlets.Unicode("local")
        @traitlets.validate("name")
        def _check(self, proposal): return proposal["value"].upper()
        @traitlets.observe("port")
        def _seen(self, change): self.seen = change["new"]
    """
    use = """
    import traitlets
    conf = value(name="other")
    conf.port = 5
    try:
        conf.port = -1
    except traitlets.TraitError:
        refused = True
    [conf.name, conf.seen, refused, sorted(value.class_trait_names()), value.port.this_class is value]
    """
    assert ship(source, "Conf", use) == ["OTHER", 5, True, ["name", "port"], True]
