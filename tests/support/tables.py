"""Tables of results for tests of what is written of them: plain, and each field can be given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from vigil.service.reports import frames
from vigil.service.reports.frames import About, Frame

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LINK = "https://ecm.example.org/cs/cs/app/nodes/100001"


def finding(**changes: Any) -> dict[str, Any]:
    """A new finding about a contract, for ada."""
    row = {
        "name": "Supply of steel",
        "rule": "contract-renewal",
        "why": "attr.expires is 2026-06-01",
        "person": "ada",
        "outcome": "would be told",
        "since": None,
        "type": "Contract",
        "step": "last",
        "workspace": 100001,
        "link": LINK,
    }
    return row | changes


def findings(*rows: dict[str, Any], **about: Any) -> Frame:
    """A dry sweep's findings, of a site in Berlin."""
    what: dict[str, Any] = {
        "site": "default",
        "zone": "Europe/Berlin",
        "as_of": AT,
        "scope": "Contract; all rules",
        "dry_run": True,
    }
    return frames.frame(frames.FINDINGS, rows, About(**what | about))
