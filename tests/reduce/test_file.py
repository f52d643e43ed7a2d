"""Text files opened for reading travel as their contents and position; the standard streams as themselves."""

import io
import pickle

import pytest

import cloudpickle
from travel import Peer, RemoteError, load_elsewhere, round_trip

TEXT = "first \u20ac\nsecond\nthird\n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_file(path, protocol):
    """The contents travel as a StringIO, which itself needs protocol 2."""
    with open(path, encoding="utf-8") as file:
        loaded = round_trip(file, protocol)
    assert loaded.read() == TEXT and loaded.name == str(path)


def test_file_elsewhere(path):
    with open(path, encoding="utf-8") as file:
        assert load_elsewhere(file, "value.readlines()") == TEXT.splitlines(keepends=True)


def test_position_is_kept(tmp_path):
    path = tmp_path / "ascii.txt"
    path.write_text("first\nsecond\n", encoding="ascii")
    with open(path, encoding="ascii") as file:
        file.readline()
        loaded = round_trip(file)
        assert file.read() == loaded.read() == "second\n"


def test_file_opened_for_update(path):
    with open(path, "r+", encoding="utf-8") as file:
        assert round_trip(file).read() == TEXT


def test_file_opened_for_writing_is_refused(path):
    for mode in ("w", "a"):
        with open(path, mode, encoding="utf-8") as file:
            with pytest.raises(pickle.PicklingError, match=f"not opened for reading: {mode}"):
                cloudpickle.dumps(file)


def test_closed_file_is_refused(path):
    with open(path, encoding="utf-8") as file:
        pass
    with pytest.raises(pickle.PicklingError, match="Cannot pickle closed files"):
        cloudpickle.dumps(file)


def test_wrapper_that_is_no_file_is_refused():
    with pytest.raises(pickle.PicklingError, match="do not map to an actual file"):
        cloudpickle.dumps(io.TextIOWrapper(io.BytesIO(b"x")))


def test_binary_file_is_refused(path):
    with open(path, "rb") as file, pytest.raises(TypeError, match="cannot (pickle|serialize)"):
        cloudpickle.dumps(file)


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_standard_streams(name):
    """In the worker they are the worker's."""
    with Peer() as driver, Peer() as worker:
        driver.run("import sys")
        worker.load(driver.pickle(f"sys.{name}"))
        assert worker.evaluate(f"import sys; value is sys.{name}") is True


def test_print_to_a_captured_stream():
    with Peer() as driver, Peer() as worker:
        driver.run("import sys\nout = sys.stdout\ndef f(): return out.write('')")
        worker.load(driver.pickle("f"))
        assert worker.evaluate("value()") == 0


def test_standard_input_is_refused():
    with Peer() as driver:
        driver.run("import sys")
        with pytest.raises(RemoteError) as caught:
            driver.pickle("sys.stdin")
    assert (caught.value.kind, caught.value.message) == ("PicklingError", "Cannot pickle standard input")


def test_string_io():
    file = io.StringIO("text")
    file.read(2)
    assert round_trip(file).read() == "xt"
