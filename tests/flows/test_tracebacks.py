"""Of an error meant for a person Prefect logs the sentence; the traceback is a debug line. Of any other it stays where it was."""

from __future__ import annotations

import logging

import pytest

from vigil.ecm.errors import Unavailable

ERROR = Unavailable("/v2/nodes/1", "no answer")


class Kept(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def logged(error: Exception, level: int, monkeypatch: pytest.MonkeyPatch) -> list[logging.LogRecord]:
    """What the log of a task has of an error, the way Prefect's engine writes it there."""
    import flows  # noqa: F401  from now on it is in sentences

    logger, kept = logging.getLogger("prefect.task_runs"), Kept()
    monkeypatch.setattr(logger, "level", level)
    monkeypatch.setattr(logger, "handlers", [kept])
    logger.manager._clear_cache()  # type: ignore[attr-defined]
    try:
        raise error
    except type(error):
        logger.error(f"Task run failed with exception: {error!r}", exc_info=True)
    return kept.records


def test_the_sentence_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = logged(ERROR, logging.INFO, monkeypatch)
    assert (line.levelname, line.getMessage(), line.exc_info) == ("ERROR", str(ERROR), None)


def test_who_debugs_sees_where_it_was_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    traced, line = logged(ERROR, logging.DEBUG, monkeypatch)
    assert (traced.levelname, line.levelname) == ("DEBUG", "ERROR")
    assert traced.exc_info is not None and line.exc_info is None


def test_a_fault_of_our_own_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = logged(KeyError("x"), logging.INFO, monkeypatch)
    assert line.exc_info is not None and "KeyError" in line.getMessage()
