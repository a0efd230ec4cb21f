"""The year's rules, as data: written as YAML for Vigil, read as they are by the reference."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import yaml

Rule = dict[str, Any]

BERLIN = {"zone": "Europe/Berlin", "holidays": "DE"}
FALLBACK = [{"group": "desk"}]


def _rule(name: str, type: str, due: str, calendar: Rule, steps: Sequence[Rule], **more: Any) -> Rule:
    return {
        "rule": name,
        "kind": "milestone",
        "subject": {"workspace_type": type},
        "where": {"field": "attr.status", "op": "eq", "value": "active"},
        "due": due,
        "calendar": calendar,
        "steps": list(steps),
        "fallback": FALLBACK,
        **more,
    }


def _step(id: str, at: str, *roles: str, **more: Any) -> Rule:
    return {"id": id, "at": at, "to": [{"role": r} for r in roles], **more}


FIRST: tuple[Rule, ...] = (
    _rule(
        "contract-end",
        "Contract",
        "attr.ends",
        BERLIN | {"at": "08:00"},
        [
            _step("quarter", "-3mo", "owner"),
            _step("month", "-30d", "owner"),
            _step("week", "-5bd", "owner", "steward"),
            _step("over", "+1d", "steward"),
        ],
        late={"within": "3d", "policy": "send"},
    ),
    _rule(
        "anniversary",
        "Contract",
        "created",
        BERLIN | {"at": "08:00"},
        [_step("four", "+4y", "owner"), _step("months", "+50mo", "steward")],
    ),
    # Half past two is skipped on 10 March 2024 in New York, half past one comes twice on 5 November 2023 and 3 November 2024.
    _rule(
        "lease-end",
        "Lease",
        "attr.until",
        {"zone": "America/New_York", "holidays": "US", "at": "02:30"},
        [
            _step("month", "-1mo", "agent"),
            _step("days", "-2bd", "agent"),
            _step("day", "0d", "agent", repeat={"every": "1w", "max": 2}),
        ],
        late={"within": "5d", "policy": "drop"},
    ),
    _rule(
        "lease-notice",
        "Lease",
        "attr.until",
        {"zone": "America/New_York", "holidays": "US", "at": "01:30"},
        [_step("notice", "-45d", "agent"), _step("eve", "-1d", "agent")],
    ),
    _rule(
        "licence-renewal",
        "Licence",
        "attr.renew by",
        {"zone": "Asia/Tokyo", "holidays": "JP", "at": "09:00", "roll": "back"},
        [
            _step("two-months", "-60d", "holder"),
            _step("ten", "-10bd", "holder"),
            _step("day", "0d", "holder"),
        ],
        late={"within": "4w", "policy": "digest"},
    ),
    # Half past two is skipped on 31 March 2024 in Berlin, and comes twice on 27 October 2024.
    _rule(
        "review",
        "Review",
        "attr.review by",
        BERLIN | {"at": "02:30"},
        [
            _step("year", "-1y", "reviewer"),
            _step("month", "-1mo", "reviewer"),
            _step("day", "0d", "reviewer"),
        ],
    ),
    _rule(
        "hearing",
        "Hearing",
        "attr.begins",
        BERLIN,
        [
            _step("days", "-2bd", "clerk"),
            _step("day-before", "-24h", "clerk"),
            _step("hours", "-4h", "clerk"),
        ],
        late={"within": "1d", "policy": "send"},
    ),
)


def _edited(rules: Sequence[Rule], changes: Mapping[str, Rule]) -> tuple[Rule, ...]:
    return tuple(copy.deepcopy(r) | copy.deepcopy(changes.get(r["rule"], {})) for r in rules)


def _with_step(rules: Sequence[Rule], name: str, step: Rule) -> list[Rule]:
    return [*next(r for r in rules if r["rule"] == name)["steps"], step]


# In January the contracts get a step, leases fire a quarter of an hour later, and a rule is added.
SECOND = (
    *_edited(
        FIRST,
        {
            "contract-end": {"steps": _with_step(FIRST, "contract-end", _step("ten", "-10d", "owner"))},
            "lease-end": {"calendar": {"zone": "America/New_York", "holidays": "US", "at": "02:45"}},
        },
    ),
    _rule(
        "contract-board",
        "Contract",
        "attr.ends",
        BERLIN | {"at": "10:00"},
        [{"id": "fortnight", "at": "-2w", "to": [{"group": "board"}]}],
        late={"within": "2w", "policy": "send"},
    ),
)

# In July licences are told to whoever answers for them, too, and leases may be told later.
THIRD = _edited(
    SECOND,
    {
        "licence-renewal": {"fallback": [{"group": "board"}]},
        "lease-end": {"late": {"within": "10d", "policy": "send"}},
    },
)

EDITS: tuple[tuple[datetime, tuple[Rule, ...]], ...] = (
    (datetime.fromisoformat("2023-01-01T00:00Z"), FIRST),
    (datetime.fromisoformat("2024-01-17T10:00Z"), SECOND),
    (datetime.fromisoformat("2024-07-08T10:00Z"), THIRD),
)


def at(now: datetime) -> tuple[Rule, ...]:
    """The rules as they stand in their file at an instant."""
    return [rules for since, rules in EDITS if since <= now][-1]


def written(rules: Sequence[Rule]) -> str:
    return yaml.safe_dump({"rules": list(rules)}, sort_keys=False, allow_unicode=True)
