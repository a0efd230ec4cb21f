"""The message of an outbox row: what is said, how it travels, and what decided. The keys of its JSON stand here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Any, Self

import orjson

from vigil.compliance.quiet_hours import QuietSpan

WAITS_FOR_DIGEST = '"digest":'
"""What the JSON of every message holds whose row waits for the digest. Other messages may hold it, too, in a text."""


@dataclass(frozen=True, slots=True)
class NoticeMessage:
    """What a row of the outbox keeps beside its key and its state.

    `key`, `title`, `body`, `link` and `severity` are there together or not at all: see `has_words`. A field that is empty is not
    stored; a stored message without it, as an earlier version wrote or as the ledger keeps once its texts are forgotten, has it empty.
    """

    why: tuple[str, ...] = ()  # sentences that decided
    lacks: tuple[str, ...] = ()  # why its recipients name nobody
    date_withheld: bool = False  # its occurrence and its instant tell a sensitive date, which no table shows
    title: str = ""
    body: str = ""
    link: str = ""  # where it leads: an address of Smart View
    severity: str = ""  # a value of `vigil.compliance.notices.Severity`
    ttl: int | None = (
        None  # seconds from the instant it is about, or from when it may be said first if that is later
    )
    key: str = ""  # the replace key: the same for every attempt and every device
    zone: str = ""  # its person's, where that is known
    quiet: QuietSpan | None = None  # quiet hours of its rule
    channels: tuple[str, ...] = ()  # in order; empty: push alone
    mail: Mapping[str, str] = field(default_factory=dict)  # `vigil.delivery.email.words.mail_texts`
    digest: str = ""  # the reason with which its row waits for the digest

    @property
    def has_words(self) -> bool:
        """Whether it can be sent."""
        return bool(self.key)

    def plain(self) -> dict[str, Any]:
        """As it is stored, for JSON."""
        if self == EMPTY_MESSAGE:
            return {}
        out: dict[str, Any] = {"why": list(self.why)}
        if self.lacks:
            out["lacks"] = list(self.lacks)
        if self.date_withheld:
            out["date_withheld"] = True
        words = {"title": self.title, "body": self.body, "link": self.link, "severity": str(self.severity)}
        out |= {name: text for name, text in words.items() if text or self.has_words}
        if self.ttl is not None:
            out["ttl"] = self.ttl
        if self.key:
            out["key"] = self.key
        if self.zone:
            out["zone"] = self.zone
        if self.quiet is not None:
            out["quiet"] = [self.quiet.start.isoformat(), self.quiet.end.isoformat()]
        if self.channels:
            out["channels"] = list(self.channels)
        if self.mail:
            out["mail"] = dict(self.mail)
        if self.digest:
            out["digest"] = self.digest
        return out

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """A message that `plain` gave. Keys that this version does not know are left out."""
        quiet = plain.get("quiet")
        return cls(
            why=tuple(plain.get("why", ())),
            lacks=tuple(plain.get("lacks", ())),
            date_withheld=plain.get("date_withheld", False),
            title=plain.get("title", ""),
            body=plain.get("body", ""),
            link=plain.get("link", ""),
            severity=plain.get("severity", ""),
            ttl=plain.get("ttl"),
            key=plain.get("key", ""),
            zone=plain.get("zone", ""),
            quiet=None if quiet is None else QuietSpan(*map(time.fromisoformat, quiet)),
            channels=tuple(plain.get("channels", ())),
            mail=plain.get("mail", {}),
            digest=plain.get("digest", ""),
        )

    def to_json(self) -> str:
        """As it is stored."""
        return orjson.dumps(self.plain()).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """A message as it was stored, by this version or an earlier one."""
        return cls.of(orjson.loads(text))


EMPTY_MESSAGE = NoticeMessage()
"""Of a row whose texts the ledger has forgotten."""

__all__ = ["EMPTY_MESSAGE", "WAITS_FOR_DIGEST", "NoticeMessage"]
