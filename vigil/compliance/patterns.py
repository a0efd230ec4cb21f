"""The events that a transition waits for, and the patterns that pick among them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, GetJsonSchemaHandler, PlainValidator, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from vigil.compliance.clauses import RuleModel, Scalar, frozen


class EventKind(StrEnum):
    """What a transition may wait for."""

    DOCUMENT_ADDED = "document_added"
    EVIDENCE_ADDED = "evidence_added"  # reads better; the same as document_added
    VERSION_ADDED = "version_added"
    STATUS_CHANGED = "status_changed"
    ATTRIBUTE_CHANGED = "attribute_changed"
    STEP_ASSIGNED = "step_assigned"
    STEP_COMPLETED = "step_completed"
    COMMENT_ADDED = "comment_added"
    ESCALATED = "escalated"  # an open step passed its due date


EVENT_FILTERS: Mapping[EventKind, tuple[str, ...]] = {
    EventKind.DOCUMENT_ADDED: ("type", "name"),
    EventKind.EVIDENCE_ADDED: ("type", "name"),
    EventKind.VERSION_ADDED: ("type",),
    EventKind.STATUS_CHANGED: ("field", "from", "to"),
    EventKind.ATTRIBUTE_CHANGED: ("field", "from", "to"),
    EventKind.STEP_ASSIGNED: ("title",),
    EventKind.STEP_COMPLETED: ("title", "disposition"),
    EventKind.COMMENT_ADDED: (),
    EventKind.ESCALATED: ("title",),
}
"""The filters that each event knows."""

STEP_EVENTS = frozenset({EventKind.STEP_ASSIGNED, EventKind.STEP_COMPLETED, EventKind.ESCALATED})
"""The events that are about a workflow step, so that `step:` recipients mean something."""

EVENT_KEYS = (
    "at",
    "by",
    "document",
    "document_type",
    "version",
    "title",
    "disposition",
    "process",
    "step",
    "attr",
    "from",
    "to",
    "text",
)
"""What `event.KEY` may name in a transition's `where`."""


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
            if name not in EVENT_FILTERS[self.event]:
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
                                "properties": dict.fromkeys(names, value),
                            }
                        },
                    }
                    for kind, names in EVENT_FILTERS.items()
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
