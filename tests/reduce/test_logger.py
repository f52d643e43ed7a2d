"""Loggers are found again by name: handlers stay where they are."""

import logging

from travel import load_elsewhere, round_trip, ship


def test_logger(protocol):
    logger = logging.getLogger("tests.reduce.logger")
    assert round_trip(logger, protocol) is logger


def test_logger_elsewhere():
    use = "import logging; [value is logging.getLogger('some.name'), value.name]"
    assert load_elsewhere(logging.getLogger("some.name"), use) == [True, "some.name"]


def test_root_logger():
    assert load_elsewhere(logging.getLogger(), "import logging; value is logging.getLogger()") is True


def test_logger_with_a_handler_that_cannot_be_pickled():
    source = """
    import logging, sys
    log = logging.getLogger("script")
    log.addHandler(logging.StreamHandler(sys.stderr))
    def f():
        log.debug("never shown")
        return log.name
    """
    assert ship(source, "f", "value()") == "script"
