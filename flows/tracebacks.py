"""Keeps the tracebacks of errors meant for people out of what Prefect logs of a task or a flow: the sentence says it all."""

from __future__ import annotations

import logging
from copy import copy

from vigil.errors import VigilError

LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


class Sentences(logging.Filter):
    """Leaves the sentence of such an error. Where the logger takes in debug lines, the record as it was is one of them."""

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
    """From now on, in this process. Once is enough."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(f, Sentences) for f in logger.filters):
            logger.addFilter(Sentences())
