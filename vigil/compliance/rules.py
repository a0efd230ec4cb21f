"""A rule as a value: what is watched, when it is due, who is told. How it is written: docs/rules.md.

The models say what a file may hold; what its names must mean is `vigil.compliance.loader`'s to check.
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
from vigil.compliance.clauses import (
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
from vigil.compliance.durations import Duration, Offset
from vigil.compliance.notices import Severity
from vigil.compliance.operands import show
from vigil.compliance.operators import Op
from vigil.compliance.patterns import EventKind, EventPattern

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
    "Kind",
    "Late",
    "Leaf",
    "MissingLeaf",
    "Not",
    "Offset",
    "Op",
    "Origin",
    "Quiet",
    "Recipient",
    "Repeat",
    "Rule",
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


class Kind(StrEnum):
    TRANSITION = "transition"
    CONDITION = "condition"
    MILESTONE = "milestone"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a rule was written. Lines count from 1."""

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
    """An offset from a date, of which nobody has to guess whether it lies before or after."""
    if isinstance(given, str) and not given.strip().startswith(("+", "-")) and Offset.parse(given).n:
        raise ValueError(f'"{given}" has no sign: +{given.strip()} or -{given.strip()}?')
    return given


_SignedText = Annotated[
    str, Field(pattern=r"^([+-]\d{1,8}|0+)(d|bd|w|mo|y|h)$", examples=["-90d", "-7bd", "+1mo", "0d"])
]
SignedOffset = Annotated[Offset, BeforeValidator(_signed, json_schema_input_type=_SignedText)]
"""An offset into the past or the future: the sign says which."""

Forward = Annotated[Offset, AfterValidator(_forward)]
"""An offset into the future: what follows a notice."""

FixedDuration = Annotated[Duration, AfterValidator(_fixed)]
"""A duration whose `timedelta` always exists."""


class Subject(RuleModel):
    workspace_type: str = Field(min_length=1, description="The workspace type's name")


RecipientKind = Literal["role", "attr", "group", "user", "step", "event"]


class Recipient(RuleModel):
    """Who is told: exactly one of these keys, ``role: owner``."""

    role: str | None = Field(default=None, description="The members of a role of the workspace")
    attr: str | None = Field(default=None, description="The person that an attribute names")
    group: str | None = Field(default=None, description="The members of a group")
    user: str | None = Field(default=None, description="One person, by login")
    step: Literal["assignee", "completed_by", "next"] | None = Field(
        default=None, description="A person of the step that the event is about"
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
    """The same notice again: at most `max` times after the first, `every` apart."""

    every: Forward
    max: StrictInt = Field(ge=1, le=1000)


class RuleStep(RuleModel):
    """One moment of a milestone, or one audience of another kind of rule."""

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
    """Tells others when nobody reacted `after` the notice."""

    after: Forward
    unless: Literal["acknowledged"] | None = None
    to: Recipients = Field(min_length=1)


class Guard(RuleModel):
    """Stops a run that would say too much."""

    max_findings: StrictInt | None = Field(default=None, ge=1)
    max_share: float | None = Field(
        default=None, strict=True, gt=0, le=1, description="Share of the known workspaces of the type"
    )
    first_run: Literal["send", "manifest_only"] = "send"


class Quiet(RuleModel):
    """No push between these times of the recipient's own day; past midnight when `from` is the later one."""

    from_: ClockTime = Field(alias="from")
    to: ClockTime


DIGEST = "digest"
"""The name that digests themselves are sent under. No rule has it."""


class Rule(RuleModel):
    """One rule. YAML keys are the field names, but for `rule` (name) and `for`."""

    name: str = Field(alias="rule", min_length=1, max_length=120, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    version: StrictInt = Field(default=1, ge=1)
    status: Status = Status.LIVE
    kind: Kind
    description: str = ""
    severity: Severity = Severity.NORMAL
    subject: Subject
    where: Clause | None = Field(default=None, description="Which workspaces the rule is about")
    events: tuple[EventPattern, ...] = ()
    require: Clause | None = Field(default=None, description="A finding while this is not met")
    when: Clause | None = Field(default=None, description="A finding while this is met")
    for_: FixedDuration | None = Field(default=None, alias="for", description="How long it must hold first")
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
    quiet: Quiet | None = None
    channels: tuple[ChannelName, ...] = Field(
        default=(),
        max_length=len(CHANNELS),
        description="The first of these on which a person can be reached; default the person's own order",
    )
    exclude_actor: StrictBool = False
    acknowledge: StrictBool = False
    resolved: StrictBool = Field(
        default=False, description="Say so when a finding clears, or a date no longer matters"
    )
    ttl: FixedDuration | None = Field(default=None, description="How long a notice is worth showing")
    origin: Origin | None = Field(default=None, alias="(origin)", exclude=True, repr=False)

    @cached_property
    def all_steps(self) -> tuple[RuleStep, ...]:
        """The steps; for a rule that writes `to` directly, one without an id."""
        return self.steps or (RuleStep(to=self.to),)

    @property
    def family(self) -> str:
        """The template family of the rule."""
        return self.template or self.kind.value

    def recipients(self) -> Iterator[Recipient]:
        """Everyone the rule may tell, in the order they are written."""
        for _, recipient in recipients_placed(self):
            yield recipient

    def __hash__(self) -> int:
        return hash((self.name, self.version))


def recipients_placed(rule: Rule) -> Iterator[tuple[tuple[str | int, ...], Recipient]]:
    """Everyone the rule may tell, each with the path of keys and indices at which a file names them."""
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
    """Every field that decides about the rule or names who is told, as written; `event.*` among them."""
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
    """The kinds of events that the rule waits for."""
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
