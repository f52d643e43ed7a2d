"""Code that runs when a class is made sees the whole class in the worker, or is not called; never an empty one."""

import pickle

import pytest

from travel import Peer, ship, ship_and_return

REQUIRED = """
class Plugin:
    known = {}
    def __init_subclass__(cls, *, name, **keywords):
        super().__init_subclass__(**keywords)
        cls.name = name
        Plugin.known[name] = cls
class Csv(Plugin, name="csv"):
    def load(self): return Csv, __class__, super().__repr__()[:1]
"""


@pytest.mark.also_upstream
def test_required_keyword():
    use = "plugin, kind = value\n[kind.name, kind().load()[:2] == (kind, kind), plugin.known == {'csv': kind}]"
    assert ship(REQUIRED, "(Plugin, Csv)", use) == ["csv", True, True]


def test_required_keyword_of_the_subclass_alone():
    use = """
    [value.name, value().load()[2], value.__bases__[0].__name__, [c.__name__ for c in value.__mro__],
     [c.__name__ for c in value.__bases__[0].__subclasses__()]]
    """
    expected = ["csv", "<", "Plugin", ["Csv", "Plugin", "object"], ["Csv"]]
    assert ship(REQUIRED, "Csv", use) == expected


@pytest.mark.also_upstream
def test_subclassing_with_the_keyword_in_the_worker():
    use = "class Json(value[0], name='json'):\n    pass\n[Json.name, sorted(value[0].known)]"
    assert ship(REQUIRED, "(Plugin, Csv)", use) == ["json", ["csv", "json"]]


def test_comes_back_as_the_original():
    assert ship_and_return(REQUIRED, "Csv", "value", "returned is Csv") is True


@pytest.mark.parametrize(
    ("base", "use", "expected"),
    [
        ("dict", "value(a=1)['a']", 1),
        ("Exception", "str(value('text'))", "text"),
        ("tuple", "value((1, 2))[1]", 2),
        ("abc.ABC", "value().__class__ is value", True),
        ("typing.Generic[T]", "value[int]().__orig_class__.__origin__ is value", True),
    ],
)
def test_required_keyword_over_other_bases(base, use, expected):
    source = f"""
    import abc, typing
    T = typing.TypeVar("T")
    class Base({base}):
        def __init_subclass__(cls, *, tag): cls.tag = tag
    class Derived(Base{"[T]" if "Generic" in base else ""}, tag="derived"):
        pass
    """
    assert ship(source, "Derived", f"[value.tag, {use}]") == ["derived", expected]


def test_required_keyword_and_slots():
    source = """
    class Base:
        __slots__ = ("x",)
        def __init_subclass__(cls, *, name): cls.name = name
    class Derived(Base, name="derived"):
        __slots__ = ("y",)
    """
    use = "d = value(); d.x = 1; d.y = 2; [d.x + d.y, hasattr(d, '__dict__'), value.name]"
    assert ship(source, "Derived", use) == [3, False, "derived"]


READER = """
class Base:
    kinds = []
    def __init_subclass__(cls):
        if "kind" not in vars(cls):
            raise TypeError("no kind")
        Base.kinds.append((cls.kind, sorted(name for name in vars(cls) if name[0] != "_")))
class Derived(Base):
    kind = "derived"
    def me(self): return Derived, type(self).me is Derived.me
"""


def test_init_subclass_that_reads_the_namespace():
    assert ship(READER, "Derived", "[value.kind, value().me()[1]]") == ["derived", True]


def test_init_subclass_is_called_with_the_whole_class():
    """The base is known already, so that making the derived class is seen by the base's code in the worker."""
    with Peer() as driver, Peer() as worker:
        driver.run(READER)
        worker.load(driver.pickle("Base"), "base")
        worker.run("base.kinds.clear()")
        worker.load(driver.pickle("Derived"), "derived")
        assert worker.evaluate("base.kinds") == [("derived", ["kind", "me"])]


META = """
class Meta(type):
    def __new__(mcs, name, bases, namespace, **keywords):
        return super().__new__(mcs, name, bases, namespace)
    def __init__(cls, name, bases, namespace, *, tag{default}):
        super().__init__(name, bases, namespace)
        cls.tag = tag
class A(metaclass=Meta, tag="a"):
    x = 1
    def me(self): return A, __class__
"""


@pytest.mark.parametrize("default", ["", pytest.param("=None", marks=pytest.mark.also_upstream)])
def test_metaclass_that_takes_keywords(default):
    use = "[value.tag, value.x, value().me() == (value, value), type(value).__name__]"
    assert ship(META.format(default=default), "A", use) == ["a", 1, True, "Meta"]


def test_metaclass_that_reads_the_namespace():
    source = """
    class Field:
        def __init__(self, size): self.size = size
    class Meta(type):
        seen = []
        def __new__(mcs, name, bases, namespace):
            fields = {key: value.size for key, value in namespace.items() if isinstance(value, Field)}
            if bases and not fields:
                raise TypeError("no fields")
            mcs.seen.append((name, fields))
            namespace["fields"] = fields
            return super().__new__(mcs, name, bases, namespace)
    class Model(metaclass=Meta):
        pass
    class User(Model):
        name = Field(10)
        age = Field(3)
        def me(self): return User
        @classmethod
        def make(cls): return cls, User
        @property
        def own(self): return User
    """
    use = """
    [value.fields, value().me() is value, value.make() == (value, value), value().own is value,
     list(type(value).seen[-1][1])]
    """
    assert ship(source, "User", use) == [{"name": 10, "age": 3}, True, True, True, ["name", "age"]]


@pytest.mark.also_upstream
def test_metaclass_that_takes_its_fields_out_of_the_namespace():
    source = """
    class Field: pass
    class Meta(type):
        def __new__(mcs, name, bases, namespace):
            fields = [key for key, value in namespace.items() if isinstance(value, Field)]
            for key in fields: del namespace[key]
            cls = super().__new__(mcs, name, bases, namespace)
            cls.fields = fields
            return cls
    class User(metaclass=Meta):
        name = Field()
    """
    assert ship(source, "User", "value.fields") == ["name"]


def test_metaclass_that_forbids_setattr():
    source = """
    class Frozen(type):
        def __setattr__(cls, name, value): raise AttributeError("frozen")
    class Constants(metaclass=Frozen):
        ONE = 1
        def me(self): return Constants
    Holder = [Constants]
    """
    use = """
        try:
            value.TWO = 2
        except AttributeError as error:
            refused = str(error)
        [value.ONE, value().me() is value, refused]
    """
    assert ship(source, "Constants", use) == [1, True, "frozen"]


@pytest.mark.also_upstream
def test_class_that_is_an_attribute_of_itself():
    source = """
    class Meta(type):
        def __init__(cls, name, bases, namespace): type.__init__(cls, name, bases, namespace)
    class Node(metaclass=Meta):
        registry = {}
        def __init__(self): self.kind = Node
    Node.registry["node"] = Node
    Node.first = Node()
    """
    use = "[value.registry['node'] is value, value.first.kind is value, type(value.first) is value]"
    assert ship(source, "Node", use) == [True, True, True]


@pytest.mark.also_upstream
def test_attributes_with_set_name_and_closures():
    source = """
    import functools
    def traced(function):
        @functools.wraps(function)
        def wrapper(*args): return ("traced", function(*args))
        return wrapper
    class Named:
        def __set_name__(self, owner, name): self.name = name
        def __get__(self, instance, owner): return self.name
    class Base:
        def __init_subclass__(cls, **keywords): cls.count = len(vars(cls))
    class Derived(Base):
        label = Named()
        @traced
        def me(self): return Derived
        @staticmethod
        def other(): return Derived
    """
    use = "[value.label, value().me()[1] is value, value.other() is value, value.count > 4]"
    assert ship(source, "Derived", use) == ["label", True, True, True]


def test_every_protocol(protocol):
    assert ship(REQUIRED, "Csv", "[value.name, value().load()[:2] == (value, value)]", protocol) == ["csv", True]


def test_through_a_subclass_of_the_pickler():
    source = (
        READER
        + """
import io, cloudpickle, pickle
class Own(cloudpickle.Pickler):
    def reducer_override(self, obj): return super().reducer_override(obj)
def loaded_elsewhere():
    file = io.BytesIO()
    Own(file).dump(Derived)
    return file.getvalue()
"""
    )
    with Peer() as driver, Peer() as worker:
        driver.run(source)
        driver.run("payload = loaded_elsewhere()")
        worker.load(driver.evaluate("payload"))
        assert worker.evaluate("[value.kind, value().me()[1]]") == ["derived", True]


# What these classes are made from leads back to them: they can only be made first and filled later, as with upstream.


@pytest.mark.also_upstream
@pytest.mark.parametrize("with_method", [False, True], ids=["attributes", "method"])
def test_classes_that_refer_to_each_other(with_method):
    source = f"""
    class State:
        def __init_subclass__(cls): pass
    class Idle(State):
        {"def me(self): return Idle" if with_method else "text = 'idle'"}
    class Running(State): next = (Idle,)
    Idle.next = (Running,)
    """
    assert ship(source, "Idle", "value.next[0].next[0] is value") is True


@pytest.mark.also_upstream
def test_annotation_that_names_the_class():
    source = """
    import functools, typing
    class Base:
        def __init_subclass__(cls): pass
    class Node(Base):
        parent: "Node" = None
        others: typing.Optional["Node"] = None
    Node.make = functools.partial(Node)
    """
    assert ship(source, "Node", "type(value.make()) is value and value.parent is None") is True


@pytest.mark.also_upstream
def test_what_is_made_from_a_container_that_leads_back():
    """Where the class is met inside of it, the container is not to be seen empty."""
    source = """
    class Base:
        def __init_subclass__(cls): pass
    class Validator:
        def __init__(self, schema): self.length = len(schema); self.schema = schema
        def __reduce__(self): return Validator, (self.schema,)
    class Model(Base):
        def me(self): return Model
    Model.schema = [Model, 1]
    Model.validator = Validator(Model.schema)
    """
    use = "[value.validator.length, value.validator.schema is value.schema, value.schema[0] is value]"
    assert ship(source, "Model", use) == [2, True, True]


@pytest.mark.also_upstream
def test_descriptors_that_know_their_class():
    """As those of traitlets: the metaclass sees no instance whose state is not there yet."""
    source = """
    class Trait:
        def __init__(self, least): self.least = least; self.owner = None
        def __set_name__(self, owner, name): self.owner = owner
    class Meta(type):
        def __init__(cls, name, bases, namespace):
            super().__init__(name, bases, namespace)
            cls.least = {key: value.least for key, value in namespace.items() if isinstance(value, Trait)}
    class Conf(metaclass=Meta):
        port = Trait(1)
        def me(self): return Conf
    """
    assert ship(source, "Conf", "[value.least, value.port.owner is value]") == [{"port": 1}, True]


def test_a_chain_of_classes_is_made_whole():
    """Each sees itself whole, however many of them stand inside each other."""
    source = """
    class Base:
        seen = []
        def __init_subclass__(cls): Base.seen.append([cls.__name__, "kind" in vars(cls)])
    last = None
    for number in range(30):
        last = type("Class%d" % number, (Base,), {"kind": frozenset([number]), "last": last, "__module__": __name__})
    """
    with Peer() as driver, Peer() as worker:
        driver.run(source)
        worker.load(driver.pickle("Base"), "base")
        worker.run("base.seen.clear()")
        worker.load(driver.pickle("last"), "last")
        assert worker.evaluate("base.seen") == [[f"Class{number}", True] for number in range(30)]


@pytest.mark.also_upstream
def test_what_is_tried_out_is_not_in_the_memo():
    """A pickler that finds out whether a class leads back to itself refers to nothing that it did not write."""
    source = """
    import io, cloudpickle, pickle
    class Base:
        def __init_subclass__(cls): pass
    class Item:
        pass
    class Model(Base):
        item = Item()
    class Own(Base):
        pass
    Own.own = [Own, Model.item]
    file = io.BytesIO()
    pickler = cloudpickle.Pickler(file)
    for obj in ([1], Model, Own, Model.item, [1]):
        pickler.dump(obj)
    """
    with Peer() as driver, Peer() as worker:
        driver.run(source)
        worker.run(
            f"import io, pickle; unpickler = pickle.Unpickler(io.BytesIO({driver.evaluate('file.getvalue()')!r}))"
        )
        worker.run("one, model, own, item, other = (unpickler.load() for _ in range(5))")
        assert worker.evaluate("[one, other, item is model.item, own.own[0] is own, own.own[1] is item]") == [
            [1],
            [1],
            True,
            True,
            True,
        ]


@pytest.mark.also_upstream
def test_what_raises_in_the_attempt_raises_in_the_dump():
    source = """
    class Base:
        def __init_subclass__(cls): pass
    class Refuses:
        def __reduce__(self): raise ValueError("refused")
    class Model(Base):
        attribute = Refuses()
    """
    with Peer() as driver:
        driver.run(source)
        with pytest.raises(Exception, match="refused"):
            driver.pickle("Model")
        assert pickle.loads(driver.pickle("[1, 2]")) == [1, 2]


@pytest.mark.also_upstream
def test_reducers_of_the_program_run_once():
    source = """
    class Base:
        def __init_subclass__(cls): pass
    class Stream:
        def __init__(self): self.items = iter([1, 2, 3])
        def __reduce__(self): return list, (), None, self.items
    class Model(Base):
        stream = Stream()
    """
    assert ship(source, "Model", "value.stream") == [1, 2, 3]


@pytest.mark.also_upstream
def test_static_method_over_an_object_that_leads_back():
    source = """
    class Base:
        def __init_subclass__(cls): pass
    class Call:
        def __init__(self, parts): self.count = len(parts)
        def __reduce__(self): return Call, (Model.parts,)
        def __call__(self): return self.count
    class Part: pass
    class Model(Base): pass
    Part.model = Model
    Model.parts = [Part(), Model]
    Model.count = staticmethod(Call(Model.parts))
    """
    assert ship(source, "Model", "value.count()") == 2


@pytest.mark.also_upstream
def test_a_list_that_holds_itself_many_times():
    """It is looked into once, and not as often as there are ways through it."""
    source = """
    class Base:
        def __init_subclass__(cls): pass
    class Model(Base):
        knot = []
    Model.knot.extend([Model.knot] * 40)
    """
    assert ship(source, "Model", "len(value.knot) == 40 and value.knot[39] is value.knot") is True


@pytest.mark.also_upstream
@pytest.mark.parametrize("hook", ["reducer_override", "persistent_id"])
def test_what_only_a_hook_can_write(hook):
    """The attempt knows no hooks: the class is made first."""
    source = f"""
    import io, threading, cloudpickle
    lock = threading.Lock()
    class Own(cloudpickle.Pickler):
        def reducer_override(self, obj):
            return (str, ("lock",)) if obj is lock and {hook!r} == "reducer_override" else super().reducer_override(obj)
        def persistent_id(self, obj):
            return "lock" if obj is lock and {hook!r} == "persistent_id" else None
    class Base:
        def __init_subclass__(cls): pass
    class Holder:
        def __init__(self, parts): self.count = len(parts); self.parts = parts
        def __reduce__(self): return Holder, (self.parts,)
    class Model(Base):
        lock, parts = lock, []
    Model.parts.append(Model)
    Model.holder = Holder(Model.parts)
    file = io.BytesIO()
    Own(file).dump(Model)
    """
    with Peer() as driver, Peer() as worker:
        driver.run(source)
        worker.run("""
        import io, pickle
        class Unpickler(pickle.Unpickler):
            def persistent_load(self, name): return name
        """)
        worker.run(f"value = Unpickler(io.BytesIO({driver.evaluate('file.getvalue()')!r})).load()")
        assert worker.evaluate("[value.lock, value.holder.count]") == ["lock", 1]
