"""What is said: the notice as a value, before any template or transport has seen it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from vigil.compliance.facts import Value


class Severity(StrEnum):
    """How much a notice may disturb. Mapped to each platform's own levels by `vigil.delivery.messages`."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class NoticeState(StrEnum):
    """What has become of a notice. Every state but `QUEUED` is final; docs/reasons.md has the reasons that go with them."""

    QUEUED = "queued"
    SENT = "sent"
    NO_DEVICE = "no_device"
    UNROUTABLE = "unroutable"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Person:
    """Who is told: a recipient whose account exists. `zone` and `language` are the recipient's own."""

    login: str
    name: str
    email: str | None = None
    zone: str = "UTC"
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to say to one person about one workspace. Templates see these fields and nothing else.

    `event` holds a transition's fields (at, by, by_name, document, document_type, version, title, disposition, process,
    step, attr, from, to, text, role, added, added_names, removed, removed_names) and is empty for the other kinds; `due` is a
    milestone's date. `why` says in sentences which leaves decided, with the values they saw.
    """

    rule: str
    kind: str  # transition | condition | milestone
    family: str  # template family, the rule's `template` or its kind
    step: str | None
    severity: Severity
    workspace: int
    workspace_name: str
    workspace_type: str
    occurrence: str
    fire_at: datetime
    link: str
    person: Person
    description: str = ""  # the rule's own sentence
    attrs: Mapping[str, Value] = field(
        default_factory=dict
    )  # "Category.attribute" -> value, sensitive ones left out
    event: Mapping[str, Value] = field(default_factory=dict)
    due: date | datetime | None = None
    as_of: datetime | None = None
    why: tuple[str, ...] = ()
    resolved: bool = False
