"""The one interface of a transport, the message it is given, and what became of one. docs/architecture.md, "Delivery"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Literal, Protocol, Self

from vigil.delivery.codes import GONE, HELD, UNFORESEEN
from vigil.redaction import redacted
from vigil.safe_text import table_cell

Outcome = Literal["accepted", "rejected", "retry", "unknown"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one address. `key` is the replace key: one per outbox row, the same on every attempt.

    `address_kind` is token, fid, topic or condition, email or webhook; `platform` is android, ios or web, ``any`` for
    topics, or the kind again; `severity` a value of `Severity`; `ttl` what is left of the time to live when it is sent.
    """

    key: str
    token: str = field(repr=False)  # the address; never in a log
    address_kind: str
    platform: str
    title: str
    body: str
    link: str
    severity: str
    ttl: timedelta
    data: Mapping[str, str] = field(default_factory=dict)
    mail: Mapping[str, str] = field(default_factory=dict)  # `email_words.words`; no push has it
    person: str = ""  # whose address it is: a login, or group:NAME


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one message in one attempt; one row of the ledger's attempts.

    `status` is the HTTP status, None when there was no answer. `code` is FCM's own error code, or one of:
    APNS_410, CONNECT, CERTIFICATE or PROXY (nothing was sent), TIMEOUT, RESET, UNREADABLE, UNFORESEEN (accepted or not: unknown),
    HELD_* (no request was made), or an InvalidMessage code. Empty when accepted. `name` is the message name of an
    accepted one. `retry_after` in seconds, None when FCM did not say. `detail` is FCM's sentence, for people.
    Code and detail are made such that every ledger takes them, whatever an answer held.
    """

    outcome: Outcome
    status: int | None
    code: str
    name: str
    retry_after: float | None
    started_at: datetime
    ended_at: datetime
    detail: str = ""

    def __post_init__(self) -> None:
        if self.code:
            object.__setattr__(self, "code", table_cell(self.code))
        if self.detail:
            object.__setattr__(self, "detail", table_cell(redacted(self.detail)))

    @classmethod
    def unforeseen(cls, wrong: Exception, started: datetime, ended: datetime) -> Self:
        """The attempt that something in Vigil failed at: whether the message was taken is not known. `wrong` gives its kind alone."""
        return cls("unknown", None, UNFORESEEN, "", None, started, ended, type(wrong).__name__)

    @property
    def prune(self) -> bool:
        """Whether the device has to be retired: the address no longer exists."""
        return self.code in GONE

    @property
    def attempted(self) -> bool:
        """Whether a request was made. A message that was only held back has not had its first try."""
        return self.code not in HELD


class Transport(Protocol):
    """Sends batches of messages. Open it with ``async with`` in the event loop that uses it."""

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        """One `Sent` for each message, in the same order. Never raises for one message.

        Raises CredentialRefused when a person has to mend a credential; its `sent` has the whole batch's
        outcomes.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
