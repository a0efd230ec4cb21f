"""Notices for the tests of rendering: one of each event and kind, about one contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.shared import PROJECT
from vigil.compliance.notices import Notice, Person, Severity

TEMPLATES = PROJECT / "templates"
AT = datetime(2026, 3, 3, 23, 30, tzinfo=UTC)  # in Berlin already the 4th

_STEP = {"process": 1, "step": 2, "title": "Approve contract"}
EVENTS: dict[str, dict[str, Any]] = {
    "document_added": {"document": "Frame agreement.pdf", "document_type": "Signed agreement", "version": 1},
    "version_added": {"document": "Plan.docx", "document_type": None, "version": 3},
    "attribute_changed": {"attr": "Contract.status", "from": "draft", "to": "in review"},
    "workspace_created": {},
    "role_changed": {
        "role": "owner",
        "added": ("bob", "cem"),
        "added_names": ("Bob", "Cem Kaya"),
        "removed": ("ada",),
        "removed_names": ("Ada Berg",),
    },
    "comment_added": {"text": "Please look at page 4."},
    "step_assigned": _STEP | {"due": AT + timedelta(days=2), "assignees": ("user:bob",)},
    "escalated": _STEP | {"due": AT, "assignees": ("user:ada",)},
    "step_completed": _STEP | {"disposition": "approved"},
}


def notice(kind: str = "transition", **changes: Any) -> Notice:
    """A notice to bob about a contract, said in English and Berlin's time unless told otherwise."""
    language, zone = changes.pop("language", "en"), changes.pop("zone", "Europe/Berlin")
    plain = Notice(
        rule="contract-rule",
        kind=kind,
        family=kind,
        step=None,
        severity=Severity.NORMAL,
        workspace=100001,
        workspace_name="Frame agreement, Ponte Ingegneria",
        workspace_type="Contract",
        occurrence="o-1",
        fire_at=AT,
        link="https://ecm.example.org/cs/cs/app/nodes/100001",
        person=Person("bob", "Bob", zone=zone, language=language),
        description="A contract in force needs a cost center.",
        event=event("document_added") if kind == "transition" else {},
        due=date(2026, 6, 2) if kind == "milestone" else None,
    )
    return replace(plain, **changes)


def event(kind: str, **changes: Any) -> dict[str, Any]:
    """The fields of an event as evaluation gives them, done by Ada."""
    return {"kind": kind, "at": AT, "by": "ada", "by_name": "Ada Berg"} | EVENTS[kind] | changes
