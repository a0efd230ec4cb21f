"""A command that runs for long is stopped by Ctrl-C or SIGTERM: it cleans up, says how to go on, and ends with 130 or 143."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from vigil.cli_shared import errors


class Terminated(BaseException):
    """SIGTERM came. No `except Exception` keeps it, so that everything that is open is closed."""


@contextmanager
def stopped_by_a_signal(how_to_go_on: str) -> Iterator[None]:
    """Within it SIGTERM ends the work as Ctrl-C does. The process then exits with 128 and the number of the signal."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except (KeyboardInterrupt, Terminated) as stopped:
        errors.print(how_to_go_on, markup=False, highlight=False, soft_wrap=True)
        number = signal.SIGTERM if isinstance(stopped, Terminated) else signal.SIGINT
        raise SystemExit(128 + number) from None
    finally:
        signal.signal(signal.SIGTERM, before)
