"""The interface of transports, the message that they take, and its outcome. docs/architecture.md, "Delivery"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Literal, Protocol, Self

from vigil.delivery.codes import GONE, HELD, UNFORESEEN
from vigil.redaction import redacted
from vigil.safe_text import table_cell

LONGEST_TTL = timedelta(days=28)
SendOutcome = Literal["accepted", "rejected", "retry", "unknown"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one address. `key` is the replace key: one per outbox row, the same on every attempt.

    `address_kind` is token, fid, topic or condition, email or webhook; `platform` is android, ios or web, ``any`` for
    topics, or the kind again; `severity` is a value of `Severity`; `ttl` is the remaining time to live.
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
    mail: Mapping[str, str] = field(default_factory=dict)  # `email.words.mail_texts`; no push has it
    person: str = ""  # whose address it is: a login, or group:NAME


@dataclass(frozen=True, slots=True)
class Sent:
    """The outcome of one message in one attempt; one row of the ledger's attempts.

    `status` is the HTTP status, None if there was no response. `code` is FCM's own error code, or one of: APNS_410, CONNECT,
    CERTIFICATE or PROXY (nothing was sent), TIMEOUT, RESET, UNREADABLE, UNFORESEEN (accepted or not: unknown), HELD_* (no request was
    made), or an InvalidMessage code. Empty if accepted. `name` is the message name of an accepted one. `retry_after` in seconds, None
    if FCM gave none. `detail` is FCM's sentence, for people.

    Code and detail are sanitised so that every ledger accepts them, whatever the response contained.
    """

    outcome: SendOutcome
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
        """The attempt on which Vigil itself failed: it is unknown whether the message was accepted. Only the type of `wrong` is
        stored.
        """
        return cls(
            outcome="unknown",
            status=None,
            code=UNFORESEEN,
            name="",
            retry_after=None,
            started_at=started,
            ended_at=ended,
            detail=type(wrong).__name__,
        )

    @property
    def prune(self) -> bool:
        """Whether the device must be retired: the address no longer exists."""
        return self.code in GONE

    @property
    def attempted(self) -> bool:
        """Whether a request was made. A message that was only deferred has not had its first try."""
        return self.code not in HELD


class Transport(Protocol):
    """Sends batches of messages. Open it with ``async with`` in the event loop that uses it."""

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        """One `Sent` for each message, in the same order. Never raises for one message.

        Raises CredentialRefused if a person must correct a credential; its `sent` has the outcomes of the whole batch.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
