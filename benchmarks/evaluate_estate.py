"""The estate and the rules of benchmarks/evaluate.py: contracts with documents, and a day's events for two in a hundred of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl

from vigil.compliance import facts as f
from vigil.compliance.events import Event
from vigil.compliance.rules.loader import load_text
from vigil.compliance.rules.model import RuleSet

ZONE = "Europe/Berlin"
FIRST = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = FIRST + timedelta(days=1)
START = date(2026, 3, 2)
STATUSES = ("draft", "active", "active", "active", "renewing", "ended", "terminated")
INSTANT = pl.Datetime("us", "UTC")

RULES = """\
rules:
  - {rule: c01, kind: condition, subject: {workspace_type: Contract}, to: [{role: owner}],
     where: {field: attr.status, op: in, value: [active, renewing]}, require: {field: attr.owner, op: present}}
  - {rule: c02, kind: condition, subject: {workspace_type: Contract}, to: [{role: owner}],
     where: {field: attr.status, op: eq, value: active}, require: {field: attr.cost center, op: present}, for: 2d}
  - {rule: c03, kind: condition, subject: {workspace_type: Contract}, to: [{role: owner}],
     where: {field: attr.status, op: eq, value: active}, require: {document: Signed agreement}, for: 1d}
  - {rule: c04, kind: condition, subject: {workspace_type: Contract}, to: [{role: owner}],
     where: {field: attr.status, op: eq, value: active}, require: {document: Insurance certificate, state: valid}}
  - {rule: c05, kind: condition, subject: {workspace_type: Contract}, to: [{role: owner}],
     when: {all: [{field: attr.value, op: ge, value: 900000}, {field: attr.risk, op: absent}]}}
  - {rule: c06, kind: condition, subject: {workspace_type: Contract}, to: [{role: owner}],
     when: {all: [{field: attr.status, op: eq, value: draft}, {field: modified, op: older_than, value: 330d}]}}
  - {rule: c07, kind: condition, subject: {workspace_type: Contract}, to: [{role: owner}],
     when: {all: [{field: attr.expires, op: within, value: 30d}, {field: attr.status, op: eq, value: active},
                  {field: attr.review on, op: absent}]}}
  - {rule: c08, kind: condition, subject: {workspace_type: Contract}, to: [{role: owner}],
     when: {all: [{any: [{field: attr.country, op: in, value: [IT, FR]}, {field: attr.risk, op: eq, value: high}]},
                  {not: {document: Annex}}, {field: attr.value, op: gt, value: 970000}]}}
  - {rule: c09, kind: condition, subject: {workspace_type: Contract}, to: [{role: owner}], for: 1d,
     when: {all: [{field: attr.expires, op: before, value: as_of}, {field: attr.status, op: eq, value: renewing}]}}
  - {rule: c10, kind: condition, subject: {workspace_type: Contract}, to: [{role: owner}],
     where: {field: attr.country, op: ne, value: DE},
     require: {any: [{document: Insurance certificate}, {field: attr.value, op: lt, value: 950000}]}}
  - {rule: m01, kind: milestone, subject: {workspace_type: Contract}, due: attr.expires, calendar: {holidays: DE},
     where: {field: attr.status, op: in, value: [active, renewing]},
     steps: [{id: early, at: -90d, to: [{role: owner}]}, {id: late, at: -30d, to: [{role: owner}]},
             {id: last, at: -7bd, to: [{role: owner}]}]}
  - {rule: m02, kind: milestone, subject: {workspace_type: Contract}, due: attr.review on,
     steps: [{id: soon, at: -14d, to: [{role: owner}]}, {id: now, at: 0d, to: [{role: owner}]}]}
  - {rule: m03, kind: milestone, subject: {workspace_type: Contract}, due: attr.signed at,
     where: {field: attr.status, op: eq, value: active},
     steps: [{id: first, at: +11mo, to: [{role: owner}]}, {id: year, at: +1y, to: [{role: owner}]}]}
  - {rule: m04, kind: milestone, subject: {workspace_type: Contract}, due: attr.expires,
     where: {field: attr.status, op: ne, value: ended}, steps: [{id: over, at: +1d, to: [{role: owner}]}]}
  - {rule: m05, kind: milestone, subject: {workspace_type: Contract}, due: attr.review on, calendar: {holidays: DE},
     where: {field: attr.risk, op: eq, value: high},
     steps: [{id: ask, at: -3bd, to: [{role: owner}], repeat: {every: 1bd, max: 3}}]}
  - {rule: t01, kind: transition, subject: {workspace_type: Contract}, to: [{role: owner}],
     events: [{document_added: {type: Signed agreement}}]}
  - {rule: t02, kind: transition, subject: {workspace_type: Contract}, to: [{role: owner}],
     events: [{status_changed: {field: attr.Contract.status, to: [active, terminated]}}]}
  - {rule: t03, kind: transition, subject: {workspace_type: Contract}, to: [{role: owner}], events: [version_added],
     where: {field: attr.status, op: eq, value: active}}
  - {rule: t04, kind: transition, subject: {workspace_type: Contract}, to: [{role: owner}], events: [comment_added],
     where: {field: attr.value, op: gt, value: 500000}}
  - {rule: t05, kind: transition, subject: {workspace_type: Contract}, to: [{role: owner}],
     events: [document_added, version_added], where: {document: Insurance certificate, state: absent}}
"""


def rule_set() -> RuleSet:
    return load_text({"benchmark.yaml": RULES})


def facts_of(count: int) -> tuple[list[f.Fact], list[Event]]:
    """`count` contracts with two documents and a half each, and the events of a day: the same for the same count."""
    dice = random.Random(20260302)
    facts: list[f.Fact] = []
    events: list[Event] = []
    for n in range(1, count + 1):
        facts.append(_contract(n, dice))
        facts += _documents(n, dice)
        if dice.random() < 0.02:
            events += _events(n, dice)
    return facts, sorted(events, key=lambda e: (e.at, e.occurrence))


def _contract(n: int, dice: random.Random) -> f.Workspace:
    active = dice.random()
    status = STATUSES[int(active * len(STATUSES))]
    signed = FIRST - timedelta(minutes=dice.randrange(60 * 24 * 800))
    attrs: dict[str, f.Value] = {
        "Contract.status": status,
        "Contract.expires": None
        if dice.random() < 0.1
        else START + timedelta(days=dice.randrange(-60, 1100)),
        "Contract.value": dice.randrange(1_000_000),
        "Contract.owner": None if dice.random() < 0.02 else f"user{dice.randrange(800)}",
        "Contract.signed at": None if status == "draft" else signed,
        "Contract.country": dice.choice(("DE", "DE", "IT", "FR", "AT")),
        "Contract.risk": dice.choice((None, "low", "low", "medium", "high")),
        "Contract.review on": None
        if dice.random() < 0.4
        else START + timedelta(days=dice.randrange(-30, 700)),
        "Finance.cost center": None if dice.random() < 0.03 else f"{4000 + dice.randrange(90)}",
        "Finance.invoiced": dice.random() < 0.5,
    }
    created = FIRST - timedelta(days=900, minutes=dice.randrange(60 * 24 * 200))
    modified = FIRST - timedelta(minutes=dice.randrange(60 * 24 * 365))
    return f.Workspace(n, "Contract", f"Contract {n}", created, modified, attrs)


def _documents(n: int, dice: random.Random) -> list[f.Document]:
    out = []
    for k, (kind, share) in enumerate(
        (("Signed agreement", 0.97), ("Insurance certificate", 0.96), ("Annex", 0.6))
    ):
        if dice.random() < share:
            at = FIRST - timedelta(minutes=dice.randrange(60 * 24 * 700))
            expires = START + timedelta(days=dice.randrange(-10, 500)) if kind[0] == "I" else None
            out.append(f.Document(10 * n + k, n, f"{kind}.pdf", kind, at, "ada", at, expires=expires))
    return out


def _events(n: int, dice: random.Random) -> list[Event]:
    at = FIRST + timedelta(seconds=dice.randrange(1, 86_400))
    some = [
        Event("document_added", n, at, f"document:{10 * n + 7}", _document(n, at, "Signed agreement")),
        Event("version_added", n, at, f"document:{10 * n}:2", _document(n, at, "Annex") | {"version": 2}),
        Event(
            "attribute_changed",
            n,
            at,
            f"Contract.status@{at:%Y%m%d%H%M%S}",
            {"at": at, "attr": "Contract.status", "from": "draft", "to": "active"},
        ),
        Event("comment_added", n, at, f"comment:{at:%Y%m%d%H%M%S}", {"at": at, "by": "bob", "text": "ok"}),
    ]
    return dice.sample(some, dice.choice((1, 1, 2)))


def _document(n: int, at: datetime, kind: str) -> dict[str, f.Value]:
    return {"at": at, "by": "ada", "document": f"{kind}.pdf", "document_type": kind, "document_id": 10 * n}


def events_frame(events: Sequence[Event]) -> pl.DataFrame:
    """Events as the rivals have them."""
    columns = {
        "workspace": [e.workspace for e in events],
        "kind": [e.kind for e in events],
        "at": [e.at for e in events],
        "occurrence": [e.occurrence for e in events],
        "type": [e.fields.get("document_type") for e in events],
        "attr": [e.fields.get("attr") for e in events],
        "to": [e.fields.get("to") for e in events],
    }
    types = dict.fromkeys(("kind", "occurrence", "type", "attr", "to"), pl.String)
    return pl.DataFrame(columns, schema_overrides={"workspace": pl.Int64, "at": INSTANT, **types})
