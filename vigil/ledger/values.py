"""What goes into the ledger and comes out of it, as values. No database here: who only words a notice or checks a rule needs none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from vigil.compliance.channels import CHANNELS
from vigil.compliance.notices import NoticeState
from vigil.ledger.notice_message import EMPTY_MESSAGE, NoticeMessage

Key = tuple[str, int, str, str, str]
"""(rule, workspace, occurrence, step, person): what is said once, for ever. No step and no person are ''."""

ADDRESS_KINDS = tuple(kind for c in CHANNELS for kind in c.address_kinds)
"""The kinds of addresses that a device of the registry may have."""

APP_KINDS = tuple(kind for c in CHANNELS if c.by_app for kind in c.address_kinds)
"""Those of them that apps register and refresh."""

LARGEST_ID = 2**63 - 1  # that a column of numbers holds

LEASE = timedelta(seconds=60)
"""How long a worker holds a row that it claimed, in real time. It renews it each third of that while it lives."""

HEARD = frozenset({NoticeState.SENT, NoticeState.NO_DEVICE, NoticeState.FAILED})
"""States after which one may wait for a reaction. To a notice that could not be delivered there will be none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row to queue: `state` is `queued`, or final with its reason when there is nothing to send."""

    rule: str
    workspace: int
    occurrence: str
    step: str
    person: str
    fire_at: datetime
    state: NoticeState
    reason: str = ""
    message: NoticeMessage = EMPTY_MESSAGE
    due_at: datetime | None = None  # when it may be said, where that is later than at once: quiet hours

    @property
    def key(self) -> Key:
        return self.rule, self.workspace, self.occurrence, self.step, self.person


@dataclass(frozen=True, slots=True)
class Registered:
    """A device that can be told something."""

    id: int
    person: str
    address: str = field(repr=False)
    address_kind: str
    platform: str
    language: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Preferences:
    """One person's. None and () say: as the account and the site have it.

    `quiet_from` and `quiet_to` are times of the person's own day, both or neither; `channels` are in order.
    """

    quiet_from: time | None = None
    quiet_to: time | None = None
    digest: bool = False
    language: str | None = None
    zone: str | None = None
    channels: tuple[str, ...] = ()


NONE = Preferences()
"""Of somebody who never asked for anything."""
