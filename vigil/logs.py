"""The second safeguard after `vigil.redaction`: redacts every log record of this process, whoever wrote it."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from vigil.redaction import redacted


def guard() -> None:
    """From now on every log record is redacted when it is made: Vigil's, those of Prefect's runs, and of libraries. Further calls do
    nothing.

    A filter on a logger would miss the loggers below it, and one on handlers would be lost where Prefect installs its own.
    """
    make = logging.getLogRecordFactory()
    if getattr(make, "redacts", False):
        return

    def made(*args: Any, **kwargs: Any) -> logging.LogRecord:
        return _clean(make(*args, **kwargs))

    made.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(made)


def _clean(record: logging.LogRecord) -> logging.LogRecord:
    if isinstance(record.args, tuple):
        # Each by itself where that is enough: some formatters look at them again.
        record.args = tuple(redacted(a) if isinstance(a, str) else a for a in record.args)
    try:
        said = record.getMessage()
    except (TypeError, ValueError, KeyError):  # the arguments do not fit: logging itself says so, and where
        return record
    clean = redacted(said)
    if clean != said:
        record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[0] is not None:
        record.exc_text = redacted("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
    return record
