"""The notice as a value, before it is rendered or sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from vigil.compliance.facts import Value


class Severity(StrEnum):
    """How much a notice may disturb. `vigil.delivery.push.messages` maps it to each platform's own levels."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class NoticeState(StrEnum):
    """The state of a notice; docs/reasons.md has the reasons.

    A `QUEUED` notice is to be sent. A `SUPPRESSED` one may wait, as its reason says: for a guard's answer, which may queue it, or for
    a digest, which gives it another reason. All others are final.
    """

    QUEUED = "queued"
    SENT = "sent"
    NO_DEVICE = "no_device"
    UNROUTABLE = "unroutable"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


NoticeKey = tuple[str, int, str, str, str]
"""(rule, workspace, occurrence, step, person): each combination gets one notice, for ever. '' stands for no step and no person."""


@dataclass(frozen=True, slots=True)
class Person:
    """A recipient with an existing account. `zone` and `language` are the recipient's own."""

    login: str
    name: str
    email: str | None = None
    zone: str = "UTC"
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice to one person about one workspace. Templates have these fields and nothing else.

    `event` has a transition's fields (at, by, by_name, document, document_type, version, title, disposition, undated, process, step,
    attr, from, to, text, role, added, added_names, removed, removed_names) and is empty for the other kinds; `due` is a milestone's
    date.
    `why` has as sentences the leaves that decided, with their values.
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
