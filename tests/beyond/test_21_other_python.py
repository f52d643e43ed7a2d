"""Code that was pickled on another minor version of Python is refused when it is loaded, and data is not."""

import os
import re
import subprocess
import sys

import pytest

from travel import REPOSITORY, Peer, RemoteError

sys.path.insert(0, str(REPOSITORY / "scripts"))

from interpreters import INTERPRETERS

SOURCE = """
import enum
def f(x):
    return [i for i in range(x)]
class A:
    def method(self):
        return 1
class Level(enum.Enum):
    LOW = 1
"""

HERE = f"{'PyPy' if sys.implementation.name == 'pypy' else 'CPython'} {sys.version_info[0]}.{sys.version_info[1]}"

EXPRESSIONS = {
    "function": ("f", "function __main__.f"),
    "lambda in a list": ("[1, lambda: 1]", "function __main__.<lambda>"),
    "class with a method": ("A", "function __main__.A.method"),
    "instance": ("[A()]", "function __main__.A.method"),
    "code object": ("f.__code__", "code object f"),
}


def number_of(name):
    """The number by which pickles name a Python: c for code, the implementation's letter, the version."""
    implementation, version = name.split()
    major, minor = map(int, version.split("."))
    return int.from_bytes([ord("c"), ord(implementation[0]), major, minor], "big")


def in_pickle(number):
    """The number as an opcode, in the text of protocol 0 and in binary."""
    return b"I%d\n" % number, b"J" + number.to_bytes(4, "little")


# It changes the version that a pickle names, so that one interpreter is enough.
ELSEWHERE = f"{HERE.split()[0]} 2.99"


def from_elsewhere(data):
    """The pickle as another Python would have named itself in it, which it has to have done once."""
    forms = list(zip(in_pickle(number_of(HERE)), in_pickle(number_of(ELSEWHERE))))
    assert sum(data.count(here) for here, _ in forms) == 1
    for here, elsewhere in forms:
        data = data.replace(here, elsewhere)
    return data


def assert_refused(load, name, there, here):
    with pytest.raises(RemoteError) as caught:
        load()
    assert caught.value.kind == "UnpicklingError"
    assert caught.value.message.startswith(f"{name} was pickled on {there} and cannot be loaded on {here}: ")
    assert "CLOUDPICKLE_ALLOW_VERSION_MISMATCH=1" in caught.value.message


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("case", EXPRESSIONS)
def test_refused(case, protocol):
    expression, name = EXPRESSIONS[case]
    with Peer() as driver, Peer() as worker:
        driver.run(SOURCE)
        data = driver.pickle(expression, protocol)
        assert_refused(lambda: worker.load(from_elsewhere(data)), name, ELSEWHERE, HERE)
        # On the same version it loads.
        worker.load(data)


def test_refused_in_every_pickle_of_a_pickler():
    source = """
    import cloudpickle, io
    file = io.BytesIO()
    pickler = cloudpickle.Pickler(file)
    ends = [0]
    for i in range(2):
        pickler.dump(lambda: 1)
        pickler.clear_memo()
        ends.append(file.tell())
    pickles = [file.getvalue()[begin:end] for begin, end in zip(ends, ends[1:])]
    """
    with Peer() as driver, Peer() as worker:
        driver.run(source)
        for data in driver.evaluate("pickles"):
            name = "function __main__.<lambda>"
            assert_refused(lambda data=data: worker.load(from_elsewhere(data)), name, ELSEWHERE, HERE)


def test_allowed():
    with Peer() as driver, Peer() as worker:
        driver.run(SOURCE)
        worker.run("import os; os.environ['CLOUDPICKLE_ALLOW_VERSION_MISMATCH'] = '1'")
        worker.load(from_elsewhere(driver.pickle("f")))
        assert worker.evaluate("value(3)") == [0, 1, 2]
        worker.run("os.environ['CLOUDPICKLE_ALLOW_VERSION_MISMATCH'] = '0'")
        assert_refused(lambda: worker.load(from_elsewhere(driver.pickle("f"))), "function __main__.f", ELSEWHERE, HERE)


@pytest.mark.also_upstream
@pytest.mark.parametrize("expression", ["[1, 'a', {2: b'x'}]", "Level.LOW", "print", "object()"])
def test_nothing_is_said_without_code(expression):
    with Peer() as driver:
        driver.run("import enum\nclass Level(enum.Enum):\n    LOW = 1")
        data = driver.pickle(expression)
        assert not any(named in data for named in in_pickle(number_of(HERE)))


def others():
    """The other Pythons of the machine for which this package is built: `make install PYTHON=...` builds it."""
    for interpreter in INTERPRETERS:
        if re.fullmatch(r"3\.\d+", interpreter.name) and interpreter.name != "%d.%d" % sys.version_info[:2]:
            yield interpreter.name


def other_python(name):
    """Its executable; skips where there is none with this package."""
    if os.environ.get("CLOUDPICKLE_TESTS_AGAINST"):
        pytest.skip("upstream's crash on another Python is nothing to run")
    python = REPOSITORY / ".venv" / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"there is no environment for Python {name}: make install PYTHON=python{name} makes it")
    named = in_pickle(number_of(f"CPython {name}"))[1]
    ask = f"import cloudpickle; assert {named!r} in cloudpickle.dumps(lambda: 1)"
    if subprocess.run([python, "-I", "-c", ask], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip(f"the environment of Python {name} has no such cloudpickle: make install PYTHON=python{name}")
    return str(python)


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="the others are CPythons")
@pytest.mark.parametrize("name", list(others()))
def test_between_two_pythons(name):
    python = other_python(name)
    here, there = (sys.executable, HERE), (python, f"CPython {name}")
    for (driver_python, driver_version), (worker_python, worker_version) in ((here, there), (there, here)):
        with Peer(python=driver_python) as driver, Peer(python=worker_python) as worker:
            driver.run(SOURCE)
            for expression, function in EXPRESSIONS.values():
                data = driver.pickle(expression)
                assert_refused(lambda data=data: worker.load(data), function, driver_version, worker_version)
            worker.load(driver.pickle("[1, 'a', {2: b'x'}, complex(1, 2), range(3)]"))
            assert worker.evaluate("value == [1, 'a', {2: b'x'}, complex(1, 2), range(3)]") is True
