"""Removes the tracebacks of expected errors from Prefect's logs of tasks and flows: the error's sentence is enough."""

from __future__ import annotations

import logging
from copy import copy

from vigil.errors import VigilError

LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


class Sentences(logging.Filter):
    """Reduces such a record to the error's sentence. If the logger has debug level, it also logs the original record there."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, VigilError) or record.levelno <= logging.DEBUG:
            return True
        logger, whole = logging.getLogger(record.name), copy(record)
        if logger.isEnabledFor(logging.DEBUG):
            whole.levelno, whole.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
            logger.handle(whole)
        record.msg, record.args, record.exc_info, record.exc_text = str(error), (), None, None
        return True


def take_out() -> None:
    """Install the filter in this process. Further calls change nothing."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(f, Sentences) for f in logger.filters):
            logger.addFilter(Sentences())
