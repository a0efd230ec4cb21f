"""The values that go into the ledger and come out of it. This module needs no database, so that rendering and checks of rules can
use it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum

from vigil.compliance.channels import CHANNELS
from vigil.compliance.notices import NoticeKey, NoticeState
from vigil.ledger.notice_message import EMPTY_MESSAGE, NoticeMessage

ADDRESS_KINDS = tuple(kind for c in CHANNELS for kind in c.address_kinds)
"""The kinds of addresses of devices in the registry."""

APP_KINDS = tuple(kind for c in CHANNELS if c.by_app for kind in c.address_kinds)
"""Those of them that apps register and refresh."""

LARGEST_ID = 2**63 - 1  # that a column of numbers can hold

LEASE = timedelta(seconds=60)
"""How long a worker holds a row that it claimed, in real time. While it lives, it renews the lease after each third of that time."""

HEARD = frozenset({NoticeState.SENT, NoticeState.NO_DEVICE, NoticeState.FAILED})
"""The states after which an acknowledgement is awaited. A notice that could not be delivered will get none."""

IN_DIGEST = "in digest "
"""The reason of a notice that went out with a digest begins so; the number of the digest's own notice follows."""


def in_digest(reason: str) -> bool:
    """Whether a reason says that its notice went out with a digest."""
    return reason.startswith(IN_DIGEST)


def went_out(state: NoticeState, reason: str) -> bool:
    """Whether a notice was sent, alone or with a digest, or is on its way."""
    return state in (NoticeState.SENT, NoticeState.QUEUED) or in_digest(reason)


class RunState(StrEnum):
    """The state of a run's row. `GAPS` is a run that could not read everything."""

    RUNNING = "running"
    DONE = "done"
    GAPS = "gaps"
    FAILED = "failed"


class HoldState(StrEnum):
    """The state of a guard hold: without an answer, or the answer. An expired hold can still be answered."""

    WAITING = "waiting"
    SENT = "sent"
    DROPPED = "dropped"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row to queue: `state` is `queued`, or another state with its reason if there is nothing to send now.

    `message` may hold a `ttl`: seconds from the instant of the finding, or from the first moment at which the notice may be sent,
    whichever is later.
    """

    rule: str
    workspace: int
    occurrence: str
    step: str
    person: str
    fire_at: datetime
    state: NoticeState
    reason: str = ""
    message: NoticeMessage = EMPTY_MESSAGE
    due_at: datetime | None = None  # the end of quiet hours; None for at once

    @property
    def key(self) -> NoticeKey:
        return self.rule, self.workspace, self.occurrence, self.step, self.person


@dataclass(frozen=True, slots=True)
class Registered:
    """A device in use."""

    id: int
    person: str
    address: str = field(repr=False)
    address_kind: str
    platform: str
    language: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Preferences:
    """One person's preferences. None and () mean the defaults of the account and the site.

    `quiet_from` and `quiet_to` are times of the person's own day, both or neither; `channels` are in order.
    """

    quiet_from: time | None = None
    quiet_to: time | None = None
    digest: bool = False
    language: str | None = None
    zone: str | None = None
    channels: tuple[str, ...] = ()


NONE = Preferences()
"""The preferences of a person who never set any."""
