"""A rule as a value: the watched workspaces, the moments, the recipients. The rule language: docs/rules.md.

The models define the structure of a file; `vigil.compliance.rules.loader` checks the meaning of its names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    model_validator,
)
from pydantic_core import PydanticCustomError

from vigil.compliance.calendar import CalendarSpec, ClockTime
from vigil.compliance.channels import CHANNELS, ChannelName
from vigil.compliance.durations import Duration, Offset
from vigil.compliance.notices import Severity
from vigil.compliance.rules.clauses import (
    All,
    Any_,
    Clause,
    DocumentLeaf,
    DocumentState,
    FieldLeaf,
    FieldRef,
    Leaf,
    MissingLeaf,
    Not,
    RuleModel,
    leaves,
)
from vigil.compliance.rules.operands import show
from vigil.compliance.rules.operators import Op
from vigil.compliance.rules.patterns import EventKind, EventPattern

__all__ = [
    "All",
    "Any_",
    "CalendarSpec",
    "Clause",
    "DocumentLeaf",
    "DocumentState",
    "Duration",
    "Escalation",
    "EventKind",
    "EventPattern",
    "FieldLeaf",
    "FieldRef",
    "Guard",
    "Late",
    "Leaf",
    "MissingLeaf",
    "Not",
    "Offset",
    "Op",
    "Origin",
    "QuietHours",
    "Recipient",
    "Repeat",
    "Rule",
    "RuleKind",
    "RuleSet",
    "RuleStep",
    "Severity",
    "Status",
    "Subject",
    "events_used",
    "fields_used",
    "leaves",
    "recipients_placed",
]


class Status(StrEnum):
    DRAFT = "draft"  # loaded and checked, never evaluated
    SHADOW = "shadow"  # evaluated and recorded, nothing is sent
    LIVE = "live"
    RETIRED = "retired"  # kept for `vigil why`


class RuleKind(StrEnum):
    TRANSITION = "transition"
    CONDITION = "condition"
    MILESTONE = "milestone"


@dataclass(frozen=True, slots=True)
class Origin:
    """The place of a rule in a file. Lines count from 1."""

    file: str
    line: int


def _fixed(length: Duration) -> Duration:
    if not length.fixed:
        raise ValueError(f"{length} has no fixed length; write it in w, d, h or m")
    return length


def _forward(offset: Offset) -> Offset:
    if offset.n <= 0:
        raise ValueError(f"{offset} does not go forward; write it as 1d, 3bd or 12h")
    return offset


def _signed(given: object) -> object:
    """Require a sign for an offset from a date, so that before and after cannot be confused."""
    if isinstance(given, str) and not given.strip().startswith(("+", "-")) and Offset.parse(given).n:
        raise ValueError(f'"{given}" has no sign: +{given.strip()} or -{given.strip()}?')
    return given


_SignedText = Annotated[
    str, Field(pattern=r"^([+-]\d{1,8}|0+)(d|bd|w|mo|y|h)$", examples=["-90d", "-7bd", "+1mo", "0d"])
]
SignedOffset = Annotated[Offset, BeforeValidator(_signed, json_schema_input_type=_SignedText)]
"""An offset with a sign, into the past or the future."""

Forward = Annotated[Offset, AfterValidator(_forward)]
"""An offset into the future, after a notice."""

FixedDuration = Annotated[Duration, AfterValidator(_fixed)]
"""A duration whose `timedelta` always exists."""


class Subject(RuleModel):
    workspace_type: str = Field(min_length=1, description="The workspace type's name")


RecipientKind = Literal["role", "attr", "group", "user", "step", "event"]


class Recipient(RuleModel):
    """A recipient: exactly one of these keys, ``role: owner``."""

    role: str | None = Field(default=None, description="The members of a role of the workspace")
    attr: str | None = Field(default=None, description="The person that an attribute names")
    group: str | None = Field(default=None, description="The members of a group")
    user: str | None = Field(default=None, description="One person, by login")
    step: Literal["assignee", "completed_by", "next"] | None = Field(
        default=None, description="A person of the event's workflow step"
    )
    event: Literal["by", "added", "removed"] | None = Field(
        default=None,
        description="by: who caused the event; added, removed: the members whom a role_changed added or removed",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len([key for key in get_args(RecipientKind) if getattr(self, key) is not None]) != 1:
            raise PydanticCustomError(
                "recipient", "a recipient has exactly one of role, attr, group, user, step, event"
            )
        return self

    @cached_property
    def kind(self) -> RecipientKind:
        kinds: tuple[RecipientKind, ...] = get_args(RecipientKind)
        return next(key for key in kinds if getattr(self, key) is not None)

    @cached_property
    def value(self) -> str:
        return str(getattr(self, self.kind))

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


Recipients = Annotated[
    tuple[Recipient, ...],
    BeforeValidator(
        lambda v: (v,) if isinstance(v, dict) else v,
        json_schema_input_type=Recipient | tuple[Recipient, ...],
    ),
]
"""One recipient or a list of them."""


class Repeat(RuleModel):
    """Repeats of a notice: at most `max` times after the first, `every` apart."""

    every: Forward
    max: StrictInt = Field(ge=1, le=1000)


class RuleStep(RuleModel):
    """One moment of a milestone, or one group of recipients in another kind of rule."""

    id: str | None = Field(default=None, min_length=1)
    at: SignedOffset | None = Field(default=None, description="Offset from `due`, milestones only")
    to: Recipients = ()
    repeat: Repeat | None = None
    template: str | None = None


class Late(RuleModel):
    """A moment that no run saw in time: up to `within` late `policy` decides, an older one is dropped. docs/decisions/0003."""

    within: FixedDuration
    policy: Literal["send", "digest", "drop"]


class Escalation(RuleModel):
    """Notifies others if nobody acknowledged the notice within `after`."""

    after: Forward
    unless: Literal["acknowledged"] | None = None
    to: Recipients = Field(min_length=1)


class Guard(RuleModel):
    """Holds the notices of a run that has too many."""

    max_findings: StrictInt | None = Field(default=None, ge=1)
    max_share: float | None = Field(
        default=None, strict=True, gt=0, le=1, description="Share of the known workspaces of the type"
    )
    first_run: Literal["send", "manifest_only"] = "send"


class QuietHours(RuleModel):
    """No notice between these times of the recipient's own day; over midnight if `from` is the later one."""

    from_: ClockTime = Field(alias="from")
    to: ClockTime


DIGEST_NAME = "digest"
"""The rule name of digests. No rule can have it."""


class Rule(RuleModel):
    """One rule. YAML keys are the field names, except `rule` (name) and `for`."""

    name: str = Field(alias="rule", min_length=1, max_length=120, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    version: StrictInt = Field(default=1, ge=1)
    status: Status = Status.LIVE
    kind: RuleKind
    description: str = ""
    severity: Severity = Severity.NORMAL
    subject: Subject
    where: Clause | None = Field(default=None, description="The workspaces that the rule is about")
    events: tuple[EventPattern, ...] = ()
    require: Clause | None = Field(default=None, description="There is a finding while this is not met")
    when: Clause | None = Field(default=None, description="There is a finding while this is met")
    for_: FixedDuration | None = Field(
        default=None, alias="for", description="How long it must last before a notice"
    )
    due: str | None = Field(default=None, description="A milestone's date: attr.NAME, created or modified")
    calendar: CalendarSpec | None = None
    steps: tuple[RuleStep, ...] = ()
    to: Recipients = ()
    late: Late | None = None
    superseded: Literal["resend", "ignore"] = "resend"
    repeat: Repeat | None = None
    escalate: tuple[Escalation, ...] = ()
    fallback: Recipients = ()
    inhibit_by: tuple[str, ...] = ()
    unknown: Literal["hold", "finding"] = "hold"
    guard: Guard | None = None
    template: str | None = Field(default=None, description="Template family; default the kind")
    group: StrictBool | None = Field(default=None, description="One notice for many findings of a person")
    quiet: QuietHours | None = None
    channels: tuple[ChannelName, ...] = Field(
        default=(),
        max_length=len(CHANNELS),
        description="Channels in order; the first on which the person can be reached is used. Default: the person's own order",
    )
    exclude_actor: StrictBool = False
    acknowledge: StrictBool = False
    resolved: StrictBool = Field(
        default=False, description="Send a notice when a finding is fixed, or a date no longer matters"
    )
    ttl: FixedDuration | None = Field(default=None, description="Time to live of a notice")
    origin: Origin | None = Field(default=None, alias="(origin)", exclude=True, repr=False)

    @cached_property
    def all_steps(self) -> tuple[RuleStep, ...]:
        """The steps; for a rule with its own `to`, one without an id."""
        return self.steps or (RuleStep(to=self.to),)

    @property
    def family(self) -> str:
        """The template family of the rule."""
        return self.template or self.kind.value

    def recipients(self) -> Iterator[Recipient]:
        """All recipients of the rule, in the order of the file."""
        for _, recipient in recipients_placed(self):
            yield recipient

    def __hash__(self) -> int:
        return hash((self.name, self.version))


def recipients_placed(rule: Rule) -> Iterator[tuple[tuple[str | int, ...], Recipient]]:
    """All recipients of the rule, each with its path of keys and indices in the file."""
    lists: list[tuple[tuple[str | int, ...], tuple[Recipient, ...]]] = [
        (("to",), rule.to),
        *((("steps", n, "to"), step.to) for n, step in enumerate(rule.steps)),
        *((("escalate", n, "to"), escalation.to) for n, escalation in enumerate(rule.escalate)),
        (("fallback",), rule.fallback),
    ]
    for path, recipients in lists:
        for index, recipient in enumerate(recipients):
            yield (*path, index), recipient


def fields_used(rule: Rule) -> set[str]:
    """Every field that the rule's decision or its recipients depend on, as written; including `event.*`."""
    used = {
        leaf.field
        for clause in (rule.where, rule.require, rule.when)
        for leaf in leaves(clause)
        if isinstance(leaf, FieldLeaf)
    }
    used |= {f"attr.{to.value}" for to in rule.recipients() if to.kind == "attr"}
    used |= {f"role.{to.value}" for to in rule.recipients() if to.kind == "role"}
    for pattern in rule.events:
        used |= {show(field) for field in pattern.filters.get("field", ())}
    return used | ({rule.due} if rule.due else set())


def events_used(rule: Rule) -> set[EventKind]:
    """The kinds of events of the rule."""
    return {pattern.event for pattern in rule.events}


@dataclass(frozen=True)
class RuleSet:
    """The rules of a run, in the order they were read."""

    rules: tuple[Rule, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, Rule]:
        return {rule.name: rule for rule in self.rules}

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)
