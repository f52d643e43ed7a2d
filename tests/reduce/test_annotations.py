"""Annotations of functions and classes: evaluated where they can be, else as the code that evaluates them."""

import sys

import pytest

from travel import ship

lazy = pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are lazy since Python 3.14")


def test_of_a_class_that_was_never_asked_for_them():
    source = "class A:\n    x: int\n    y: 'str' = 'd'"
    assert ship(source, "A", "{k: getattr(v, '__name__', v) for k, v in value.__annotations__.items()}") == {
        "x": "int",
        "y": "str",
    }


def test_of_a_class_that_changed_them():
    source = "class A:\n    x: int\nA.__annotations__['z'] = float"
    assert ship(source, "A", "[v.__name__ for v in value.__annotations__.values()]") == ["int", "float"]


def test_a_class_without_any():
    """The subclass has none of its own, and does not take those of its base for its own."""
    source = "class A:\n    x: int\nclass B(A):\n    pass"
    use = "import inspect\n[list(inspect.get_annotations(c)) if hasattr(inspect, 'get_annotations') else " + (
        "list(vars(c).get('__annotations__', {})) for c in (value, value.__base__)]"
    )
    assert ship(source, "B", use) == [[], ["x"]]


def test_of_types_of_the_script():
    """The annotation is the class that arrives, not another one."""
    source = "class Node:\n    pass\nclass A:\n    node: Node\ndef f(node: Node) -> A: ..."
    use = "a, f, node = value; [a.__annotations__['node'] is node, f.__annotations__ == {'node': node, 'return': a}]"
    assert ship(source, "(A, f, Node)", use) == [True, True]


@lazy
def test_with_names_that_are_not_defined_yet():
    source = "class A:\n    k = 1\n    x: Later\n    y: k\n    def method(self, a: Later): ...\ndef f(x: Later): ..."
    use = """
        a, f = value
        import annotationlib
        formats = [list(annotationlib.get_annotations(v, format=annotationlib.Format.STRING).values()) for v in value]
        # The script's globals, as the functions that evaluate annotations have them.
        for owner in (a, f, a.method):
            owner.__annotate__.__globals__["Later"] = int
        formats + [a.__annotations__['x'] is int, a.__annotations__['y'], f.__annotations__['x'] is int,
                   a.method.__annotations__['a'] is int]
    """
    assert ship(source, "(A, f)", use) == [["Later", "k"], ["Later"], True, 1, True, True]


@lazy
def test_do_not_bring_the_methods_of_the_class_twice():
    """What evaluates them closes over the namespace of the whole class body."""
    source = "class A:\n    x: Later\n    def method(self): ..."
    use = "sorted(value.__annotate__.__closure__[0].cell_contents)"
    assert ship(source, "A", use) == []


@lazy
def test_that_fail_otherwise_are_left_to_the_receiver():
    source = "def f(x: 1 / 0): ..."
    use = "try:\n    value.__annotations__\nexcept ZeroDivisionError as error:\n    text = str(error)\ntext"
    assert ship(source, "f", use) == "division by zero"
