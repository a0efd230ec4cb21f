"""A parsed response of a service that sends, whatever the channel, and the attempt that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from vigil.delivery.retry import LONGEST_ASKED
from vigil.delivery.transport import SendOutcome, Sent
from vigil.retry_after import seconds_of

Action = Literal["none", "refresh", "stop"]
"""What the sender does next about its credential."""

DETAIL = 200  # characters of a service's sentence that are kept


@dataclass(frozen=True, slots=True)
class ParsedResponse:
    """A parsed response; `status` is None if there was none.

    `quota` tells whose quota a 429 is about (``device:...``, ``project:...``), empty if unknown.
    """

    outcome: SendOutcome
    code: str = ""
    status: int | None = None
    name: str = ""
    retry_after: float | None = None
    action: Action = "none"
    quota: str = ""
    detail: str = ""


def sent_of(reading: ParsedResponse, started: datetime, ended: datetime) -> Sent:
    """The attempt that ended in `reading`."""
    return Sent(
        outcome=reading.outcome,
        status=reading.status,
        code=reading.code,
        name=reading.name,
        retry_after=reading.retry_after,
        started_at=started,
        ended_at=ended,
        detail=reading.detail,
    )


def wait_of(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header, 0 to `LONGEST_ASKED`. None if absent or unreadable."""
    return seconds_of(header, now or datetime.now(UTC), LONGEST_ASKED)
