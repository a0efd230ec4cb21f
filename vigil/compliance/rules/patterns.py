"""The events of transitions, and the patterns that select them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import Field, GetJsonSchemaHandler, PlainValidator, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from vigil.compliance.facts import Value
from vigil.compliance.rules.clauses import RuleModel, Scalar, frozen

Fields = Mapping[str, Value]


class Words(Protocol):
    """The parts of an event's sentence that depend on the rule and the site: zone, other fields of the rule, sensitive attributes."""

    def by(self, fields: Fields) -> str:
        """`` by ada``; empty where nobody knows who it was."""

    def change(self, fields: Fields) -> str:
        """What an attribute was and what it is."""

    def members(self, fields: Fields) -> str:
        """Who was added to a role and who was removed from it."""


@dataclass(frozen=True, slots=True)
class EventKey:
    """What `event.KEY` holds in a transition's `where`: its kind (`operators.KINDS`; None: that of the attribute), and its title in
    sentences where that is not its name."""

    kind: str | None
    title: str = ""


EVENT_KEYS: Mapping[str, EventKey] = {
    "at": EventKey("datetime", "time of the event"),
    "by": EventKey("user", "person who did it"),
    "document": EventKey("string"),
    "document_type": EventKey("string"),
    "version": EventKey("integer"),
    "title": EventKey("string", "step title"),
    "disposition": EventKey("string"),
    "process": EventKey("integer"),
    "step": EventKey("integer"),
    "attr": EventKey("string", "attribute"),
    "from": EventKey(None, "old value"),
    "to": EventKey(None, "new value"),
    "text": EventKey("string", "comment"),
    "role": EventKey("string"),
    "added": EventKey("list", "added member"),
    "removed": EventKey("list", "removed member"),
}
"""What `event.KEY` may name in a transition's `where`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSpec:
    """One row: everything about a kind of event but its reader (`events`) and its texts (`templates/transition`).

    - `filters`: the filters that a rule may write, each with the key of the event that it is compared with.
    - `keys`: the keys of `EVENT_KEYS` that such an event has, beside `at`.
    - `needs`: the parts of a workspace that must be read for it, by the names of `ecm.model.Needs`; the workspace itself always is.
    - `sentence`: what `why` says of it. `link`: where a notice leads.
    - `same_as`: another kind, of which this is another word.
    - `named`: the occurrences of such events, for kinds whose texts need no more than that says: its groups are keys of the event.
      `recalled`: the other keys of an event of which only the occurrence is left, from those groups and the workspace's attributes.
      Of the other kinds an escalation says neutrally that something happened.
    """

    sentence: Callable[[Fields, Words], str]
    filters: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    link: Literal["workspace", "document", "step"] = "workspace"
    same_as: str = ""
    named: re.Pattern[str] | None = None
    recalled: Callable[[Fields, Fields], Fields] = lambda groups, attrs: {}


_STAMP = r"\d{4}-\d{2}-\d{2}T[\d:.]+Z"
_NO_MEMBERS: Fields = dict.fromkeys(("added", "removed", "added_members", "removed_members"), ())

_DOCUMENT = EventSpec(
    filters={"type": "document_type", "name": "document"},
    keys=("document", "document_type", "by"),
    needs=("documents",),
    link="document",
    sentence=lambda e, words: f'{e["document_type"] or "document"} "{e["document"]}" was added{words.by(e)}',
)
_ATTRIBUTE = EventSpec(
    filters={"field": "attr", "from": "from", "to": "to"},
    keys=("attr", "from", "to"),
    # The audit trail tells how many changes of attributes no two observations show.
    needs=("comments",),
    sentence=lambda e, words: words.change(e),
    # The names of assignees, at the end of a step's occurrence, may hold an @ too.
    named=re.compile(rf"(?!step:\d)(?P<attr>.+)@{_STAMP}", re.DOTALL),
    recalled=lambda groups, attrs: {"from": None, "to": attrs.get(str(groups["attr"]))},
)


class EventKind(StrEnum):
    """The kinds of events: the word in a rule, and its row."""

    spec: EventSpec

    def __new__(cls, word: str, spec: EventSpec | None = None) -> Self:
        assert (
            spec is not None
        )  # optional only to type checkers, for which EventKind("escalated") is this call
        made = str.__new__(cls, word)
        made._value_ = word
        made.spec = spec
        return made

    @property
    def of_events(self) -> str:
        """The kind of the events themselves (`events.Event.kind`)."""
        return self.spec.same_as or self.value

    DOCUMENT_ADDED = "document_added", _DOCUMENT
    EVIDENCE_ADDED = "evidence_added", replace(_DOCUMENT, same_as="document_added")
    VERSION_ADDED = (
        "version_added",
        EventSpec(
            filters={"type": "document_type"},
            keys=("document", "document_type", "version", "by"),
            needs=("documents", "versions"),
            link="document",
            sentence=lambda e, words: f'version {e["version"]} of "{e["document"]}" was added{words.by(e)}',
        ),
    )
    STATUS_CHANGED = "status_changed", replace(_ATTRIBUTE, same_as="attribute_changed")
    ATTRIBUTE_CHANGED = "attribute_changed", _ATTRIBUTE
    STEP_ASSIGNED = (
        "step_assigned",
        EventSpec(
            filters={"title": "title"},
            keys=("process", "step", "title"),
            needs=("steps",),
            link="step",
            sentence=lambda e, words: f'the step "{e["title"]}" was assigned',
        ),
    )
    STEP_COMPLETED = (
        "step_completed",
        EventSpec(
            filters={"title": "title", "disposition": "disposition"},
            keys=("process", "step", "title", "disposition", "by"),
            needs=("steps",),
            sentence=lambda e, words: (
                f'the step "{e["title"]}" was completed{words.by(e)}'
                + (f" with {e['disposition']}" if e["disposition"] else "")
            ),
        ),
    )
    COMMENT_ADDED = (
        "comment_added",
        EventSpec(
            keys=("text", "by"),
            needs=("comments",),
            sentence=lambda e, words: f"a comment was added{words.by(e)}",
            named=re.compile(rf"comment:{_STAMP}:.*:\d+", re.DOTALL),
            recalled=lambda groups, attrs: {"by": None, "text": ""},
        ),
    )
    ESCALATED = (  # an open step passed its due date
        "escalated",
        EventSpec(
            filters={"title": "title"},
            keys=("process", "step", "title"),
            needs=("steps",),
            link="step",
            sentence=lambda e, words: f'the step "{e["title"]}" passed its due date',
        ),
    )
    WORKSPACE_CREATED = (
        "workspace_created",
        EventSpec(
            sentence=lambda e, words: "the workspace was created",
            named=re.compile(f"created:{_STAMP}"),
        ),
    )
    ROLE_CHANGED = (
        "role_changed",
        EventSpec(
            filters={"role": "role"},
            keys=("role", "added", "removed"),
            needs=("roles",),
            sentence=lambda e, words: words.members(e),
            named=re.compile(rf"role:(?P<role>.*):changed:{_STAMP}:[0-9a-f]+", re.DOTALL),
            recalled=lambda groups, attrs: _NO_MEMBERS,
        ),
    )


def recalled(occurrence: str, attrs: Fields) -> tuple[str, Fields]:
    """The kind and the keys beside `at` of an event of which only the occurrence is left; an empty kind where that says too little.

    `attrs` are the present attributes of its workspace.
    """
    for kind in EventKind:
        found = kind.spec.named.fullmatch(occurrence) if kind.spec.named else None
        if found is not None:
            groups = found.groupdict()
            return kind.of_events, {**groups, **kind.spec.recalled(groups, attrs)}
    return "", {}


STEP_EVENTS = frozenset(kind for kind in EventKind if "steps" in kind.spec.needs)
"""The events of workflow steps, for which `step:` recipients are allowed."""

WAITING = frozenset(kind for kind in STEP_EVENTS if kind.spec.link == "step")
"""The events that say that a step waits for somebody. They are no news once it was completed."""


def _values(given: object) -> tuple[Scalar, ...]:
    value = frozen(given)
    return value if isinstance(value, tuple) else (value,)


class EventPattern(RuleModel):
    """An event, plain or with filters: ``document_added`` or ``{step_completed: {title: Review}}``.

    Each filter is a tuple of allowed values; all filters must hold.
    """

    event: EventKind
    filters: Mapping[str, Annotated[tuple[Scalar, ...], PlainValidator(_values)]] = Field(
        default_factory=dict
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"event": _event(given)}
        if isinstance(given, dict) and "event" not in given:
            if len(given) != 1:
                raise PydanticCustomError(
                    "event", "an event is a name, or one name with a mapping of filters"
                )
            name, filters = next(iter(given.items()))
            kind = _event(str(name))
            return {"event": kind, "filters": _filters(filters)}
        return given

    @model_validator(mode="after")
    def _known_filters(self) -> Self:
        for name, values in self.filters.items():
            if name not in self.event.spec.filters:
                raise PydanticCustomError(
                    "event_filter", "unknown filter", {"event": self.event.value, "found": name}
                )
            if not values:
                raise PydanticCustomError("event", "a filter with an empty list lets nothing pass")
        return self

    @model_serializer
    def _as_written(self) -> str | dict[str, dict[str, Any]]:
        if not self.filters:
            return self.event.value
        return {self.event.value: {key: v[0] if len(v) == 1 else list(v) for key, v in self.filters.items()}}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        one = {"type": ["string", "number", "boolean", "null"]}
        value = {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}
        return {
            "description": "An event, plain or with a mapping of filters",
            "anyOf": [
                {"enum": [kind.value for kind in EventKind]},
                *(
                    {
                        "type": "object",
                        "required": [kind.value],
                        "additionalProperties": False,
                        "properties": {
                            kind.value: {
                                "type": "object",
                                "additionalProperties": False,
                                "properties": dict.fromkeys(kind.spec.filters, value),
                            }
                        },
                    }
                    for kind in EventKind
                ),
            ],
        }

    def __hash__(self) -> int:
        return hash((self.event, tuple(sorted(self.filters))))


def _event(name: str) -> EventKind:
    if name not in list(EventKind):
        raise PydanticCustomError("event_name", "unknown event", {"found": name})
    return EventKind(name)


def _filters(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise PydanticCustomError("event", "the filters of an event are a mapping")
    return given
