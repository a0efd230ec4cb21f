"""A timeline as values: people, workspaces, changes with their instants, and the expected notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from vigil.compliance.facts import Value

CRASHES = ("before queue", "after queue", "before accept", "after accept")
Crash = Literal["before queue", "after queue", "before accept", "after accept"]
"""Where the process is killed: before or after the notices are in the outbox, before or after FCM accepted them."""

Mark = Literal["", "resolved", "escalated"]
"""The kind of a notice: empty for the finding itself, else resolved or an escalation."""

MARKS: tuple[Mark, ...] = ("", "resolved", "escalated")

NOBODY = ""
"""The person of a finding without a recipient."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A position in a file. Lines and columns count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class TimelineDevice:
    """A virtual device. `token` is invented; `platform` is android, ios or web."""

    token: str
    platform: str


@dataclass(frozen=True, slots=True)
class TimelinePerson:
    """A person of the timeline."""

    login: str
    name: str
    zone: str | None = None
    language: str | None = None
    groups: tuple[str, ...] = ()
    devices: tuple[TimelineDevice, ...] = ()
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class TimelineChange:
    """A change: `kind` and `data` as in the events of an estate. `at` is its instant, not later than its step."""

    kind: str
    at: datetime
    workspace: str  # its name in the timeline; '' if the change concerns no workspace
    data: Mapping[str, Value]
    spot: Spot


@dataclass(frozen=True, slots=True)
class TimelineWorkspace:
    """A workspace at its creation. `roles` and the `to` of steps have logins or groups."""

    key: str
    id: int
    type: str
    name: str
    created: datetime
    attrs: Mapping[str, Value]
    roles: Mapping[str, tuple[str, ...]]
    changes: tuple[TimelineChange, ...] = ()  # documents and steps that exist from the beginning
    related: tuple[str, ...] = ()  # the names, in the timeline, of its related workspaces


@dataclass(frozen=True, slots=True)
class Expected:
    """One expected notice. `step` is None for a rule without steps; in the other fields None means any value."""

    person: str
    rule: str
    step: str | None
    spot: Spot
    workspace: int | None = None
    says: tuple[str, ...] = ()
    mark: Mark = ""
    severity: str | None = None
    ttl: timedelta | None = None

    @property
    def label(self) -> str:
        return notice_label(self.rule, self.step, self.mark)


@dataclass(frozen=True, slots=True)
class ExpectedUnsent:
    """A finding that must not be sent, with the reason. `reason` is a key of `vigil.timeline.expectations.REASONS`."""

    person: str  # NOBODY if the reason applies to the whole finding
    rule: str
    step: str | None
    reason: str
    spot: Spot
    workspace: int | None = None

    @property
    def label(self) -> str:
        return notice_label(self.rule, self.step)


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """One step: the clock moves to `at`, the changes happen, `watch` runs, and then exactly these notices must have come."""

    at: datetime
    spot: Spot
    changes: tuple[TimelineChange, ...] = ()
    crash: Crash | None = None
    expected: tuple[Expected, ...] = ()
    unsent: tuple[ExpectedUnsent, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeline:
    """A whole timeline. `rules` are the names of its rules."""

    name: str
    spot: Spot
    zone: str
    rules: tuple[str, ...]
    players: Mapping[str, TimelinePerson]
    places: Mapping[str, TimelineWorkspace]
    moments: tuple[TimelineStep, ...]
    required: Mapping[str, Mapping[str, int | None]] = field(
        default_factory=dict
    )  # type -> document type -> months

    def only(self, rules: frozenset[str]) -> Timeline:
        """The same timeline for some of its rules: expectations about the others are left out."""
        moments = tuple(
            TimelineStep(
                m.at,
                m.spot,
                m.changes,
                m.crash,
                tuple(e for e in m.expected if e.rule in rules),
                tuple(u for u in m.unsent if u.rule in rules),
            )
            for m in self.moments
        )
        mine = tuple(r for r in self.rules if r in rules)
        return Timeline(
            name=self.name,
            spot=self.spot,
            zone=self.zone,
            rules=mine,
            players=self.players,
            places=self.places,
            moments=moments,
            required=self.required,
        )


def notice_label(rule: str, step: str | None, mark: Mark = "") -> str:
    """A notice in the notation of timelines: ``contract-renewal/early``, ``contract-cost-center:resolved``."""
    return rule + (f"/{step}" if step else "") + (f":{mark}" if mark else "")


def day(value: object) -> date | None:
    """`value` if it is a date and not an instant."""
    return value if isinstance(value, date) and not isinstance(value, datetime) else None
