"""A submodule that only a nested function uses, or that is reached with `getattr`, is imported in the worker."""

import textwrap

import pytest

from travel import ship

USES = {
    "nested function": """
        def f():
            def g(): return xml.dom.minidom.Node.ELEMENT_NODE
            return g()
    """,
    "lambda in a lambda": "f = lambda: (lambda: xml.dom.minidom.Node.ELEMENT_NODE)()",
    "comprehension": "def f(): return [xml.dom.minidom.Node.ELEMENT_NODE for _ in '1'][0]",
    "body of a class": """
        def f():
            class A:
                value = xml.dom.minidom.Node.ELEMENT_NODE
            return A.value
    """,
    "method of a local class": """
        def f():
            class A:
                def g(self): return xml.dom.minidom.Node.ELEMENT_NODE
            return A().g()
    """,
    "getattr": "def f(): return getattr(getattr(xml, 'dom'), 'minidom').Node.ELEMENT_NODE",
    "getattr in a nested function": "def f(): return (lambda: getattr(xml.dom, 'minidom').Node.ELEMENT_NODE)()",
}


@pytest.mark.parametrize("use", USES)
def test_submodule(use):
    source = "import xml.dom.minidom\n" + textwrap.dedent(USES[use])
    assert ship(source, "f", "value()") == 1


@pytest.mark.also_upstream
def test_only_what_may_be_used_is_imported():
    source = "import xml.dom.minidom, xml.etree.ElementTree\ndef f(): return xml.dom.minidom.Node.ELEMENT_NODE"
    assert ship(source, "f", "import sys; [value(), 'xml.etree' in sys.modules]") == [1, False]
