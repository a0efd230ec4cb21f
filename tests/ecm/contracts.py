"""An estate for the extraction's tests: 240 contracts, one of which holds 120 documents.

Every contract has its own modify date, a minute apart. The clock of the tests begins at NOON; what happens later is moved to.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.jsonl import write_lines

ZONE = "Europe/Berlin"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BEGINNING = datetime(2026, 3, 1, 6, tzinfo=UTC)
CONTRACTS = tuple(range(1001, 1241))
AMENDMENTS = (2001, 2002, 2003)
FULL, VERSIONED, BARE = 1001, 1002, 1003
"""A contract with 120 documents; one whose document has versions; one without a single value."""

TYPES: list[dict[str, Any]] = [
    {
        "type": "Contract",
        "categories": [
            {
                "name": "Terms",
                "attributes": [
                    {"name": "status", "kind": "string", "values": ["draft", "active", "ended"]},
                    {"name": "expires", "kind": "date"},
                    {"name": "signed at", "kind": "datetime"},
                    {"name": "amount", "kind": "integer"},
                    {"name": "renews", "kind": "boolean"},
                    {"name": "owner", "kind": "user"},
                    {"name": "tags", "kind": "string", "multiple": True},
                    {
                        "name": "Parties",
                        "kind": "set",
                        "attributes": [{"name": "name", "kind": "string"}, {"name": "since", "kind": "date"}],
                    },
                ],
            },
            {
                "name": "Remarks",
                "attributes": [{"name": "text", "kind": "string"}, {"name": "by", "kind": "user"}],
            },
        ],
        "roles": ["owner", "steward"],
        "required_documents": [{"type": "Signed contract", "valid_months": 24}],
    },
    {
        "type": "Contract Amendment",
        "categories": [{"name": "Basics", "attributes": [{"name": "reason", "kind": "string"}]}],
        "roles": ["owner"],
        "required_documents": [],
    },
]
USERS = [
    {
        "login": "ada",
        "name": "Ada Byron",
        "email": "ada@example.org",
        "zone": "Europe/London",
        "language": "en",
    },
    {"login": "bob", "name": "Bob Stone", "email": "bob@example.org"},
    {"login": "cem", "name": "Cem Kaya", "email": "cem@example.org", "language": "de"},
    {"login": "eve", "name": "Eve Gone", "email": "eve@example.org"},
    *(
        {"login": f"clerk-{n:02}", "name": f"Clerk {n}", "email": f"clerk-{n:02}@example.org"}
        for n in range(45)
    ),
]
GROUPS = {
    "Records": ["cem", "Clerks"],
    "Clerks": [f"clerk-{n:02}" for n in range(45)],
    "Circle": ["bob", "Ring"],
    "Ring": ["Circle", "eve"],
}
FILLED = {
    "Terms.status": "active",
    "Terms.expires": "2026-12-31",
    "Terms.signed at": "2026-01-15T09:30:00+01:00",
    "Terms.amount": 1200,
    "Terms.renews": False,
    "Terms.owner": "eve",
    "Terms.tags": ["urgent", "paper"],
    "Terms.Parties": [{"name": "Acme", "since": "2020-01-01"}, {"name": "Zenith"}],
    "Remarks.text": "see the annex",
    "Remarks.by": "ada",
}


def at(minutes: float) -> datetime:
    """Minutes after NOON; below zero before it."""
    return NOON + timedelta(minutes=minutes)


def _events() -> list[dict[str, Any]]:
    """What happens: before NOON the estate is filled, after it each thing that a test looks for happens once."""
    past: list[dict[str, Any]] = [
        {"ts": created(number), "kind": "workspace_created", "workspace": number}
        for number in (*CONTRACTS, *AMENDMENTS)
    ]
    late = BEGINNING + timedelta(hours=12)
    for n in range(120):
        what = {"workspace": FULL, "id": 50_001 + n, "name": f"page {n}.pdf", "type": "Annex", "by": "ada"}
        past.append({"ts": late, "kind": "document_added", **what})
    signed = {
        "workspace": VERSIONED,
        "id": 51_000,
        "name": "signed.pdf",
        "type": "Signed contract",
        "by": "bob",
    }
    past.append({"ts": late, "kind": "document_added", **signed, "expires": "2027-06-30"})
    past += [
        {
            "ts": late + timedelta(minutes=n),
            "kind": "version_added",
            "workspace": VERSIONED,
            "id": 51_000,
            "by": who,
        }
        for n, who in ((1, "ada"), (2, "cem"))
    ]
    past += [_comment(late, 1010, text) for text in ("first", "second")]
    past += _steps(late)
    return sorted([*past, *_later()], key=lambda event: event["ts"])


def _steps(late: datetime) -> list[dict[str, Any]]:
    step = {"workspace": 1020, "process": 7001, "step": 1, "title": "Check", "to": "ada"}
    theirs = {"workspace": 1021, "process": 7002, "step": 1, "title": "File", "to": "Clerks"}
    over = {"workspace": 1022, "process": 7003, "step": 1, "title": "Sign", "to": "bob"}
    return [
        {"ts": late, "kind": "step_assigned", **step, "due": "2026-03-02T17:00:00+00:00"},
        {"ts": late, "kind": "step_assigned", **theirs},
        {"ts": late, "kind": "step_assigned", **over},
        _completed(late + timedelta(minutes=5), 1022, 7003, 1, "bob", "signed"),
    ]


def _later() -> list[dict[str, Any]]:
    """After NOON, by the minute."""
    return [
        {"ts": at(1), "kind": "attribute_changed", "workspace": 1005, "attr": "Terms.status", "value": "ended", "by": "ada"},
        {"ts": at(1), "kind": "attribute_changed", "workspace": 1200, "attr": "Terms.status", "value": "ended", "by": "ada"},
        {"ts": at(2), "kind": "document_deleted", "workspace": VERSIONED, "id": 51_000, "by": "bob"},
        {"ts": at(2), "kind": "version_added", "workspace": FULL, "id": 50_001, "by": "bob"},
        _comment(at(3), 1010, "third"),
        _comment(at(3), 1010, "fourth"),
        # 7001 goes on to its next step; 7002 ends; 7003 goes on and ends again between two polls; 7004 comes and goes.
        _completed(at(4), 1020, 7001, 1, "ada", "checked"),
        {"ts": at(4), "kind": "step_assigned", "workspace": 1020, "process": 7001, "step": 2, "title": "Sign", "to": "bob"},
        _completed(at(4), 1021, 7002, 1, "clerk-03", "filed"),
        {"ts": at(4), "kind": "step_assigned", "workspace": 1022, "process": 7003, "step": 2, "title": "File", "to": "cem"},
        _completed(at(4.5), 1022, 7003, 2, "cem", "filed"),
        {"ts": at(4), "kind": "step_assigned", "workspace": 1023, "process": 7004, "step": 1, "title": "Sign", "to": "bob"},
        _completed(at(4.5), 1023, 7004, 1, "bob", "refused"),
        {"ts": at(5), "kind": "user_deleted", "login": "eve"},
        {"ts": at(6), "kind": "document_added", "workspace": 1030, "id": 52_000, "name": "new.pdf", "type": "Annex", "by": "bob"},
    ]  # fmt: skip


def _comment(when: datetime, workspace: int, text: str) -> dict[str, Any]:
    return {"ts": when, "kind": "comment_added", "workspace": workspace, "by": "ada", "text": text}


def _completed(when: datetime, workspace: int, process: int, step: int, by: str, how: str) -> dict[str, Any]:
    what = {"workspace": workspace, "process": process, "step": step, "by": by, "disposition": how}
    return {"ts": when, "kind": "step_completed", **what}


def created(number: int) -> datetime:
    """When a workspace was created."""
    return BEGINNING + timedelta(minutes=number - 1001 if number < 2000 else number - 1500)


def _workspaces() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number in CONTRACTS:
        attrs: dict[str, Any] = {} if number == BARE else {"Terms.status": "draft"}
        roles = {"owner": ["eve", "ada"], "steward": ["Records"]} if number == 1004 else {"owner": ["ada"]}
        attrs = FILLED if number == 1004 else attrs
        found.append(
            {"id": number, "type": "Contract", "name": f"Contract {number}", "attrs": attrs, "roles": roles}
        )
    for number in AMENDMENTS:
        row = {
            "id": number,
            "type": "Contract Amendment",
            "name": f"Amendment {number}",
            "attrs": {},
            "roles": {},
        }
        found.append(row)
    return [{**row, "created": created(row["id"])} for row in found]


def save(folder: Path) -> Path:
    """Write the estate's files."""
    folder.mkdir(parents=True, exist_ok=True)
    meta = {
        "name": "contracts",
        "zone": ZONE,
        "start": BEGINNING,
        "public_url": "https://ecm.example.org",
        "groups": GROUPS,
    }
    write_lines(folder / "meta.json", [meta])
    write_lines(folder / "types.jsonl", TYPES)
    write_lines(folder / "users.jsonl", [{"groups": [], "devices": [], **user} for user in USERS])
    write_lines(folder / "workspaces.jsonl", _workspaces())
    write_lines(folder / "events.jsonl", _events())
    return folder
