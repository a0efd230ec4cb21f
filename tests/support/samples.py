"""Facts and outbox entries for tests of the ledger: plain, and each field can be given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from vigil.compliance import facts as f
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.values import Entry

T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def workspace(id: int = 1, **changes: Any) -> f.Workspace:
    fields: dict[str, Any] = {
        "type": "Contract",
        "name": f"Contract {id}",
        "created": T0,
        "modified": T0,
        "attrs": {"Contract.status": "active"},
        "source": f"/v2/businessworkspaces/{id}",
    }
    return f.Workspace(id, **fields | changes)


def document(id: int = 10, workspace: int = 1, **changes: Any) -> f.Document:
    fields: dict[str, Any] = {
        "name": f"Offer {id}.pdf",
        "type": "Offer",
        "created": T0,
        "by": "ada",
        "modified": T0,
    }
    return f.Document(id, workspace, **fields | changes)


def entry(n: int = 1, **changes: Any) -> Entry:
    """A queued row for ada about workspace `n`, with its words."""
    fields: dict[str, Any] = {
        "rule": "contract-renewal",
        "workspace": n,
        "occurrence": "2026-03-31",
        "step": "last",
        "person": "ada",
        "fire_at": T0,
        "state": "queued",
    }
    fields |= changes
    key = "{rule}:{workspace}:{occurrence}:{step}:{person}".format(**fields)
    fields.setdefault("message", words(key))
    return Entry(**fields)


def words(key: str, **more: Any) -> NoticeMessage:
    """A message as `vigil.service.compose` puts it into the outbox."""
    fields: dict[str, Any] = {
        "key": key,
        "title": "Contract ends on 31 March",
        "body": "Supply of paper",
        "link": "https://ecm.example.org/cs/cs/app/nodes/1",
        "severity": "normal",
    }
    return NoticeMessage(**fields | more)
