"""Values without parts, at every size where the opcode changes."""

import io
import math
import pickle
import pickletools

import corpus
import pytest

import cloudpickle
from implementation import exact_bytes, skip_on_pypy
from travel import round_trip


@pytest.mark.parametrize("value", [None, True, False, ..., NotImplemented])
def test_singletons(value, protocol):
    assert round_trip(value, protocol) is value


@pytest.mark.parametrize("value", corpus.INTEGERS, ids=lambda n: f"{'-' * (n < 0)}{n.bit_length()}bits{n & 7}")
def test_integers(value, protocol):
    loaded = round_trip(value, protocol)
    assert type(loaded) is int and loaded == value


def test_integer_of_a_million_bits():
    value = -(3 << 1_000_000)
    for protocol in (2, 5):
        assert round_trip(value, protocol) == value


@pytest.mark.parametrize(
    "value, opcode", [(0, "BININT1"), (255, "BININT1"), (256, "BININT2"), (65535, "BININT2"), (65536, "BININT")]
)
def test_small_integers_use_the_shortest_opcode(value, opcode):
    names = [operation.name for operation, _, _ in pickletools.genops(cloudpickle.dumps(value, protocol=2))]
    assert names == ["PROTO", opcode, "STOP"]


@pytest.mark.parametrize("value", [-1, -(1 << 31), (1 << 31) - 1, 1 << 31, -(1 << 31) - 1, 1 << 2040])
def test_integers_use_pickles_opcode(value, protocol):
    assert cloudpickle.dumps(value, protocol=protocol) == exact_bytes(value, protocol)


@pytest.mark.parametrize("value", corpus.FLOATS)
def test_floats(value, protocol):
    if protocol == 0 and not math.isfinite(value):
        skip_on_pypy("infinity as text")
    loaded = round_trip(value, protocol)
    assert type(loaded) is float
    assert repr(loaded) == repr(value)
    assert math.copysign(1, loaded) == math.copysign(1, value)


@pytest.mark.parametrize("value", [0j, -0.0 + 1j, complex(math.inf, -math.inf), 1.5 - 2j])
def test_complex(value, protocol):
    if protocol == 0 and not math.isfinite(value.real):
        skip_on_pypy("infinity as text")
    loaded = round_trip(value, protocol)
    assert type(loaded) is complex and repr(loaded) == repr(value)


@pytest.mark.parametrize("name", corpus.STRINGS)
def test_strings(name, protocol):
    value = corpus.STRINGS[name]
    loaded = round_trip(value, protocol)
    assert type(loaded) is str and loaded == value


@pytest.mark.parametrize("size", corpus.BYTES_SIZES)
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_bytes_and_bytearrays(kind, size, protocol):
    value = kind(range(256)) * (size // 256) + kind(size % 256)
    loaded = round_trip(value, protocol)
    assert type(loaded) is kind and loaded == value


@pytest.mark.parametrize("size", range(64 * 1024 - 24, 64 * 1024 + 8))
def test_text_and_bytes_around_a_frames_size(size):
    """The frame's own header and the payload's opcode both move the boundary; try each size near it."""
    for value in ("x" * size, b"x" * size, ["x" * size, "tail", b"tail"]):
        assert round_trip(value) == value
        file = io.BytesIO()
        cloudpickle.Pickler(file).dump(value)
        assert file.getvalue() == pickle.dumps(value, protocol=5)
        optimized = pickletools.optimize(pickle.dumps(value, protocol=5))
        assert pickletools.optimize(cloudpickle.dumps(value)) == optimized


def test_same_string_is_written_once(protocol):
    """Strings are memoized by identity."""
    text = "only once, please"
    assert cloudpickle.dumps([text, text], protocol=protocol).count(b"only once") == 1
    first, second = round_trip([text, text], protocol)
    assert first is second


def test_bytearray_identity_is_kept():
    """A bytearray is mutable, so two references must stay one object."""
    data = bytearray(b"xyz")
    first, second = round_trip([data, data])
    assert first is second


def test_lone_surrogates_beside_true_pairs():
    text = "\ud83d\ude00 \U0001f600 \ud83d"
    assert round_trip(text) == text
    assert round_trip({text: text}, 0) == {text: text}
