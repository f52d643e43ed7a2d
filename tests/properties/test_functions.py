"""Random functions: what they return in the driver they return in the worker. One pair of processes serves all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from travel import Peer

CONSTANTS = st.integers(-(10**12), 10**12) | st.text(max_size=5) | st.booleans() | st.none() | st.binary(max_size=4)


@st.composite
def functions(draw):
    """Source of a factory `make()` that returns a closure over nested scopes, with defaults and globals."""
    depth = draw(st.integers(1, 4))
    lines = [f"GLOBAL_{i} = {draw(CONSTANTS)!r}" for i in range(depth)] + ["def make():"]
    for level in range(depth):
        pad = "    " * (level + 1)
        lines.append(f"{pad}local_{level} = {draw(CONSTANTS)!r}")
        default = draw(st.none() | st.just(f"local_{level}"))
        parameters = f"p{level}={default or repr(draw(CONSTANTS))}, *, k{level}={draw(CONSTANTS)!r}"
        lines.append(f"{pad}def f{level}({parameters}):")
    pad = "    " * (depth + 1)
    used = [f"local_{i}" for i in range(depth) if draw(st.booleans())] + [f"GLOBAL_{depth - 1}", f"p{depth - 1}"]
    lines.append(f"{pad}return [{', '.join(used)}, k{depth - 1}]")
    for level in reversed(range(depth)):
        call = f"f{level}" if draw(st.booleans()) or level == depth - 1 else f"f{level}()"
        lines.append("    " * (level + 1) + f"return {call}")
    return "\n".join(lines)


CALL = """
def unfold(x):
    while callable(x):
        x = x()
    return x
unfold({})
"""


@pytest.fixture(scope="module")
def pair():
    with Peer() as driver, Peer() as worker:
        yield driver, worker


@settings(max_examples=50)
@given(functions())
def test_same_result_in_the_worker(pair, source):
    driver, worker = pair
    driver.run(source)
    worker.load(driver.pickle("make()"))
    assert worker.evaluate(CALL.format("value")) == driver.evaluate(CALL.format("make()"))


@settings(max_examples=30)
@given(functions())
def test_same_bytes_each_time(pair, source):
    driver, _ = pair
    driver.run(source + "\nmade = make()")
    assert len({driver.pickle("made") for _ in range(3)}) == 1
