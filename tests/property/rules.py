"""Random rules over the workspaces of `histories`, of every kind, with whatever may stand in a file and some that may not."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.support.histories import PEOPLE, STARTS, STATUSES, TYPE
from vigil.compliance.rules.model import Rule, RuleSet
from vigil.compliance.rules.operators import Op, Takes

FIELDS = (
    *(
        "attr.C.status",
        "attr.status",
        "attr.C.n",
        "attr.n",
        "attr.C.flag",
        "attr.due",
        "attr.C.due",
        "attr.at",
    ),
    *(
        "attr.C.at",
        "attr.C.tags",
        "attr.C.dates",
        "attr.mixed",
        "attr.nothing",
        "name",
        "created",
        "modified",
    ),
    *(
        "role.owner",
        "role.steward",
        "related.Case.attr.status",
        "related.Case.attr.due",
        "related.Case.attr.tags",
    ),
)
EVENT_FIELDS = (
    "event.by",
    "event.document_type",
    "event.to",
    "event.from",
    "event.title",
    "event.at",
    "event.version",
    "event.role",
    "event.added",
    "event.removed",
)
PATTERNS = (".*", "[a-z]+", "(?i)CASE \\d", "case \\d{1,2}", "ok|open|red", "w.*g", "(a|b", "[^o].*")
LENGTHS = ("1d", "3d", "36h", "90m", "2w", "1mo", "2mo", "1y")
CLOCKS = ("as_of", "as_of+1d", "as_of-3d", "as_of+36h", "as_of-1mo", "as_of+2w", "as_of+1y")
OFFSETS = ("-1d", "+1d", "-2bd", "+1bd", "-1w", "-1mo", "+1mo", "-36h", "+5h", "0d", "-1y")

_moments = st.one_of(
    st.sampled_from(CLOCKS),
    st.sampled_from(CLOCKS),
    st.builds(
        lambda start, n: start.date() + timedelta(days=n), st.sampled_from(STARTS), st.integers(-30, 40)
    ),
    st.sampled_from(STARTS),
)
_plain = st.sampled_from(
    [*(s for s in STATUSES if s), 0, 5, 7, 2.5, "5", True, False, "red", "ada", "case 1", "A", "ok", 1]
)
_scalars = st.one_of(_plain, _plain, _moments)


TIMELY = (
    "attr.due",
    "attr.C.due",
    "attr.at",
    "attr.C.at",
    "attr.C.dates",
    "created",
    "modified",
    "attr.mixed",
    "related.Case.attr.at",
)
_OF_TIME = (
    Op.EQ,
    Op.NE,
    Op.IN,
    Op.NOT_IN,
    Op.LT,
    Op.LE,
    Op.GT,
    Op.GE,
    Op.BEFORE,
    Op.AFTER,
    Op.WITHIN,
    Op.OLDER_THAN,
)
_OF_TEXT = (
    Op.EQ,
    Op.NE,
    Op.IN,
    Op.NOT_IN,
    Op.CONTAINS,
    Op.NOT_CONTAINS,
    Op.STARTS_WITH,
    Op.ENDS_WITH,
    Op.MATCHES,
    Op.PRESENT,
    Op.ABSENT,
)
_ANY = st.sampled_from(list(Op))


def _op(field: str) -> st.SearchStrategy[Op]:
    """Most often an operator that fits the field."""
    fits = st.sampled_from(_OF_TIME if field in TIMELY else _OF_TEXT)
    return st.one_of(fits, fits, fits, _ANY)


def _value(field: str, op: Op) -> st.SearchStrategy[Any]:
    likely = _moments if field in TIMELY else _plain
    one = st.one_of(likely, likely, likely, _scalars)
    if op is Op.MATCHES:
        return st.one_of(one, st.sampled_from(PATTERNS))
    match op.row.takes:
        case Takes.NOTHING:
            return st.none()
        case Takes.LENGTH:
            return st.sampled_from(LENGTHS)
        case Takes.MANY:
            return st.lists(one, min_size=1, max_size=3)
        case _:
            return one


@st.composite
def field_leaves(draw: st.DrawFn, fields: tuple[str, ...] = FIELDS) -> dict[str, Any]:
    field = draw(st.sampled_from(fields))
    op = draw(_op(field))
    return {"field": field, "op": op.value, "value": draw(_value(field, op))}


def leaves(fields: tuple[str, ...] = FIELDS) -> st.SearchStrategy[dict[str, Any]]:
    types = st.sampled_from(["A", "B", ["A", "B"], "None such"])
    documents = st.fixed_dictionaries(
        {"document": types, "state": st.sampled_from(["present", "absent", "valid", "expired"])}
    )
    missing = st.fixed_dictionaries({"missing_documents": st.sampled_from(["any", "none"])})
    some = field_leaves(fields)
    return st.one_of(some, some, some, documents, documents, missing)


def clauses(fields: tuple[str, ...] = FIELDS) -> st.SearchStrategy[dict[str, Any]]:
    def nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        some = st.lists(inner, min_size=1, max_size=3)
        return st.one_of(
            some.map(lambda parts: {"all": parts}),
            some.map(lambda parts: {"any": parts}),
            inner.map(lambda part: {"not": part}),
        )

    return st.recursive(leaves(fields), nested, max_leaves=5)


def _maybe(some: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), some)


_repeats = st.fixed_dictionaries(
    {"every": st.sampled_from(["1d", "1bd", "6h", "1w"]), "max": st.integers(1, 3)}
)
_calendars = st.fixed_dictionaries(
    {},
    optional={
        "zone": st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Beirut"]),
        "holidays": st.just("IT"),
        "at": st.sampled_from(["00:00", "08:00", "02:30"]),
        "roll": st.sampled_from(["back", "forward"]),
    },
)


@st.composite
def conditions(draw: st.DrawFn, name: str) -> dict[str, Any]:
    return {
        "kind": "condition",
        draw(st.sampled_from(["when", "require"])): draw(clauses()),
        "where": draw(_maybe(clauses())),
        "for": draw(_maybe(st.sampled_from(["1d", "5h", "2w", "90m"]))),
        "repeat": draw(_maybe(_repeats)),
        "resolved": draw(st.booleans()),
        "calendar": draw(_maybe(_calendars)),
    }


@st.composite
def milestones(draw: st.DrawFn, name: str, where: bool = True) -> dict[str, Any]:
    steps = draw(st.lists(st.sampled_from(OFFSETS), min_size=1, max_size=3))
    late = {
        "within": draw(st.sampled_from(["1d", "2w"])),
        "policy": draw(st.sampled_from(["send", "digest", "drop"])),
    }
    return {
        "kind": "milestone",
        "due": draw(
            st.sampled_from(["attr.C.due", "attr.due", "attr.C.at", "attr.mixed", "created", "modified"])
        ),
        "where": draw(_maybe(clauses())) if where else None,
        "steps": [
            {"id": f"s{n}", "at": at, "to": {"role": "owner"}, "repeat": draw(_maybe(_repeats))}
            for n, at in enumerate(steps)
        ],
        "calendar": draw(_maybe(_calendars)),
        "late": draw(_maybe(st.just(late))) if where else None,
        "resolved": draw(st.booleans()),
    }


_EVENTS = st.one_of(
    st.sampled_from(
        [
            "document_added",
            "version_added",
            "attribute_changed",
            "step_assigned",
            "step_completed",
            "comment_added",
            "escalated",
            "workspace_created",
            "role_changed",
        ]
    ),
    st.sampled_from(
        [
            {"evidence_added": {"type": "A"}},
            {"status_changed": {"field": "attr.status", "to": ["waiting", "closed"]}},
            {"attribute_changed": {"field": "attr.C.n", "from": 5}},
            {"step_assigned": {"title": "Sign"}},
            {"step_completed": {"disposition": "ok"}},
            {"role_changed": {"role": "steward"}},
        ]
    ),
)


@st.composite
def transitions(draw: st.DrawFn, name: str, where: bool = True) -> dict[str, Any]:
    return {
        "kind": "transition",
        "events": draw(st.lists(_EVENTS, min_size=1, max_size=2)),
        "where": draw(_maybe(clauses((*FIELDS, *EVENT_FIELDS)))) if where else None,
    }


@st.composite
def rules(draw: st.DrawFn, name: str, others: tuple[str, ...] = ()) -> Rule:
    kind = draw(st.sampled_from([conditions, conditions, milestones, transitions]))
    written = draw(kind(name)) | {
        "rule": name,
        "subject": {"workspace_type": TYPE},
        "unknown": draw(st.sampled_from(["hold", "hold", "finding"])),
        "inhibit_by": draw(st.lists(st.sampled_from(others), unique=True, max_size=2)) if others else [],
        "status": draw(st.sampled_from(["live", "live", "live", "shadow"])),
    }
    if written["kind"] != "milestone":
        written["to"] = {"user": PEOPLE[0]}
    return Rule.model_validate({k: v for k, v in written.items() if v is not None})


@st.composite
def rule_sets(draw: st.DrawFn, most: int = 5) -> RuleSet:
    names = [f"r{n}" for n in range(draw(st.integers(2, most)))]
    return RuleSet(tuple(draw(rules(name, tuple(n for n in names if n != name))) for name in names))


def of(written: dict[str, Any], name: str = "r") -> Rule:
    """A rule from what a strategy gave, with what every rule needs."""
    whole = {"rule": name, "subject": {"workspace_type": TYPE}, **written}
    if whole["kind"] != "milestone":
        whole["to"] = {"user": PEOPLE[0]}
    return Rule.model_validate({k: v for k, v in whole.items() if v is not None})


__all__ = [
    "clauses",
    "conditions",
    "date",
    "datetime",
    "milestones",
    "of",
    "rule_sets",
    "rules",
    "transitions",
]
